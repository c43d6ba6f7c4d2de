// Kernels of Bloom filters: hashed addresses, answers added up per class, gradients of entries.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

void hash(const Hash &h, size_t begin, size_t end) {
    for (size_t f = begin; f < end; ++f)
        for (size_t j = 0; j < h.hashes; ++j) {
            uint16_t *out = h.addresses + (f * h.hashes + j) * h.batch;
            std::memset(out, 0, h.batch * sizeof *out);
            for (size_t i = 0; i < h.tuple; ++i) {
                const uint8_t *bits = h.bits + h.order[f * h.tuple + i] * h.batch;
                const uint16_t word = h.words[j * h.tuple + i];
                for (size_t b = 0; b < h.batch; ++b) out[b] ^= uint16_t(-bits[b]) & word;
            }
        }
}

inline size_t padded(size_t classes) { return (classes + kWidth - 1) / kWidth * kWidth; }

// Rows of `from` floats become rows of `to`, of which the lesser number is copied.
inline void copy_rows(const float *x, size_t rows, size_t from, float *result, size_t to) {
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < (from < to ? from : to); ++c) result[r * to + c] = x[r * from + c];
}

inline Vec lesser(Vec x, Vec y) {
    const Mask mask = x < y;
    return keep(mask, x) + keep(~mask, y);
}

void bloom(const Bloom &a, float *sums, size_t begin, size_t end) {
    const size_t row = padded(a.classes), samples = end - begin;
    Scratch scratch((a.size + samples + 1) * row);
    float *entries = scratch.take(a.size * row), *total = scratch.take(samples * row);
    float *kept = scratch.take(row);
    for (size_t f = 0; f < a.filters; ++f) {
        copy_rows(a.entries + f * a.size * a.classes, a.size, a.classes, entries, row);
        copy_rows(a.kept + f * a.classes, 1, a.classes, kept, row);
        const uint16_t *at = a.addresses + f * a.hashes * a.batch;
        for (size_t b = begin; b < end; ++b) {
            const Vec answer = all(a.heard ? a.heard[f * a.batch + b] : 1);
            for (size_t c = 0; c < row; c += kWidth) {
                Vec least = load(entries + at[b] * row + c);
                for (size_t j = 1; j < a.hashes; ++j)
                    least = lesser(load(entries + at[j * a.batch + b] * row + c), least);
                float *sum = total + (b - begin) * row + c;
                const Vec one = load(kept + c) * answer;
                store(sum, load(sum) + keep(least >= 0, one + one) - one);
            }
        }
    }
    copy_rows(total, samples, row, sums + begin * a.classes, a.classes);
}

void bloom_backward(const Bloom &a, const float *gradient, float *result, size_t begin,
                    size_t end) {
    const size_t row = padded(a.classes);
    Scratch scratch((2 * a.size + a.batch + 1) * row);
    float *entries = scratch.take(a.size * row), *sums = scratch.take(a.size * row);
    float *given = scratch.take(a.batch * row), *kept = scratch.take(row);
    copy_rows(gradient, a.batch, a.classes, given, row);
    for (size_t f = begin; f < end; ++f) {
        copy_rows(a.entries + f * a.size * a.classes, a.size, a.classes, entries, row);
        copy_rows(a.kept + f * a.classes, 1, a.classes, kept, row);
        std::memset(sums, 0, a.size * row * sizeof *sums);
        const uint16_t *at = a.addresses + f * a.hashes * a.batch;
        for (size_t b = 0; b < a.batch; ++b) {
            const Vec answer = all(a.heard ? a.heard[f * a.batch + b] : 1);
            for (size_t c = 0; c < row; c += kWidth) {
                Vec least = load(entries + at[b] * row + c);
                for (size_t j = 1; j < a.hashes; ++j)
                    least = lesser(load(entries + at[j * a.batch + b] * row + c), least);
                // For the first entry that is least.
                Vec left = load(given + b * row + c) * load(kept + c) * answer;
                for (size_t j = 0; j < a.hashes; ++j) {
                    const size_t entry = at[j * a.batch + b] * row + c;
                    const Mask mask = load(entries + entry) == least;
                    store(sums + entry, load(sums + entry) + keep(mask, left));
                    left = keep(~mask, left);
                }
            }
        }
        copy_rows(sums, a.size, row, result + f * a.size * a.classes, a.classes);
    }
}

}  // namespace
}  // namespace lutra
