// Vectors of kWidth floats, whose width the instruction set decides.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace lutra {
namespace {

#if defined(__AVX512F__)
constexpr size_t kWidth = 16;
#elif defined(__AVX__)
constexpr size_t kWidth = 8;
#else
constexpr size_t kWidth = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kWidth)));
typedef int32_t Mask __attribute__((vector_size(4 * kWidth)));

// Through a pointer: compilers split a memcpy of this size into parts, which then wait for one
// another.
template <typename V>
struct Unaligned {
    V value;
} __attribute__((packed, may_alias));

template <typename V = Vec>
inline V load(const float *p) {
    return reinterpret_cast<const Unaligned<V> *>(p)->value;
}
template <typename V>
inline void store(float *p, V v) {
    reinterpret_cast<Unaligned<V> *>(p)->value = v;
}
// Compilers widen bytes one by one where they are not told how.
inline Mask load_bytes(const uint8_t *p) {
#if defined(__AVX512F__)
    return (Mask)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(__AVX2__)
    return (Mask)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    Mask result;
    for (size_t lane = 0; lane < kWidth; ++lane) result[lane] = p[lane];
    return result;
#endif
}
inline Vec all(float x) { return x - Vec{}; }
inline Vec keep(Mask mask, Vec v) { return (Vec)(mask & (Mask)v); }

// Scratch floats of one thread's range, freed at its end.
class Scratch {
  public:
    explicit Scratch(size_t floats)
        : data_(static_cast<float *>(std::aligned_alloc(64, (4 * floats + 63) / 64 * 64 + 64))) {
        std::memset(data_, 0, 4 * floats);
        next_ = data_;
    }
    ~Scratch() { std::free(data_); }
    Scratch(const Scratch &) = delete;
    float *take(size_t floats) {
        float *part = next_;
        next_ += floats;
        return part;
    }

  private:
    float *data_, *next_;
};

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t Lanes __attribute__((vector_size(32)));

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Lanes{__VA_ARGS__})
#endif

typedef uint8_t Bytes __attribute__((vector_size(16)));

// The eight bytes from `i` on of a and b, in turn.
#if defined(__clang__)
#define SHUFFLE_BYTES(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE_BYTES(a, b, ...) __builtin_shuffle(a, b, Bytes{__VA_ARGS__})
#endif
#define INTERLEAVE(a, b, i)                                                                     \
    SHUFFLE_BYTES(a, b, i, i + 16, i + 1, i + 17, i + 2, i + 18, i + 3, i + 19, i + 4, i + 20, \
                  i + 5, i + 21, i + 6, i + 22, i + 7, i + 23)

#if defined(__AVX2__) && !defined(__clang__)
#define LUTRA_PICK
// The greatest number of vectors that `pick` reads faster than rows are: two in one instruction.
#if defined(__AVX512F__)
constexpr size_t kPicked = 4;
#else
constexpr size_t kPicked = 1;
#endif

// Each lane's own of kParts * kWidth values.
template <size_t kParts>
inline Vec pick(const float *values, Mask at) {
    if constexpr (kParts == 1) return __builtin_shuffle(load(values), at);
    const Vec low = __builtin_shuffle(load(values), load(values + kWidth), at);
    if constexpr (kParts == 2) return low;
    const float *upper = values + (kParts == 4 ? 2 * kWidth : 0);
    const Vec high = __builtin_shuffle(load(upper), load(upper + kWidth), at);
    const Mask above = (at & int32_t(2 * kWidth)) != 0;
    return above ? high : low;
}
#endif

// Eight rows of eight become eight columns.
inline void transpose(Eight *v) {
    Eight t[8], s[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 2) {
        t[i] = SHUFFLE(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        t[i + 1] = SHUFFLE(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 8
        for (int j = 0; j < 2; ++j) {
            s[i + 2 * j] = SHUFFLE(t[i + j], t[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            s[i + 2 * j + 1] = SHUFFLE(t[i + j], t[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
#pragma GCC unroll 8
    for (int i = 0; i < 4; ++i) {
        v[i] = SHUFFLE(s[i], s[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = SHUFFLE(s[i], s[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

}  // namespace
}  // namespace lutra
