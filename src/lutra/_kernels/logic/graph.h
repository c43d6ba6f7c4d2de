// Logic as nodes of up to three inputs, each node once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lutra::logic {

// A node or its complement: 2 * node + complemented. Node 0 is constant false.
using Literal = uint32_t;
constexpr Literal kFalse = 0, kTrue = 1;
inline Literal complement(Literal x, bool when = true) { return x ^ Literal(when); }

// The projections: what function of the inputs (a, b, c) each of them is. Entry e of a function
// is its bit e, with a the lowest bit of e.
constexpr uint8_t kA = 0xaa, kB = 0xcc, kC = 0xf0;

struct Node {
    uint32_t in[3];    // nodes, ascending; 0 behind the last of `arity`
    uint8_t function;  // of (in[0], in[1], in[2]), with entry 0 false
    uint8_t arity;     // 2 or 3; 0 for the constant, and for inputs, whose number in[0] is
};

class Graph {
  public:
    Graph();
    // The value of an input: bits that come from outside are numbered by the caller.
    Literal input(uint32_t number);
    // function(a, b, c): constants, repeated inputs and inputs without influence are folded.
    Literal make(uint8_t function, Literal a, Literal b, Literal c);
    Literal both(Literal a, Literal b) { return make(kA & kB, a, b, kFalse); }
    Literal either(Literal a, Literal b) { return make(kA | kB, a, b, kFalse); }
    Literal differ(Literal a, Literal b) { return make(kA ^ kB, a, b, kFalse); }
    Literal choose(Literal which, Literal one, Literal zero) {
        return make((kA & kB) | (~kA & kC), which, one, zero);
    }
    const std::vector<Node> &nodes() const { return nodes_; }

  private:
    uint32_t find(const Node &node);
    void grow();

    std::vector<Node> nodes_;
    std::vector<uint32_t> slots_, inputs_;
};

// Nodes that stay when those are merged into their readers that leave these with at most three
// inputs; inputs and the constant first, as in `graph`, each node behind what it reads.
// `outputs` are renumbered.
std::vector<Node> merged(const Graph &graph, std::vector<Literal> &outputs);

}  // namespace lutra::logic
