// Thermometer bits of real features, and what their gradients send back.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

void thermometer(const Thermometer &t, size_t begin, size_t end) {
    for (size_t f = begin; f < end; ++f)
        for (size_t i = 0; i < t.thresholds; ++i) {
            const float *x = t.x + f * t.batch, limit = t.limits[f * t.thresholds + i];
            uint8_t *codes = t.codes + (f * t.thresholds + i) * t.batch;
            for (size_t b = 0; b < t.batch; ++b) codes[b] = x[b] >= limit;
        }
}

// A step's slope is a triangle of height and half-width 1.
void thermometer_backward(const ThermometerBackward &t, size_t begin, size_t end) {
    const Vec one = all(1);
    for (size_t f = begin; f < end; ++f) {
        const float *x = t.x + f * t.batch;
        float *result = t.result + f * t.batch;
        std::memset(result, 0, 4 * t.batch);
        for (size_t i = 0; i < t.thresholds; ++i) {
            const size_t row = f * t.thresholds + i;
            const float *gradient = t.gradient + row * t.batch;
            const float limit = t.limits[row];
            Vec sum{};
            size_t b = 0;
            for (; b + kWidth <= t.batch; b += kWidth) {
                const Vec distance = load(x + b) * t.unit - limit;
                const Vec slope = one - (distance < 0 ? -distance : distance);
                const Vec felt = keep(slope > 0, slope) * load(gradient + b);
                sum += felt;
                store(result + b, load(result + b) + felt * t.unit);
            }
            float total = 0;
            for (; b < t.batch; ++b) {
                const float distance = x[b] * t.unit - limit;
                const float slope = 1 - (distance < 0 ? -distance : distance);
                const float felt = slope > 0 ? slope * gradient[b] : 0;
                total += felt;
                result[b] += felt * t.unit;
            }
            for (size_t lane = 0; lane < kWidth; ++lane) total += sum[lane];
            t.limit_gradient[row] = -total;
        }
    }
}

}  // namespace
}  // namespace lutra
