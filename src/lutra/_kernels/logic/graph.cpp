#include "graph.h"

#include <algorithm>

namespace lutra::logic {
namespace {

constexpr uint8_t kProjections[3] = {kA, kB, kC};
constexpr uint32_t kNone = ~0u;

uint8_t without(uint8_t f, int at, bool value) {
    const int shift = 1 << at;
    return value ? (f & kProjections[at]) | (f & kProjections[at]) >> shift
                 : (f & ~kProjections[at]) | (f & ~kProjections[at]) << shift;
}
uint8_t select(uint8_t f0, uint8_t f1, int at) {
    return (f0 & ~kProjections[at]) | (f1 & kProjections[at]);
}
bool depends(uint8_t f, int at) { return without(f, at, false) != without(f, at, true); }
uint8_t swapped(uint8_t f, int i, int j) {
    uint8_t result = 0;
    for (int e = 0; e < 8; ++e) {
        const int differ = (e >> i ^ e >> j) & 1;
        result |= (f >> (e ^ differ << i ^ differ << j) & 1) << e;
    }
    return result;
}

// Sorts the inputs, drops those without influence and counts the rest.
void settle(Node &node) {
    node.arity = 0;
    for (int i = 0; i < 3; ++i)
        if (depends(node.function, i)) ++node.arity;
        else node.in[i] = kNone;
    for (const auto &[i, j] : {std::pair{0, 1}, {1, 2}, {0, 1}})
        if (node.in[i] > node.in[j]) {
            std::swap(node.in[i], node.in[j]);
            node.function = swapped(node.function, i, j);
        }
    std::replace(node.in, node.in + 3, kNone, 0u);
}

// The function of `outer` with `inner` in the place of its input; false where four inputs are left.
bool compose(const Node &outer, uint32_t which, const Node &inner, Node &result) {
    uint32_t inputs[6];
    size_t count = 0;
    const auto add = [&](uint32_t node) {
        if (std::find(inputs, inputs + count, node) == inputs + count) inputs[count++] = node;
    };
    for (int i = 0; i < outer.arity; ++i)
        if (outer.in[i] != which) add(outer.in[i]);
    for (int i = 0; i < inner.arity; ++i) add(inner.in[i]);
    if (count > 3) return false;
    result.function = 0;
    for (int e = 0; e < 8; ++e) {
        const auto entry = [&](const Node &node, int value) {
            int address = 0;
            for (int i = 0; i < node.arity; ++i) {
                const auto at = std::find(inputs, inputs + count, node.in[i]) - inputs;
                const int bit = at == ptrdiff_t(count) ? value : e >> at & 1;
                address |= bit << i;
            }
            return node.function >> address & 1;
        };
        result.function |= entry(outer, entry(inner, 0)) << e;
    }
    for (size_t i = 0; i < 3; ++i) result.in[i] = i < count ? inputs[i] : kNone;
    settle(result);
    return true;
}

}  // namespace

Graph::Graph() : nodes_{Node{}}, slots_(1 << 12, kNone) {}

Literal Graph::input(uint32_t number) {
    if (number >= inputs_.size()) inputs_.resize(number + 1, 0);
    if (!inputs_[number]) {
        inputs_[number] = uint32_t(nodes_.size());
        nodes_.push_back({{number, 0, 0}, 0, 0});
    }
    return 2 * inputs_[number];
}

Literal Graph::make(uint8_t function, Literal a, Literal b, Literal c) {
    Node node{{a >> 1, b >> 1, c >> 1}, function, 3};
    const Literal in[3] = {a, b, c};
    for (int i = 0; i < 3; ++i) {
        uint8_t &f = node.function;
        if (in[i] & 1) f = select(without(f, i, true), without(f, i, false), i);
        if (!node.in[i]) f = without(f, i, false);
        for (int j = 0; j < i; ++j)
            if (node.in[i] == node.in[j])
                f = select(without(without(f, i, false), j, false),
                           without(without(f, i, true), j, true), j);
    }
    const bool flipped = node.function & 1;
    if (flipped) node.function = ~node.function;
    settle(node);
    if (node.arity == 0) return complement(kFalse, flipped);
    if (node.arity == 1) return complement(2 * node.in[0], flipped);
    return complement(2 * find(node), flipped);
}

uint32_t Graph::find(const Node &node) {
    if (nodes_.size() * 2 > slots_.size()) grow();
    const auto hash = [](const Node &n) {
        uint64_t h = n.in[0] * 0x9e3779b97f4a7c15u + n.in[1];
        h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u + n.in[2];
        h = (h ^ h >> 32) * 0x94d049bb133111ebu + n.function;
        return h ^ h >> 31;
    };
    for (size_t at = hash(node);; ++at) {
        uint32_t &slot = slots_[at & (slots_.size() - 1)];
        if (slot == kNone) {
            slot = uint32_t(nodes_.size());
            nodes_.push_back(node);
            return slot;
        }
        const Node &seen = nodes_[slot];
        if (std::equal(node.in, node.in + 3, seen.in) && node.function == seen.function)
            return slot;
    }
}

void Graph::grow() {
    std::vector<Node> old;
    old.swap(nodes_);
    slots_.assign(slots_.size() * 4, kNone);
    nodes_.reserve(slots_.size() / 2);
    for (const Node &node : old) {
        if (node.arity) find(node);  // finds each in its old place: none is equal to another
        else nodes_.push_back(node);
    }
}

std::vector<Node> merged(const Graph &graph, std::vector<Literal> &outputs) {
    std::vector<Node> nodes = graph.nodes();
    // Nodes that no output needs read nothing.
    std::vector<uint32_t> reads(nodes.size(), 0);
    std::vector<bool> needed(nodes.size(), false), kept(nodes.size(), false);
    for (Literal output : outputs) needed[output >> 1] = kept[output >> 1] = true;
    for (size_t n = nodes.size(); n-- > 1;)
        if (needed[n])
            for (int i = 0; i < nodes[n].arity; ++i) {
                needed[nodes[n].in[i]] = true;
                ++reads[nodes[n].in[i]];
            }
    std::vector<uint32_t> first(nodes.size() + 1, 0), readers;
    for (size_t n = 0; n < nodes.size(); ++n) first[n + 1] = first[n] + reads[n];
    readers.resize(first.back());
    std::vector<uint32_t> filled(first.begin(), first.end() - 1);
    for (size_t n = 1; n < nodes.size(); ++n)
        if (needed[n])
            for (int i = 0; i < nodes[n].arity; ++i) readers[filled[nodes[n].in[i]]++] = uint32_t(n);

    // A node goes where each of its readers has room for what it reads; few readers first, since
    // a reader has room once or twice. Readers of nodes that went are found through `moved`.
    std::vector<std::vector<uint32_t>> moved(nodes.size());
    for (size_t most : {1, 2, 3, 4})
        for (uint32_t n = 1; n < nodes.size(); ++n) {
            if (!needed[n] || kept[n] || !nodes[n].arity) continue;
            std::vector<uint32_t> at(readers.begin() + first[n], readers.begin() + first[n + 1]);
            at.insert(at.end(), moved[n].begin(), moved[n].end());
            std::erase_if(at, [&](uint32_t reader) {
                const Node &r = nodes[reader];
                return !needed[reader] || std::find(r.in, r.in + r.arity, n) == r.in + r.arity;
            });
            std::sort(at.begin(), at.end());
            at.erase(std::unique(at.begin(), at.end()), at.end());
            if (at.empty() || at.size() > most) continue;
            std::vector<Node> composed(at.size());
            bool fits = true;
            for (size_t i = 0; fits && i < at.size(); ++i)
                fits = compose(nodes[at[i]], n, nodes[n], composed[i]) && composed[i].arity > 1;
            if (!fits) continue;
            for (size_t i = 0; i < at.size(); ++i) {
                nodes[at[i]] = composed[i];
                for (int j = 0; j < composed[i].arity; ++j) moved[composed[i].in[j]].push_back(at[i]);
            }
            needed[n] = false;
        }
    std::vector<uint32_t> number(nodes.size(), 0);
    std::vector<Node> result;
    for (uint32_t n = 0; n < nodes.size(); ++n)
        if (n == 0 || needed[n]) {
            number[n] = uint32_t(result.size());
            result.push_back(nodes[n]);
            Node &node = result.back();
            for (int i = 0; i < node.arity; ++i) node.in[i] = number[node.in[i]];
        }
    for (Literal &output : outputs) output = complement(2 * number[output >> 1], output & 1);
    return result;
}

}  // namespace lutra::logic
