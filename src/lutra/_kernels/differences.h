// Slopes of tables by finite differences.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

// Every digit's differences as a plane of E values, then eight planes at a time into rows.
void differences(const Differences &d, size_t begin, size_t end) {
    const size_t codes = size_t(1) << d.bits, last = codes - 1;
    const size_t planes = (d.fan_in + 7) / 8 * 8, padded = d.entries < 8 ? 8 : d.entries;
    Scratch scratch(planes * padded + codes);
    float *plane = scratch.take(planes * padded), *scale = scratch.take(codes);
    for (size_t c = 0; c < codes; ++c)
        scale[c] = 1 / (d.levels[c < last ? c + 1 : last] - d.levels[c ? c - 1 : 0]);
    for (size_t n = begin; n < end; ++n) {
        const float *table = d.table + n * d.entries;
        for (size_t f = 0, inner = 1; f < d.fan_in; ++f, inner <<= d.bits)
            for (size_t first = 0; first < d.entries; first += inner << d.bits)
                for (size_t c = 0; c < codes; ++c) {
                    const float *up = table + first + (c < last ? c + 1 : last) * inner;
                    const float *down = table + first + (c ? c - 1 : 0) * inner;
                    float *out = plane + f * padded + first + c * inner;
                    for (size_t i = 0; i < inner; ++i) out[i] = (up[i] - down[i]) * scale[c];
                }
        float *rows = d.rows + n * d.entries * d.row;
        for (size_t f = 0; f < d.fan_in; f += 8)
            for (size_t e = 0; e < d.entries; e += 8) {
                Eight v[8];
                for (size_t i = 0; i < 8; ++i) v[i] = load<Eight>(plane + (f + i) * padded + e);
                transpose(v);
                for (size_t i = 0; i < 8 && e + i < d.entries; ++i)
                    store(rows + (e + i) * d.row + f, v[i]);
            }
    }
}

}  // namespace
}  // namespace lutra
