// Kernels of `SkipMlp`, v . relu(U z + a) + r . z, on all entries. A hidden unit's input at an entry is
// the sum of a part from the low digits and a part from the high ones; nothing hidden is stored.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

// A linear form of the digits at entry e is low[e % low_size] + high[e / low_size]: the low digits
// span at least one vector, the high digits the rest. Both are padded to whole vectors.
struct Split {
    size_t low_digits = 0, high_digits, low = 1, high, low_padded, high_padded;
    float *low_values, *high_values;  // [low_digits, low_padded], [high_digits, high_padded]

    Split(const SkipMlp &m) {
        while (low_digits < m.fan_in && low < kWidth) ++low_digits, low <<= m.bits;
        high_digits = m.fan_in - low_digits;
        high = m.entries / low;
        low_padded = low < kWidth ? kWidth : low;
        high_padded = high < kWidth ? kWidth : high;
    }
    size_t floats() const { return low_digits * low_padded + high_digits * high_padded; }
    size_t floats_per_form() const { return low_padded + high_padded; }
    void fill(const SkipMlp &m, Scratch &scratch) {
        const auto values = [&](size_t digits, size_t size, size_t padded) {
            float *result = scratch.take(digits * padded);
            const size_t last = (size_t(1) << m.bits) - 1;
            for (size_t f = 0; f < digits; ++f)
                for (size_t e = 0; e < size; ++e)
                    result[f * padded + e] = m.levels[(e >> (f * m.bits)) & last];
            return result;
        };
        low_values = values(low_digits, low, low_padded);
        high_values = values(high_digits, high, high_padded);
    }

    // Writes low and high of the form weight . z + bias.
    void spread(const float *weight, float bias, float *low_part, float *high_part) const {
        const auto sums = [](const float *weight, float bias, const float *values, size_t digits,
                             size_t padded, float *part) {
            for (size_t e = 0; e < padded; e += kWidth) {
                Vec sum = all(bias);
                for (size_t f = 0; f < digits; ++f)
                    sum += weight[f] * load(values + f * padded + e);
                store(part + e, sum);
            }
        };
        sums(weight, bias, low_values, low_digits, low_padded, low_part);
        sums(weight + low_digits, 0, high_values, high_digits, high_padded, high_part);
    }
};

// The parts of one neuron's hidden units, [N, low_padded] and [N, high_padded], and of its skip.
struct Parts {
    float *low, *high, *skip_low, *skip_high;

    Parts(const SkipMlp &m, const Split &s, Scratch &scratch)
        : low(scratch.take(m.hidden * s.low_padded)), high(scratch.take(m.hidden * s.high_padded)),
          skip_low(scratch.take(s.low_padded)), skip_high(scratch.take(s.high_padded)) {}
    void fill(const SkipMlp &m, const Split &s, size_t n) {
        for (size_t h = 0; h < m.hidden; ++h) {
            const size_t unit = n * m.hidden + h;
            s.spread(m.hidden_weight + unit * m.fan_in, m.hidden_bias[unit],
                     low + h * s.low_padded, high + h * s.high_padded);
        }
        if (m.skip_weight) s.spread(m.skip_weight + n * m.fan_in, 0, skip_low, skip_high);
    }
};

// Writes as many lanes as a row of `low` entries has.
inline void put(float *row, size_t low, Vec value) {
    if (low >= kWidth) return store(row, value);
    float lanes[kWidth];
    store(lanes, value);
    for (size_t e = 0; e < low; ++e) row[e] = lanes[e];
}

template <size_t kRows>
void skip_mlp_table(const SkipMlp &m, const Split &s, const Parts &p, const float *output,
                    float *table) {
    for (size_t at = 0; at < s.low_padded; at += kWidth)
        for (size_t row = 0; row < s.high; row += kRows) {
            Vec sum[kRows];
            for (size_t r = 0; r < kRows; ++r) sum[r] = load(p.skip_low + at) + p.skip_high[row + r];
            for (size_t h = 0; h < m.hidden; ++h) {
                const Vec low = load(p.low + h * s.low_padded + at);
                const float *high = p.high + h * s.high_padded + row, weight = output[h];
#pragma GCC unroll 8
                for (size_t r = 0; r < kRows; ++r) {
                    const Vec x = low + high[r];
                    sum[r] += weight * (x < 0 ? Vec{} : x);  // a NaN stays one
                }
            }
            for (size_t r = 0; r < kRows; ++r) put(table + (row + r) * s.low + at, s.low, sum[r]);
        }
}

void skip_mlp(const SkipMlp &m, float *table, size_t begin, size_t end) {
    Split s(m);
    Scratch scratch(s.floats() + (m.hidden + 1) * s.floats_per_form());
    s.fill(m, scratch);
    Parts p(m, s, scratch);
    const auto part = s.high >= 8   ? skip_mlp_table<8>
                      : s.high == 4 ? skip_mlp_table<4>
                      : s.high == 2 ? skip_mlp_table<2>
                                    : skip_mlp_table<1>;
    for (size_t n = begin; n < end; ++n) {
        p.fill(m, s, n);
        part(m, s, p, m.output_weight + n * m.hidden, table + n * m.entries);
    }
}

// Slopes by `kDigits` digits, from `digit` on, for every entry of one neuron.
template <size_t kDigits, size_t kRows>
void slopes_part(const SkipMlp &m, const Split &s, const Parts &p, const float *skip,
                 const float *product, float *rows, size_t row_size) {
    for (size_t row = 0; row < s.high; row += kRows)
        for (size_t at = 0; at < s.low_padded; at += kWidth) {
            Vec sum[kRows][kDigits];
            for (size_t r = 0; r < kRows; ++r)
                for (size_t f = 0; f < kDigits; ++f) sum[r][f] = all(skip ? skip[f] : 0);
            for (size_t h = 0; h < m.hidden; ++h) {
                const Vec low = load(p.low + h * s.low_padded + at);
                const float *high = p.high + h * s.high_padded + row, *w = product + h * m.fan_in;
                Vec on[kRows];
#pragma GCC unroll 2
                for (size_t r = 0; r < kRows; ++r) on[r] = keep(low + high[r] > 0, all(1));
#pragma GCC unroll 8
                for (size_t f = 0; f < kDigits; ++f)
#pragma GCC unroll 2
                    for (size_t r = 0; r < kRows; ++r) sum[r][f] += w[f] * on[r];
            }
            for (size_t r = 0; r < kRows; ++r) {
                float *out = rows + ((row + r) * s.low + at) * row_size;
                if (kWidth == 8 && s.low >= 8) {
                    Eight v[8] = {};
                    std::memcpy(v, sum[r], sizeof sum[r]);
                    transpose(v);
                    for (size_t e = 0; e < 8; ++e) store(out + e * row_size, v[e]);
                } else {
                    float lanes[kDigits * kWidth];
                    std::memcpy(lanes, sum[r], sizeof lanes);
                    for (size_t e = 0; e < kWidth && e < s.low; ++e)
                        for (size_t f = 0; f < kDigits; ++f)
                            out[e * row_size + f] = lanes[f * kWidth + e];
                }
            }
        }
}

void skip_mlp_slopes(const SkipMlp &m, float *rows, size_t row, size_t begin, size_t end) {
    // Two rows at once share the weights; more than six digits would not leave registers for it.
    static constexpr decltype(&slopes_part<1, 1>) parts[][2] = {
        {slopes_part<1, 1>, slopes_part<1, 2>}, {slopes_part<2, 1>, slopes_part<2, 2>},
        {slopes_part<3, 1>, slopes_part<3, 2>}, {slopes_part<4, 1>, slopes_part<4, 2>},
        {slopes_part<5, 1>, slopes_part<5, 2>}, {slopes_part<6, 1>, slopes_part<6, 2>},
        {slopes_part<7, 1>, slopes_part<7, 1>}, {slopes_part<8, 1>, slopes_part<8, 1>}};
    Split s(m);
    Scratch scratch(s.floats() + (m.hidden + 1) * s.floats_per_form() + m.hidden * m.fan_in);
    s.fill(m, scratch);
    Parts p(m, s, scratch);
    float *product = scratch.take(m.hidden * m.fan_in);
    for (size_t n = begin; n < end; ++n) {
        p.fill(m, s, n);
        for (size_t h = 0; h < m.hidden; ++h)
            for (size_t f = 0; f < m.fan_in; ++f)
                product[h * m.fan_in + f] = m.output_weight[n * m.hidden + h] *
                                            m.hidden_weight[(n * m.hidden + h) * m.fan_in + f];
        for (size_t digit = 0; digit < m.fan_in; digit += 8) {
            const size_t digits = m.fan_in - digit < 8 ? m.fan_in - digit : 8;
            const float *skip = m.skip_weight ? m.skip_weight + n * m.fan_in + digit : nullptr;
            parts[digits - 1][s.high > 1](m, s, p, skip, product + digit,
                                          rows + n * m.entries * row + digit, row);
        }
    }
}

// Hidden units in the lanes. With M[e] = dT[e] where the unit is active, S = sum_e M[e] and
// S_f = sum_e M[e] z_f(e), a unit u . z + a with output weight v has the gradients
// da = v S, du_f = v S_f, dv = a S + sum_f u_f S_f.
void skip_mlp_backward(const SkipMlpBackward &a, size_t begin, size_t end) {
    const SkipMlp &m = a.forward;
    Split s(m);
    const size_t fan_in = m.fan_in, lanes = 2 * kWidth;
    Scratch scratch(s.floats() + lanes * (2 * s.low + s.high + fan_in + 2));
    s.fill(m, scratch);
    float *low = scratch.take(lanes * s.low), *low_sum = scratch.take(lanes * s.low);
    float *high = scratch.take(lanes * s.high);
    float *weight = scratch.take(lanes * fan_in), *bias = scratch.take(lanes);
    float *output = scratch.take(lanes);
    for (size_t n = begin; n < end; ++n) {
        const float *gradient = a.table_gradient + n * m.entries;
        for (size_t first = 0; first < m.hidden; first += lanes) {
            const size_t units = m.hidden - first < lanes ? m.hidden - first : lanes;
            for (size_t h = 0; h < units; ++h) {
                const size_t unit = n * m.hidden + first + h;
                bias[h] = m.hidden_bias[unit], output[h] = m.output_weight[unit];
                for (size_t f = 0; f < fan_in; ++f)
                    weight[f * lanes + h] = m.hidden_weight[unit * fan_in + f];
            }
            for (size_t e = 0; e < s.low; ++e)
                for (size_t h = 0; h < lanes; h += kWidth) {
                    Vec sum = load(bias + h);
                    for (size_t f = 0; f < s.low_digits; ++f)
                        sum += load(weight + f * lanes + h) * s.low_values[f * s.low_padded + e];
                    store(low + e * lanes + h, sum);
                    store(low_sum + e * lanes + h, Vec{});
                }
            for (size_t e = 0; e < s.high; ++e)
                for (size_t h = 0; h < lanes; h += kWidth) {
                    Vec sum = {};
                    for (size_t f = s.low_digits; f < fan_in; ++f)
                        sum += load(weight + f * lanes + h) *
                               s.high_values[(f - s.low_digits) * s.high_padded + e];
                    store(high + e * lanes + h, sum);
                }
            // The sums over the low digits replace `high`, entry by entry.
            for (size_t r = 0; r < s.high; ++r) {
                const Vec h0 = load(high + r * lanes), h1 = load(high + r * lanes + kWidth);
                Vec sum0 = {}, sum1 = {};
                for (size_t e = 0; e < s.low; ++e) {
                    const float *l = low + e * lanes;
                    float *t = low_sum + e * lanes;
                    const Vec g = all(gradient[r * s.low + e]);
                    const Vec m0 = keep(load(l) + h0 > 0, g);
                    const Vec m1 = keep(load(l + kWidth) + h1 > 0, g);
                    sum0 += m0, sum1 += m1;
                    store(t, load(t) + m0), store(t + kWidth, load(t + kWidth) + m1);
                }
                store(high + r * lanes, sum0), store(high + r * lanes + kWidth, sum1);
            }
            for (size_t h = 0; h < lanes; h += kWidth) {
                Vec sum = {};
                for (size_t r = 0; r < s.high; ++r) sum += load(high + r * lanes + h);
                Vec output_gradient = load(bias + h) * sum;
                const Vec v = load(output + h);
                store(bias + h, v * sum);
                for (size_t f = 0; f < fan_in; ++f) {
                    Vec moment = {};
                    if (f < s.low_digits)
                        for (size_t e = 0; e < s.low; ++e)
                            moment += load(low_sum + e * lanes + h) * s.low_values[f * s.low_padded + e];
                    else
                        for (size_t r = 0; r < s.high; ++r)
                            moment += load(high + r * lanes + h) *
                                      s.high_values[(f - s.low_digits) * s.high_padded + r];
                    output_gradient += load(weight + f * lanes + h) * moment;
                    store(weight + f * lanes + h, v * moment);
                }
                store(output + h, output_gradient);
            }
            for (size_t h = 0; h < units; ++h) {
                const size_t unit = n * m.hidden + first + h;
                a.hidden_bias[unit] = bias[h], a.output_weight[unit] = output[h];
                for (size_t f = 0; f < fan_in; ++f)
                    a.hidden_weight[unit * fan_in + f] = weight[f * lanes + h];
            }
        }
        for (size_t f = 0; m.skip_weight && f < fan_in; ++f) {
            float sum = 0;
            for (size_t r = 0; r < s.high; ++r)
                for (size_t e = 0; e < s.low; ++e)
                    sum += gradient[r * s.low + e] *
                           (f < s.low_digits ? s.low_values[f * s.low_padded + e]
                                             : s.high_values[(f - s.low_digits) * s.high_padded + r]);
            a.skip_weight[n * fan_in + f] = sum;
        }
    }
}

}  // namespace
}  // namespace lutra
