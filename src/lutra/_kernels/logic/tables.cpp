#include "tables.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

namespace lutra::logic {
namespace {

constexpr Function kVariables[6] = {0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
                                    0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000};
enum Kind : uint8_t { kDirect, kPair, kShannon, kDavio0, kDavio1, kBound1, kBound2 };

Function zero(Function f, unsigned x) {
    const Function low = f & ~kVariables[x];
    return low | low << (1 << x);
}
Function one(Function f, unsigned x) {
    const Function high = f & kVariables[x];
    return high | high >> (1 << x);
}
Function select(unsigned x, Function f1, Function f0) {
    return (f1 & kVariables[x]) | (f0 & ~kVariables[x]);
}
bool constant(Function f) { return f == 0 || ~f == 0; }
unsigned support(Function f) {
    unsigned result = 0;
    for (unsigned x = 0; x < 6; ++x)
        if (zero(f, x) != one(f, x)) result |= 1u << x;
    return result;
}

// Variables i and i + 1 in each other's place.
Function swap_next(Function f, unsigned i) {
    const Function up = kVariables[i] & ~kVariables[i + 1], down = up << (1 << i);
    return (f & ~(up | down)) | (f & up) << (1 << i) | (f & down) >> (1 << i);
}
// The function with the variables it depends on at the front.
Function compact(Function f, unsigned support) {
    for (unsigned to = 0, from = 0; from < 6; ++from)
        if (support >> from & 1) {
            for (unsigned i = from; i > to; --i) f = swap_next(f, i - 1);
            ++to;
        }
    return f;
}

// f = top(g, x, y), where g may read x but not y: for either x, what f is for y = 0 and 1 are two
// of constants, one function and its complement. The parts of g for x = 0 and 1, if so.
bool pair(Function f, unsigned x, unsigned y, Function *g) {
    for (int value : {0, 1}) {
        const Function fx = value ? one(f, x) : zero(f, x), f0 = zero(fx, y), f1 = one(fx, y);
        if (!constant(f0) && !constant(f1) && f0 != f1 && f0 != ~f1) return false;
        g[value] = constant(f0) ? f1 : f0;
    }
    if (constant(g[0])) g[0] = g[1];
    if (constant(g[1])) g[1] = g[0];
    return true;
}

// Whether each function of four variables, of which it needs all, takes two nodes and not three.
std::vector<bool> pairs_of_four() {
    std::vector<bool> result(1 << 16, false);
    for (unsigned entries = 0; entries < 1 << 16; ++entries) {
        const Function f = entries * Function(0x0001000100010001);
        Function g[2];
        for (unsigned y = 0; y < 4; ++y)
            for (unsigned x = 0; x < 4; ++x)
                if (x != y && pair(f, x, y, g)) result[entries] = true;
    }
    return result;
}

}  // namespace

Tables::Tables(Graph &graph) : graph_(graph), known_(1 << 14, {0, 0}) {}

unsigned Tables::nodes(Function f) {
    if (f & 1) f = ~f;
    const unsigned all = support(f), count = std::popcount(all);
    if (count <= 3) return count > 1;
    if (count == 4) {
        static const std::vector<bool> two = pairs_of_four();
        return two[compact(f, all) & 0xffff] ? 2 : 3;
    }
    Known &known = known_[(f * 0x9e3779b97f4a7c15) >> 50];
    if (known.f != f) known = {f, search(f).nodes};
    return known.nodes;
}

Tables::Choice Tables::search(Function f) {
    const unsigned all = support(f), count = std::popcount(all), least = count / 2;
    if (count <= 3) return {uint8_t(count > 1), kDirect, 0, 0, 0, 0};
    Choice best{255, 0, 0, 0, 0, 0};
    const auto done = [&] { return best.nodes <= least; };
    for (unsigned y = 0; y < 6 && !done(); ++y)
        for (unsigned x = 0; x < 6 && !done(); ++x)
            if (x != y && all >> x & all >> y & 1) try_pair(f, x, y, best);
    if (count > 4)
        for (unsigned x = 0; x < 6 && !done(); ++x)
            for (unsigned y = x + 1; y < 6 && !done(); ++y)
                if (all >> x & all >> y & 1)
                    for (unsigned z = y + 1; z < 7 && !done(); ++z)
                        if (z == 6 || all >> z & 1) try_bound(f, x, y, z, best);
    if (best.nodes > least + 1)
        for (unsigned x = 0; x < 6; ++x)
            if (all >> x & 1) try_expansion(f, x, best);
    return best;
}

void Tables::try_pair(Function f, unsigned x, unsigned y, Choice &best) {
    Function g[2];
    if (!pair(f, x, y, g)) return;
    for (Function flip : {Function(0), ~Function(0)}) {
        const Function inner = select(x, g[1] ^ flip, g[0]);
        const unsigned cost = 1 + nodes(inner);
        if (cost < best.nodes) best = {uint8_t(cost), kPair, uint8_t(x), uint8_t(y), inner, 0};
    }
}

// Two of f0, f1 and their difference make f with x (Shannon, positive and negative Davio).
void Tables::try_expansion(Function f, unsigned x, Choice &best) {
    const Function f0 = zero(f, x), f1 = one(f, x), d = f0 ^ f1;
    const unsigned n0 = nodes(f0);
    if (n0 + 1 >= best.nodes) {
        const unsigned cost = 1 + nodes(f1) + nodes(d);
        if (cost < best.nodes) best = {uint8_t(cost), kDavio1, uint8_t(x), 0, f1, d};
        return;
    }
    const unsigned n1 = nodes(f1), nd = nodes(d);
    const auto take = [&](unsigned cost, Kind kind, Function g, Function h) {
        if (cost + 1 < best.nodes) best = {uint8_t(cost + 1), kind, uint8_t(x), 0, g, h};
    };
    take(n0 + n1, kShannon, f0, f1);
    take(n0 + nd, kDavio0, f0, d);
    take(n1 + nd, kDavio1, f1, d);
}

// f = g(c1, ...) or g(c1, c2, ...) where c1 and c2 say which of the at most two or four functions
// of the other variables f is, for given x, y and z (z = 6: of two variables). They take the
// places of x and y.
void Tables::try_bound(Function f, unsigned x, unsigned y, unsigned z, Choice &best) {
    const unsigned size = z < 6 ? 8 : 4;
    Function columns[4];
    unsigned kind[8], count = 0;
    for (unsigned e = 0; e < size; ++e) {
        Function c = e & 1 ? one(f, x) : zero(f, x);
        c = e & 2 ? one(c, y) : zero(c, y);
        if (size == 8) c = e & 4 ? one(c, z) : zero(c, z);
        const unsigned at = unsigned(std::find(columns, columns + count, c) - columns);
        if (at == 4 || (at == count && (count == 2 && size == 4))) return;
        if (at == count) columns[count++] = c;
        kind[e] = at;
    }
    const auto code = [&](const unsigned *codes, unsigned bit) {
        Function result = 0;
        for (unsigned e = 0; e < size; ++e)
            if (codes[kind[e]] >> bit & 1)
                result |= (e & 1 ? kVariables[x] : ~kVariables[x]) &
                          (e & 2 ? kVariables[y] : ~kVariables[y]) &
                          (size == 4 ? ~Function(0) : e & 4 ? kVariables[z] : ~kVariables[z]);
        return result;
    };
    // `columns` by their codes, where the codes stand at x and y.
    const auto keep = [&](const unsigned *codes, Kind kind) {
        Function g = 0;
        for (unsigned c = 0; c < (kind == kBound1 ? 2u : 4u); ++c) {
            unsigned of = 0;
            for (unsigned k = 0; k < count; ++k)
                if (codes[k] == c) of = k;
            Function where = c & 1 ? kVariables[x] : ~kVariables[x];
            if (kind == kBound2) where &= c & 2 ? kVariables[y] : ~kVariables[y];
            g |= columns[of] & where;
        }
        const unsigned cost = (kind == kBound1 ? 1 : 2) + nodes(g);
        if (cost < best.nodes) {
            best = {uint8_t(cost), uint8_t(kind), uint8_t(x), uint8_t(y), g, code(codes, 0)};
            // The second code is found again from z and the first.
            best.y = uint8_t(y | z << 4);
        }
    };
    constexpr unsigned kCodes[3][4] = {{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 3, 1, 2}};
    if (count <= 2) keep(kCodes[0], kBound1);
    else
        for (const auto &codes : kCodes) keep(codes, kBound2);
}

Literal Tables::build(Function f, Inputs inputs) {
    if (f & 1) return complement(build(~f, inputs));
    const Choice choice = search(f);
    const unsigned x = choice.x, y = choice.y & 15;
    switch (choice.kind) {
        case kDirect: {
            Literal in[3] = {kFalse, kFalse, kFalse};
            unsigned at[3], count = 0;
            for (unsigned v = 0; v < 6; ++v)
                if (support(f) >> v & 1) at[count] = v, in[count++] = inputs[v];
            uint8_t function = 0;
            for (unsigned e = 0; e < 8; ++e) {
                unsigned entry = 0;
                for (unsigned i = 0; i < count; ++i) entry |= (e >> i & 1) << at[i];
                function |= (f >> entry & 1) << e;
            }
            return graph_.make(function, in[0], in[1], in[2]);
        }
        case kPair: {
            // top(g, x, y), entry by entry from where g has that value.
            uint8_t top = 0;
            for (unsigned e = 0; e < 8; ++e) {
                const Function where = (e & 1 ? choice.g : ~choice.g) &
                                       (e & 2 ? kVariables[x] : ~kVariables[x]) &
                                       (e & 4 ? kVariables[y] : ~kVariables[y]);
                if (f & where) top |= 1 << e;
            }
            return graph_.make(top, build(choice.g, inputs), inputs[x], inputs[y]);
        }
        case kShannon:
            return graph_.choose(inputs[x], build(choice.h, inputs), build(choice.g, inputs));
        case kDavio0:
            return graph_.make(kA ^ (kB & kC), build(choice.g, inputs), build(choice.h, inputs),
                               inputs[x]);
        case kDavio1:
            return graph_.make(kA ^ (kB & ~kC), build(choice.g, inputs), build(choice.h, inputs),
                               inputs[x]);
        default: break;
    }
    Inputs reduced = inputs;
    reduced[x] = build(choice.h, inputs);
    if (choice.kind == kBound2) {
        // Where c1 and the column are known, c2 is: it is the bit with f = g(c1, c2, ...).
        const unsigned z = choice.y >> 4;
        Function c2 = 0;
        for (unsigned e = 0; e < 8; ++e) {
            Function where = (e & 1 ? kVariables[x] : ~kVariables[x]) &
                             (e & 2 ? kVariables[y] : ~kVariables[y]) &
                             (e & 4 ? kVariables[z] : ~kVariables[z]);
            const Function column = [&] {
                Function c = e & 1 ? one(f, x) : zero(f, x);
                c = e & 2 ? one(c, y) : zero(c, y);
                return e & 4 ? one(c, z) : zero(c, z);
            }();
            const Function g = choice.h & where ? one(choice.g, x) : zero(choice.g, x);
            if (zero(g, y) != column) c2 |= where;
        }
        reduced[y] = build(c2, inputs);
    }
    return build(choice.g, reduced);
}

Literal Tables::read(const uint8_t *entries, const Literal *inputs, unsigned fan_in) {
    if (fan_in <= 6) {
        Function f = 0;
        std::memcpy(&f, entries, fan_in < 3 ? 1 : size_t(1) << (fan_in - 3));
        for (unsigned k = fan_in; k < 6; ++k) f |= f << (1 << k);
        Inputs in{};
        std::copy(inputs, inputs + fan_in, in.begin());
        return build(f, in);
    }
    std::vector<uint64_t> words(size_t(1) << (fan_in - 6));
    std::memcpy(words.data(), entries, words.size() * 8);
    return wide(std::move(words), {inputs, inputs + fan_in});
}

namespace {

// The table with address bits i and j in each other's place.
std::vector<uint64_t> swapped(const std::vector<uint64_t> &entries, unsigned i, unsigned j) {
    std::vector<uint64_t> result(entries.size(), 0);
    for (size_t e = 0; e < entries.size() * 64; ++e) {
        const size_t differ = (e >> i ^ e >> j) & 1, from = e ^ differ << i ^ differ << j;
        result[e / 64] |= (entries[from / 64] >> (from % 64) & 1) << (e % 64);
    }
    return result;
}

// How many functions of the lower `low` address bits there are, a function and its complement one.
size_t columns(const std::vector<uint64_t> &entries, unsigned low) {
    std::vector<std::vector<uint64_t>> seen;
    if (low < 6) return entries.size() * 64;
    const size_t length = size_t(1) << (low - 6);
    for (size_t at = 0; at < entries.size(); at += length) {
        std::vector<uint64_t> column(entries.begin() + at, entries.begin() + at + length);
        if (column[0] & 1)
            for (uint64_t &word : column) word = ~word;
        seen.push_back(std::move(column));
    }
    std::sort(seen.begin(), seen.end());
    return size_t(std::unique(seen.begin(), seen.end()) - seen.begin());
}

}  // namespace

// The address bits go to the top one by one, each time the one that leaves fewest functions of the
// others; then equal functions are one node. The last six go to the search.
Literal Tables::wide(std::vector<uint64_t> entries, const std::vector<Literal> &inputs) {
    std::vector<Literal> in = inputs;
    for (unsigned top = unsigned(in.size()) - 1; top > 5; --top) {
        size_t fewest = ~size_t(0);
        unsigned best = top;
        for (unsigned x = 0; x <= top; ++x) {
            const size_t found = columns(x == top ? entries : swapped(entries, x, top), top);
            if (found < fewest) fewest = found, best = x;
        }
        if (best != top) {
            entries = swapped(entries, best, top);
            std::swap(in[best], in[top]);
        }
    }
    Inputs lowest;
    std::copy(in.begin(), in.begin() + 6, lowest.begin());
    std::vector<Literal> level(entries.size());
    std::unordered_map<Function, Literal> done;
    for (size_t i = 0; i < entries.size(); ++i) {
        const auto [found, fresh] = done.try_emplace(entries[i], 0);
        if (fresh) found->second = build(entries[i], lowest);
        level[i] = found->second;
    }
    for (size_t x = 6; x < in.size(); ++x) {
        for (size_t i = 0; i < level.size() / 2; ++i)
            level[i] = graph_.choose(in[x], level[2 * i + 1], level[2 * i]);
        level.resize(level.size() / 2);
    }
    return level[0];
}

}  // namespace lutra::logic
