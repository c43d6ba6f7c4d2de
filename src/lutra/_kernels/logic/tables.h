// Truth tables as few nodes of three inputs.

#pragma once

#include <array>
#include <vector>

#include "graph.h"

namespace lutra::logic {

// A function of six variables; entry e is bit e, variable 0 the lowest bit of e.
using Function = uint64_t;

class Tables {
  public:
    explicit Tables(Graph &graph);
    // The node that reads `entries` (2^fan_in bits, entry e in byte e / 8, bit e % 8) at the
    // address whose bits are `inputs`, lowest first; fan_in at most 16.
    Literal read(const uint8_t *entries, const Literal *inputs, unsigned fan_in);

  private:
    // f = top(g, ...): how a function comes of simpler ones, and the nodes that takes.
    struct Choice {
        uint8_t nodes, kind, x, y;
        Function g, h;
    };
    using Inputs = std::array<Literal, 6>;

    Choice search(Function f);
    unsigned nodes(Function f);
    void try_pair(Function f, unsigned x, unsigned y, Choice &best);
    void try_expansion(Function f, unsigned x, Choice &best);
    void try_bound(Function f, unsigned x, unsigned y, unsigned z, Choice &best);
    Literal build(Function f, Inputs inputs);
    Literal wide(std::vector<uint64_t> entries, const std::vector<Literal> &inputs);

    Graph &graph_;
    struct Known {
        Function f;
        unsigned nodes;
    };
    std::vector<Known> known_;  // by hash; a newer one takes the place of an older
};

}  // namespace lutra::logic
