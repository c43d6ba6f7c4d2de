// What other wires would be worth.

#pragma once

#include "differences.h"
#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

inline float dot(const float *x, const uint8_t *codes, size_t size) {
    Vec sum{};
    size_t i = 0;
    for (; i + kWidth <= size; i += kWidth) sum += load<Vec>(x + i) * __builtin_convertvector(load_bytes(codes + i), Vec);
    float lanes[kWidth];
    store(lanes, sum);
    for (size_t half = kWidth / 2; half; half /= 2)
        for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    for (; i < size; ++i) lanes[0] += x[i] * codes[i];
    return lanes[0];
}

// The gradient of every digit's value for every sample is made once, then meets all candidates.
template <typename Word>
void gains(const Gains &g, size_t begin, size_t end) {
    const float bit[] = {0, 1};
    const size_t size = g.rows ? 0 : g.entries * g.row;
    Planes planes({g.table, bit, g.fan_in, g.entries, 1, g.row, nullptr});
    Scratch scratch(size + g.fan_in * g.batch);
    float *own = scratch.take(size), *digit = scratch.take(g.fan_in * g.batch);
    for (size_t n = begin; n < end; ++n) {
        const float *rows = g.rows + n * g.entries * g.row;
        if (!g.rows) {
            planes.fill(n);
            planes.rows(own);
            rows = own;
        }
        const float *gradient = g.gradient + n * g.batch;
        const Word *address = static_cast<const Word *>(g.addresses) + n * g.batch;
        for (size_t b = 0; b < g.batch; ++b)
            for (size_t f = 0; f < g.fan_in; ++f)
                digit[f * g.batch + b] = gradient[b] * rows[address[b] * g.row + f];
        for (size_t f = 0; f < g.fan_in; ++f) {
            const size_t at = n * g.fan_in + f;
            const float *x = digit + f * g.batch;
            const float wired = dot(x, g.codes + g.wires[at] * g.batch, g.batch);
            for (size_t k = at * g.count; k < (at + 1) * g.count; ++k)
                g.result[k] = dot(x, g.codes + g.candidates[k] * g.batch, g.batch) - wired;
        }
    }
}

}  // namespace
}  // namespace lutra
