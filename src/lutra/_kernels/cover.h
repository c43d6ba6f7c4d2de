// Similar parts of a table share one memory: first fit into few unique parts.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace lutra {

struct Cover {
    const uint32_t *values;   // [n, parts, length], 0 where nothing cares
    const uint8_t *cares;     // [n, parts, length], 0 or 1
    size_t parts, length;
    int max_shift;
    uint32_t *unique;         // out [n, parts, length], zero to begin with
    int32_t *owner, *shift;   // out [n, parts]
    int32_t *count;           // out [n], how many unique parts
};

// A part fits where, shifted to the left, it agrees with all bits that are known already.
inline bool fits(const uint32_t *values, const uint8_t *cares, int shift, const uint32_t *unique,
                 const uint32_t *known, size_t length) {
    for (size_t e = 0; e < length; ++e)
        if (cares[e] && (values[e] << shift ^ unique[e]) & known[e] & ~0u << shift) return false;
    return true;
}

// The widest parts come first, then those that care most: without don't-cares nothing but a wider
// part or an equal one generates a part, and so no other choice needs fewer unique ones.
inline void cover(const Cover &c, size_t begin, size_t end) {
    const size_t size = c.parts * c.length;
    std::vector<uint32_t> known(size);
    std::vector<size_t> order(c.parts);
    std::vector<std::pair<int, int>> rank(c.parts);
    for (size_t n = begin; n < end; ++n) {
        const uint32_t *values = c.values + n * size;
        const uint8_t *cares = c.cares + n * size;
        uint32_t *unique = c.unique + n * size;
        for (size_t p = 0; p < c.parts; ++p) {
            const uint32_t *v = values + p * c.length;
            const uint8_t *care = cares + p * c.length;
            rank[p] = {std::bit_width(*std::max_element(v, v + c.length)),
                       std::accumulate(care, care + c.length, 0)};
        }
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return rank[a] > rank[b]; });
        std::fill(known.begin(), known.end(), 0);
        const int width = rank[order[0]].first;
        size_t count = 0;
        for (size_t p : order) {
            const uint32_t *v = values + p * c.length;
            const uint8_t *care = cares + p * c.length;
            size_t owner = count;  // a place of its own, unless it fits
            int shift = 0;
            for (int s = 0; s <= c.max_shift && rank[p].first + s <= width && owner == count; ++s)
                for (size_t u = 0; u < count && owner == count; ++u)
                    if (fits(v, care, s, unique + u * c.length, &known[u * c.length], c.length)) {
                        owner = u;
                        shift = s;
                    }
            for (size_t e = 0; e < c.length; ++e)
                if (care[e]) {
                    unique[owner * c.length + e] |= v[e] << shift;
                    known[owner * c.length + e] |= ~0u << shift;
                }
            c.owner[n * c.parts + p] = int32_t(owner);
            c.shift[n * c.parts + p] = shift;
            count += owner == count;
        }
        c.count[n] = int32_t(count);
    }
}

}  // namespace lutra
