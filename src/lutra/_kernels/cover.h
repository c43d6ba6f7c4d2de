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

// Entries side by side in a word, each in a power of two of bits that holds the widest.
struct Fields {
    int bits;
    size_t count;   // in a word
    uint64_t ones;  // in the first field

    explicit Fields(int width)
        : bits(int(std::bit_ceil(unsigned(std::max(width, 1))))),
          count(64 / bits),
          ones(~uint64_t(0) >> (64 - bits)) {}
    size_t words(size_t length) const { return (length + count - 1) / count; }
    // All bits but the lowest of each.
    uint64_t above(int shift) const { return ~uint64_t(0) / ones * (ones << shift & ones); }
    template <typename T>
    uint64_t pack(const T *entries, size_t length) const {
        uint64_t word = 0;
        for (size_t e = std::min(length, count); e--;) word = word << bits | entries[e];
        return word;
    }
    void unpack(uint64_t word, uint32_t *entries, size_t length) const {
        for (size_t e = 0; e < std::min(length, count); ++e, word >>= bits)
            entries[e] = uint32_t(word & ones);
    }
};

// Unique parts, word by word: [words, room]. Nothing is known of the room behind the last part.
struct Unique {
    static constexpr size_t kBlock = 8;
    size_t words, room;
    std::vector<uint64_t> values, known;

    Unique(size_t words, size_t parts)
        : words(words), room(parts + kBlock), values(words * room), known(words * room) {}

    bool fits(uint64_t value, uint64_t cares, size_t word, size_t u) const {
        return !((value ^ values[word * room + u]) & known[word * room + u] & cares);
    }

    // The first part that agrees with all bits that are known already. Few agree in the first word
    // and not in the others.
    size_t first(const uint64_t *value, const uint64_t *cares, uint64_t above, int shift) const {
        for (size_t start = 0;; start += kBlock) {
            unsigned found = 0;
            for (size_t i = 0; i < kBlock; ++i)
                found |= unsigned(fits(value[0] << shift, cares[0] & above, 0, start + i)) << i;
            for (; found; found &= found - 1) {
                const size_t u = start + std::countr_zero(found);
                size_t w = 1;
                while (w < words && fits(value[w] << shift, cares[w] & above, w, u)) ++w;
                if (w == words) return u;
            }
        }
    }
};

// The widest parts come first, then those that care most: without don't-cares nothing but a wider
// part or an equal one generates a part, and so no other choice needs fewer unique ones.
inline void cover(const Cover &c, size_t begin, size_t end) {
    const size_t size = c.parts * c.length;
    std::vector<size_t> order(c.parts);
    std::vector<std::pair<int, int>> rank(c.parts);
    for (size_t n = begin; n < end; ++n) {
        const uint32_t *values = c.values + n * size;
        const uint8_t *cares = c.cares + n * size;
        for (size_t p = 0; p < c.parts; ++p) {
            const uint32_t *v = values + p * c.length;
            const uint8_t *care = cares + p * c.length;
            rank[p] = {std::bit_width(*std::max_element(v, v + c.length)),
                       std::accumulate(care, care + c.length, 0)};
        }
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return rank[a] > rank[b]; });
        const int width = rank[order[0]].first;
        const Fields fields(width);
        Unique unique(fields.words(c.length), c.parts);
        std::vector<uint64_t> value(unique.words), care(unique.words);
        size_t count = 0;
        for (size_t p : order) {
            for (size_t w = 0, e = 0; w < unique.words; ++w, e += fields.count) {
                value[w] = fields.pack(values + p * c.length + e, c.length - e);
                care[w] = fields.pack(cares + p * c.length + e, c.length - e) * fields.ones;
            }
            size_t owner = count;  // a place of its own, unless it fits
            int shift = 0;
            for (int s = 0; s <= c.max_shift && rank[p].first + s <= width && owner == count; ++s) {
                owner = unique.first(value.data(), care.data(), fields.above(s), s);
                shift = owner == count ? 0 : s;
            }
            for (size_t w = 0; w < unique.words; ++w) {
                unique.values[w * unique.room + owner] |= value[w] << shift;
                unique.known[w * unique.room + owner] |= care[w] & fields.above(shift);
            }
            c.owner[n * c.parts + p] = int32_t(owner);
            c.shift[n * c.parts + p] = shift;
            count += owner == count;
        }
        for (size_t u = 0; u < count; ++u)
            for (size_t w = 0, e = 0; w < unique.words; ++w, e += fields.count)
                fields.unpack(unique.values[w * unique.room + u],
                              c.unique + n * size + u * c.length + e, c.length - e);
        c.count[n] = int32_t(count);
    }
}

}  // namespace lutra
