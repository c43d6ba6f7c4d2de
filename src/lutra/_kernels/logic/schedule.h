// In which order nodes are computed, and from where to where: registers and slots of memory.

#pragma once

#include "graph.h"

namespace lutra::logic {

// Nodes of two inputs that compute what `nodes` do: `and`, `or`, `xor` and the two `and not`.
std::vector<Node> two_input(const std::vector<Node> &nodes, std::vector<Literal> &outputs);

// The nodes that the outputs need, without inputs and the constant: depth first, and what frees a
// value as soon as it can be computed, so that values are read soon after they are made.
std::vector<uint32_t> order(const std::vector<Node> &nodes, const std::vector<Literal> &outputs);

struct Step {
    enum Kind : uint8_t {
        kLoad,   // to = slot
        kStore,  // slot = to
        kMove,   // to = a
        kAnd,    // to = a & b
        kAndNot, // to = ~a & b
        kOr,     // to = a | b
        kXor,    // to = a ^ b
        kThree,  // to = function(to, a, b): entry to + 2 a + 4 b
        kEnd,    // of a segment: no register holds anything
    };
    Kind kind;
    uint8_t to, a, b, function;
    bool from_slot;  // `slot` in the place of b
    uint32_t slot;
};

struct Schedule {
    std::vector<Step> steps;
    std::vector<uint32_t> slot_of;  // of each input and output node
    size_t slots;
};

// Registers are filled again with what is read first; a node that lies in a slot already is not
// stored twice, and slots serve again when their node is done with. Input number i arrives in slot
// i. No segment has more than about `segment` steps.
Schedule allocate(const std::vector<Node> &nodes, const std::vector<Literal> &outputs,
                  size_t inputs, unsigned registers, size_t segment);

}  // namespace lutra::logic
