// Where samples become bits and bits become numbers, and steps without machine code: compiled once
// per instruction set.

#pragma once

#include "code.h"

namespace lutra::logic {

// 64 neighbouring features and one question to each: is the word at least `values`, or has it a
// bit of `values`? The answers for 64 samples go to the slots.
struct Sheet {
    uint32_t feature;
    bool is_mask;
    int64_t values[64];
    int32_t slots[64];  // -1: not asked
};

typedef uint64_t Vector __attribute__((vector_size(kVectorBytes), may_alias));

// Samples are rows of words of type T. All slots begin `stride` bytes apart.
template <typename T>
using Slice = void (*)(const Sheet &sheet, const T *rows, size_t row, size_t samples,
                       uint8_t *memory, size_t stride);

struct Edges {
    const char *name;
    Slice<uint8_t> slice_u8;
    Slice<int8_t> slice_i8;
    Slice<uint16_t> slice_u16;
    Slice<int16_t> slice_i16;
    Slice<int32_t> slice_i32;
    Slice<int64_t> slice_i64;
    // values[s] |= bit s of `bits` << shift, for 64 samples.
    void (*spread)(uint64_t bits, unsigned shift, int64_t *values);
    void (*interpret)(const Step *steps, size_t count, uint8_t *memory, size_t stride,
                      Vector *registers, size_t vectors);
};

extern const Edges edges_portable, edges_avx2, edges_avx512, edges_avx512vbmi;

}  // namespace lutra::logic
