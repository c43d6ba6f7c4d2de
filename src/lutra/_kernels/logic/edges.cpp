// See kernels.cpp for why nothing but the table at the end has external linkage.

#include "edges.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

namespace lutra::logic {
namespace {

// Bit i of the result is byte i, 0 or 1.
[[maybe_unused]] inline uint64_t pack(const uint8_t *yes) {
    uint64_t result = 0;
    for (int i = 0; i < 8; ++i) {
        uint64_t eight;
        std::memcpy(&eight, yes + 8 * i, 8);
        result |= (eight * 0x0102040810204080u >> 56) << 8 * i;
    }
    return result;
}

#if defined(__AVX512BW__)
// One bit per feature of a sample.
struct Row {
    Row(const Sheet &sheet, size_t bytes) : is_mask(sheet.is_mask) {
        uint8_t *to = reinterpret_cast<uint8_t *>(values);
        for (int i = 0; i < 64; ++i) std::memcpy(to + i * bytes, &sheet.values[i], bytes);
    }
    template <typename T>
    uint64_t ask(const T *row) const {
        constexpr size_t lanes = 64 / sizeof(T);
        uint64_t result = 0;
        for (size_t i = 0; i < sizeof(T); ++i)
            result |= uint64_t(part(_mm512_loadu_si512(row + i * lanes), values[i], T())) << i * lanes;
        return result;
    }
    uint64_t part(__m512i x, __m512i v, uint8_t) const {
        return is_mask ? _mm512_test_epi8_mask(x, v) : _mm512_cmpge_epu8_mask(x, v);
    }
    uint64_t part(__m512i x, __m512i v, int8_t) const {
        return is_mask ? _mm512_test_epi8_mask(x, v) : _mm512_cmpge_epi8_mask(x, v);
    }
    uint64_t part(__m512i x, __m512i v, uint16_t) const {
        return is_mask ? _mm512_test_epi16_mask(x, v) : _mm512_cmpge_epu16_mask(x, v);
    }
    uint64_t part(__m512i x, __m512i v, int16_t) const {
        return is_mask ? _mm512_test_epi16_mask(x, v) : _mm512_cmpge_epi16_mask(x, v);
    }
    uint64_t part(__m512i x, __m512i v, int32_t) const {
        return is_mask ? _mm512_test_epi32_mask(x, v) : _mm512_cmpge_epi32_mask(x, v);
    }
    uint64_t part(__m512i x, __m512i v, int64_t) const {
        return is_mask ? _mm512_test_epi64_mask(x, v) : _mm512_cmpge_epi64_mask(x, v);
    }
    bool is_mask;
    __m512i values[8];
};
#else
struct Row {
    Row(const Sheet &sheet, size_t) : sheet(sheet) {}
    template <typename T>
    uint64_t ask(const T *row) const {
        uint8_t yes[64];
        if (sheet.is_mask)
            for (int i = 0; i < 64; ++i) yes[i] = (row[i] & T(sheet.values[i])) != 0;
        else
            for (int i = 0; i < 64; ++i) yes[i] = row[i] >= T(sheet.values[i]);
        return pack(yes);
    }
    const Sheet &sheet;
};
#endif

// Bit j of word i becomes bit i of word j.
#if defined(__AVX512VBMI__) && defined(__GFNI__)
inline void transpose(uint64_t *words) {
    // The matrix product numbers rows from the last.
    alignas(64) uint8_t first[64], last[64];
    for (int i = 0; i < 64; ++i) {
        first[i] = uint8_t((7 - i % 8) * 8 + i / 8);
        last[i] = uint8_t(i % 8 * 8 + i / 8);
    }
    const __m512i identity = _mm512_set1_epi64(int64_t(0x8040201008040201u));
    __m512i v[8], t[8];
    for (int r = 0; r < 8; ++r) {  // word c: byte b is bit 8 c + b of eight words
        v[r] = _mm512_permutexvar_epi8(_mm512_load_si512(first), _mm512_load_si512(words + 8 * r));
        v[r] = _mm512_gf2p8affine_epi64_epi8(identity, v[r], 0);
    }
    for (int r = 0; r < 8; r += 2) {
        t[r] = _mm512_unpacklo_epi64(v[r], v[r + 1]);
        t[r + 1] = _mm512_unpackhi_epi64(v[r], v[r + 1]);
    }
    for (int r = 0; r < 8; r += 4)
        for (int i = 0; i < 2; ++i) {  // words i and i + 4, i + 2 and i + 6 of four rows
            v[r + i] = _mm512_permutex2var_epi64(
                t[r + i], _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), t[r + i + 2]);
            v[r + i + 2] = _mm512_permutex2var_epi64(
                t[r + i], _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), t[r + i + 2]);
        }
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i64x2(v[i], v[i + 4], 0x44);
        t[i + 4] = _mm512_shuffle_i64x2(v[i], v[i + 4], 0xee);
    }
    for (int c = 0; c < 8; ++c)
        _mm512_store_si512(words + 8 * c, _mm512_permutexvar_epi8(_mm512_load_si512(last), t[c]));
}
#else
inline void transpose(uint64_t *words) {
    uint64_t mask = 0x00000000ffffffffu;
    for (unsigned j = 32; j; j >>= 1, mask ^= mask << j)
        for (unsigned k = 0; k < 64; k = ((k | j) + 1) & ~j) {
            const uint64_t t = (words[k] >> j ^ words[k | j]) & mask;
            words[k] ^= t << j;
            words[k | j] ^= t;
        }
}
#endif

template <typename T>
void slice(const Sheet &sheet, const T *rows, size_t row, size_t samples, uint8_t *memory,
           size_t stride) {
    const Row ask(sheet, sizeof(T));
    for (size_t first = 0; first < samples; first += 64, memory += 8) {
        alignas(64) uint64_t words[64] = {};
        const size_t end = std::min<size_t>(64, samples - first);
        const T *from = rows + first * row + sheet.feature;
        for (size_t s = 0; s < end; ++s) {
            words[s] = ask.ask(from + s * row);
            __builtin_prefetch(from + (s + 64) * row);  // rows are too far apart for the processor's own
        }
        transpose(words);
        for (int i = 0; i < 64; ++i)
            if (sheet.slots[i] >= 0) std::memcpy(memory + sheet.slots[i] * stride, &words[i], 8);
    }
}

// Bit j of byte s is bit s of bits[j], for at most eight of them.
inline void spread(const uint64_t *bits, unsigned count, uint8_t *bytes) {
#if defined(__AVX512BW__)
    __m512i all = _mm512_setzero_si512();
    for (unsigned j = 0; j < count; ++j)
        all = _mm512_or_si512(all, _mm512_maskz_set1_epi8(bits[j], char(1 << j)));
    _mm512_storeu_si512(bytes, all);
#else
    for (int i = 0; i < 8; ++i) {
        uint64_t eight = 0;
        for (unsigned j = 0; j < count; ++j) {
            uint64_t own = (bits[j] >> 8 * i & 255) * 0x0101010101010101u & 0x8040201008040201u;
            own = (own + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
            eight |= own << j;
        }
        std::memcpy(bytes + 8 * i, &eight, 8);
    }
#endif
}

void collect(const uint64_t *bits, unsigned width, bool is_signed, int64_t *values) {
    std::memset(values, 0, 64 * sizeof(int64_t));
    for (unsigned low = 0; low < width; low += 8) {
        alignas(64) uint8_t bytes[64];
        spread(bits + low, std::min(width - low, 8u), bytes);
        for (int s = 0; s < 64; ++s) values[s] |= int64_t(bytes[s]) << low;
    }
    if (is_signed)
        for (int s = 0; s < 64; ++s)
            values[s] = int64_t(uint64_t(values[s]) << (64 - width)) >> (64 - width);
}

// Bit s of the result is whether byte s has a bit of `mask`.
inline uint64_t test(const uint8_t *bytes, uint8_t mask) {
#if defined(__AVX512BW__)
    return _mm512_test_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8(char(mask)));
#else
    uint8_t yes[64];
    for (int i = 0; i < 64; ++i) yes[i] = (bytes[i] & mask) != 0;
    return pack(yes);
#endif
}

void look_up(const uint64_t *address, unsigned width, const uint8_t *table, uint64_t *found,
             unsigned outputs) {
    alignas(64) uint8_t low[64], high[64], bytes[64];
    spread(address, std::min(width, 8u), low);
    spread(address + 8, width > 8 ? width - 8 : 0, high);
    uint16_t at[64];
    for (int s = 0; s < 64; ++s) at[s] = uint16_t(low[s] | high[s] << 8);
    for (int s = 0; s < 64; ++s) bytes[s] = table[at[s]];
    for (unsigned o = 0; o < outputs; ++o) found[o] = test(bytes, uint8_t(1 << o));
}

template <typename From, typename T>
bool narrow(const void *words, size_t count, T *to, int64_t low, int64_t high) {
    const From *from = static_cast<const From *>(words);
    From least = std::numeric_limits<From>::max(), most = std::numeric_limits<From>::min();
    for (size_t i = 0; i < count; ++i) {
        least = std::min(least, from[i]);
        most = std::max(most, from[i]);
    }
    if (to)
        for (size_t i = 0; i < count; ++i) to[i] = T(from[i]);
    return !count || (std::cmp_greater_equal(least, low) && std::cmp_less_equal(most, high));
}

template <typename From, typename T>
bool quantise(const void *numbers, size_t count, T *to, int64_t low, int64_t high,
              const double *scale, const double *offset) {
    const From *from = static_cast<const From *>(numbers);
    int missing = 0;
    for (size_t i = 0; i < count; ++i) missing |= from[i] != from[i];
    const double least = double(low), most = double(high);
    const auto each = [&](auto real) {
        for (size_t i = 0; i < count; ++i) {
            const double word = std::nearbyint(real(i));
            const double upper = word < most ? word : most;
            const int64_t whole = int64_t(upper > least ? upper : least);
            to[i] = T(whole < high ? whole : high);  // `most` may be a bit more than `high`
        }
    };
    if (scale) each([&](size_t i) { return (double(from[i]) - offset[i]) / scale[i]; });
    else each([&](size_t i) { return double(from[i]); });
    return !missing;
}

template <typename T>
constexpr Reader<T> reader = {
    slice<T>,
    {narrow<uint8_t, T>, narrow<int8_t, T>, narrow<uint16_t, T>, narrow<int16_t, T>,
     narrow<uint32_t, T>, narrow<int32_t, T>, narrow<uint64_t, T>, narrow<int64_t, T>},
    {quantise<float, T>, quantise<double, T>},
};

#if defined(__AVX512F__)
constexpr size_t kLaneBytes = 64;
#elif defined(__AVX2__)
constexpr size_t kLaneBytes = 32;
#else
constexpr size_t kLaneBytes = 16;
#endif
typedef uint64_t Lane __attribute__((vector_size(kLaneBytes), may_alias));

// Registers are memory like the slots, of which the innermost cache holds some.
void interpret(const Step *steps, size_t count, uint8_t *memory, size_t stride, uint8_t *registers,
               size_t bytes) {
    for (const Step *s = steps; s < steps + count; ++s) {
        uint8_t *to = registers + s->to * bytes, *slot = memory + s->slot * stride;
        const uint8_t *a = registers + s->a * bytes;
        const uint8_t *b = s->from_slot ? slot : registers + s->b * bytes;
        const auto each = [&](auto operation) {
            for (size_t i = 0; i < bytes; i += kLaneBytes)
                *reinterpret_cast<Lane *>(to + i) =
                    operation(*reinterpret_cast<const Lane *>(a + i),
                              *reinterpret_cast<const Lane *>(b + i));
        };
        switch (s->kind) {
            case Step::kLoad: std::memcpy(to, slot, bytes); break;
            case Step::kStore: std::memcpy(slot, to, bytes); break;
            case Step::kAnd: each([](Lane x, Lane y) { return x & y; }); break;
            case Step::kAndNot: each([](Lane x, Lane y) { return ~x & y; }); break;
            case Step::kOr: each([](Lane x, Lane y) { return x | y; }); break;
            case Step::kXor: each([](Lane x, Lane y) { return x ^ y; }); break;
            default: break;
        }
    }
}

}  // namespace

#if defined(__AVX512VBMI__)
const Edges edges_avx512vbmi = {
    "avx512vbmi",
#elif defined(__AVX512F__)
const Edges edges_avx512 = {
    "avx512",
#elif defined(__AVX2__)
const Edges edges_avx2 = {
    "avx2",
#else
const Edges edges_portable = {
    "portable",
#endif
    reader<uint8_t>,
    reader<int8_t>,
    reader<uint16_t>,
    reader<int16_t>,
    reader<int32_t>,
    reader<int64_t>,
    collect,
    look_up,
    interpret,
};

}  // namespace lutra::logic
