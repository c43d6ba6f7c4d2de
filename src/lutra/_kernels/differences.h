// Slopes of tables by finite differences.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

// One neuron's differences: a plane of E values per digit, then eight planes at a time into rows.
class Planes {
  public:
    explicit Planes(const Differences &d)
        : d_(d), codes_(size_t(1) << d.bits), padded_(d.entries < kLeast ? kLeast : d.entries),
          scratch_(d.row * padded_ + codes_), plane_(scratch_.take(d.row * padded_)),
          scale_(scratch_.take(codes_)) {
        const size_t last = codes_ - 1;
        for (size_t c = 0; c < codes_; ++c)
            scale_[c] = 1 / (d.levels[c < last ? c + 1 : last] - d.levels[c ? c - 1 : 0]);
    }

    void fill(size_t n) {
        const float *table = d_.table + n * d_.entries;
        const size_t last = codes_ - 1;
        for (size_t f = 0, inner = 1; f < d_.fan_in; ++f, inner <<= d_.bits)
            for (size_t first = 0; first < d_.entries; first += inner << d_.bits)
                for (size_t c = 0; c < codes_; ++c) {
                    const float *up = table + first + (c < last ? c + 1 : last) * inner;
                    const float *down = table + first + (c ? c - 1 : 0) * inner;
                    float *out = plane_ + f * padded_ + first + c * inner;
                    for (size_t i = 0; i < inner; ++i) out[i] = (up[i] - down[i]) * scale_[c];
                }
    }

    const float *column(size_t f) const { return plane_ + f * padded_; }

    void set(size_t column, const float *values) {
        if (values)
            std::memcpy(plane_ + column * padded_, values, 4 * d_.entries);
    }

    void rows(float *out) const {
        for (size_t f = 0; f < d_.row; f += 8)
            for (size_t e = 0; e < d_.entries; e += 8) {
                Eight v[8];
                for (size_t i = 0; i < 8; ++i) v[i] = load<Eight>(plane_ + (f + i) * padded_ + e);
                transpose(v);
                for (size_t i = 0; i < 8 && e + i < d_.entries; ++i)
                    store(out + (e + i) * d_.row + f, v[i]);
            }
    }

  private:
    static constexpr size_t kLeast = kWidth < 8 ? 8 : kWidth;  // whole vectors can be read
    const Differences d_;
    size_t codes_, padded_;
    Scratch scratch_;
    float *plane_, *scale_;
};

void differences(const Differences &d, size_t begin, size_t end) {
    Planes planes(d);
    for (size_t n = begin; n < end; ++n) {
        planes.fill(n);
        planes.rows(d.rows + n * d.entries * d.row);
    }
}

}  // namespace
}  // namespace lutra
