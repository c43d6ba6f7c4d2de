// Where samples become bits and bits become numbers, and steps without machine code: compiled once
// per instruction set.

#pragma once

#include "code.h"

namespace lutra::logic {

// 64 neighbouring features and one question to each: is the word at least `values`, or has it a
// bit of `values`? The answers go to the slots, a bit per sample.
struct Sheet {
    uint32_t feature;
    bool is_mask;
    int64_t values[64];
    int32_t slots[64];  // -1: not asked
};

// Samples are rows of words of type T. All slots begin `stride` bytes apart.
template <typename T>
struct Reader {
    void (*slice)(const Sheet &sheet, const T *rows, size_t row, size_t samples, uint8_t *memory,
                  size_t stride);
    // By `Type`: `count` words as T, and whether all of them lie in low..high.
    // With `to` null they are checked alone.
    bool (*narrow[8])(const void *from, size_t count, T *to, int64_t low, int64_t high);
    // The nearest words to (number - offset) / scale, clipped to low..high; false where one of the
    // numbers is none. Of floats, and of doubles. Without `scale` and `offset`: 1 and 0.
    bool (*quantise[2])(const void *from, size_t count, T *to, int64_t low, int64_t high,
                        const double *scale, const double *offset);
};

enum class Type : int { kU8, kI8, kU16, kI16, kU32, kI32, kU64, kI64, kF32, kF64 };

struct Edges {
    const char *name;
    Reader<uint8_t> u8;
    Reader<int8_t> i8;
    Reader<uint16_t> u16;
    Reader<int16_t> i16;
    Reader<int32_t> i32;
    Reader<int64_t> i64;
    // The words of 64 samples, of which `bits` are the bits.
    void (*collect)(const uint64_t *bits, unsigned width, bool is_signed, int64_t *values);
    // found[o] = bit o of the entries of a table that 64 samples read; `address` are the bits of
    // their addresses, lowest first, at most 16.
    void (*look_up)(const uint64_t *address, unsigned width, const uint8_t *table, uint64_t *found,
                    unsigned outputs);
    // Steps over `bytes` of each slot; registers are as long.
    void (*interpret)(const Step *steps, size_t count, uint8_t *memory, size_t stride,
                      uint8_t *registers, size_t bytes);
};

extern const Edges edges_portable, edges_avx2, edges_avx512, edges_avx512vbmi;

}  // namespace lutra::logic
