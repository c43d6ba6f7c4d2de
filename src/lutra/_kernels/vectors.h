// Vectors of kWidth floats, whose width the instruction set decides.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

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
