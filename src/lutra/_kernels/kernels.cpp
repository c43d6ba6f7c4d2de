// The kernels, written once over vectors of kWidth floats and compiled once per instruction set.
// Nothing with external linkage may come from here but the table at the end: an inline function
// of the standard library, compiled for a newer machine, could otherwise be linked for all.

#include "kernels.h"

#include <cmath>
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

inline Vec load(const float *p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store(float *p, Vec v) { std::memcpy(p, &v, sizeof v); }
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

// Neighbouring samples often meet the same entry. Sums over samples therefore go to one of several
// copies of a small table, so that none waits for the one before. The copy that a sample goes to
// depends on its number alone.
inline size_t copies(size_t entries) { return entries <= 1024 ? 8 : 1; }

template <typename T>
inline void add_copies(T *sum, size_t entries) {
    for (size_t copy = 1; copy < copies(entries); ++copy)
        for (size_t e = 0; e < entries; ++e) sum[e] += sum[copy * entries + e];
}

// Calls body(b, copy) for every sample.
template <typename Body>
inline void over_samples(size_t batch, size_t entries, const Body &body) {
    size_t b = 0;
    if (copies(entries) == 8)
        for (; b + 8 <= batch; b += 8)
            for (size_t copy = 0; copy < 8; ++copy) body(b + copy, copy);
    for (const size_t first = b; b < batch; ++b) body(b, copies(entries) == 8 ? b - first : 0);
}

template <typename Word>
void address(const Address &a, size_t begin, size_t end) {
    const size_t table = copies(a.entries) * a.entries;
    Scratch scratch(table);
    uint32_t *seen = reinterpret_cast<uint32_t *>(scratch.take(table));
    for (size_t n = begin; n < end; ++n) {
        Word *row = static_cast<Word *>(a.addresses) + n * a.batch;
        const int64_t *wire = a.wires + n * a.fan_in;
        const uint8_t *last = a.codes + wire[a.fan_in - 1] * a.batch;
        for (size_t b = 0; b < a.batch; ++b) row[b] = last[b];
        for (size_t f = a.fan_in - 1; f--;) {
            const uint8_t *source = a.codes + wire[f] * a.batch;
            if (a.bits == 1)
                for (size_t b = 0; b < a.batch; ++b) row[b] = Word(row[b] + row[b] + source[b]);
            else
                for (size_t b = 0; b < a.batch; ++b) row[b] = Word(row[b] << a.bits | source[b]);
        }
        std::memset(seen, 0, 4 * table);
        over_samples(a.batch, a.entries,
                     [&](size_t b, size_t copy) { ++seen[copy * a.entries + row[b]]; });
        add_copies(seen, a.entries);
        float *count = a.counts + n * a.entries;
        for (size_t e = 0; e < a.entries; ++e) count[e] = float(seen[e]);
    }
}

#if defined(__SSSE3__) && !defined(__clang__)
typedef uint8_t Bytes __attribute__((vector_size(16)));

// Sixteen samples at a time from a table of `kParts` times sixteen codes, by byte shuffles.
template <size_t kParts>
size_t shuffle_lookup(const uint8_t *table, const uint8_t *row, size_t batch, uint8_t *code) {
    Bytes part[kParts];
    std::memcpy(part, table, sizeof part);
    size_t b = 0;
    for (; b + 16 <= batch; b += 16) {
        Bytes at;
        std::memcpy(&at, row + b, 16);
        const Bytes low = at & 15;
        Bytes result = __builtin_shuffle(part[0], low);
        for (size_t p = 1; p < kParts; ++p) {
            const Bytes here = (Bytes)(at >= uint8_t(16 * p));
            result = (result & ~here) | (__builtin_shuffle(part[p], low) & here);
        }
        std::memcpy(code + b, &result, 16);
    }
    return b;
}
#endif

template <typename Word>
void lookup(const Lookup &l, size_t begin, size_t end) {
    for (size_t n = begin; n < end; ++n) {
        const uint8_t *table = l.table + n * l.entries;
        const Word *row = static_cast<const Word *>(l.addresses) + n * l.batch;
        uint8_t *code = l.codes + n * l.batch;
        size_t b = 0;
#if defined(__SSSE3__) && !defined(__clang__)
        if constexpr (sizeof(Word) == 1) {
            if (l.entries == 16) b = shuffle_lookup<1>(table, row, l.batch, code);
            if (l.entries == 32) b = shuffle_lookup<2>(table, row, l.batch, code);
            if (l.entries == 64) b = shuffle_lookup<4>(table, row, l.batch, code);
        }
#endif
        for (; b < l.batch; ++b) code[b] = table[row[b]];
    }
}

// x / step rounded to nearest, ties to even, within one of the bounds; not a number gives the
// lower. The bounds are small: adding 1.5 * 2^23 leaves no bits behind the point.
inline float rounded(float ratio, float low, float high) {
    constexpr float magic = 12582912.0f;
    float x = ratio > low ? ratio : low;
    x = x < high ? x : high;
    return (x + magic) - magic;
}

void quantise(const Quantise &q, size_t begin, size_t end) {
    for (size_t n = begin; n < end; ++n) {
        const float *table = q.table + n * q.entries, *count = q.counts + n * q.entries;
        double sum = 0, squares = 0;
        for (size_t e = 0; e < q.entries; ++e) sum += double(count[e]) * table[e];
        const float mean = float(sum / q.batch);
        for (size_t e = 0; e < q.entries; ++e) {
            const float x = table[e] - mean;
            squares += double(count[e]) * (x * x);
        }
        q.mean[n] = mean;
        q.variance[n] = float(squares / q.batch);
        const float scale = q.weight[n] / std::sqrt(q.variance[n] + q.eps), bias = q.bias[n];
        uint8_t *code = q.codes + n * q.entries;
        for (size_t e = 0; e < q.entries; ++e) {
            const float ratio = ((table[e] - mean) * scale + bias) / q.step;
            code[e] = uint8_t(int(rounded(ratio, q.q_min, q.q_max) - q.q_min));
        }
    }
}

template <typename Word>
void quantise_backward(const QuantiseBackward &a, size_t begin, size_t end) {
    const Quantise &q = a.forward;
    const size_t table_size = copies(q.entries) * q.entries;
    Scratch scratch(table_size);
    float *sum = scratch.take(table_size);
    for (size_t n = begin; n < end; ++n) {
        const float *table = q.table + n * q.entries, *count = q.counts + n * q.entries;
        const float *gradient = a.gradient + n * a.batch;
        const Word *row = static_cast<const Word *>(a.addresses) + n * a.batch;
        float *direct = a.direct + n * q.entries, *shared = a.shared + n * q.entries;
        std::memset(sum, 0, 4 * table_size);
        over_samples(a.batch, q.entries, [&](size_t b, size_t copy) {
            sum[copy * q.entries + row[b]] += gradient[b];
        });
        add_copies(sum, q.entries);
        const float mean = q.mean[n], bias = q.bias[n];
        const float deviation = std::sqrt(q.variance[n] + q.eps), scale = q.weight[n] / deviation;
        float bias_sum = 0, weight_sum = 0, step_sum = 0;
        for (size_t e = 0; e < q.entries; ++e) {
            const float x = table[e] - mean;
            const float ratio = (x * scale + bias) / q.step;
            const float code = rounded(ratio, q.q_min - 1, q.q_max + 1);
            const bool inside = code >= q.q_min && code <= q.q_max;
            const float clamped = code < q.q_min ? q.q_min : code > q.q_max ? q.q_max : code;
            const float through = inside ? sum[e] : 0;
            direct[e] = inside ? scale : 0;
            bias_sum += through;
            weight_sum += through * (x / deviation);
            step_sum += sum[e] * (inside ? clamped - ratio : clamped);
        }
        a.bias_gradient[n] = bias_sum;
        a.weight_gradient[n] = weight_sum;
        a.step_gradient[n] = step_sum;
        // What reaches an entry through the batch statistics, for each of its samples.
        const float share = -scale / q.batch;
        float *out = a.table_gradient + n * q.entries;
        for (size_t e = 0; e < q.entries; ++e) {
            shared[e] = share * (bias_sum + (table[e] - mean) / deviation * weight_sum);
            out[e] = direct[e] * sum[e] + count[e] * shared[e];
        }
    }
}

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t Lanes __attribute__((vector_size(32)));

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Lanes{__VA_ARGS__})
#endif

// Eight rows of eight become eight columns.
inline void transpose(Eight *v) {
    Eight t[8], s[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = SHUFFLE(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        t[i + 1] = SHUFFLE(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; ++j) {
            s[i + 2 * j] = SHUFFLE(t[i + j], t[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            s[i + 2 * j + 1] = SHUFFLE(t[i + j], t[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; ++i) {
        v[i] = SHUFFLE(s[i], s[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = SHUFFLE(s[i], s[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

// Eight samples at a time: each reads one contiguous row per eight digits, and a transposition
// leaves one vector of samples per digit.
template <typename Word, size_t kDigits>
inline void gather_eight(const Gather &g, const float *rows, const Word *address,
                         const int64_t *wire, size_t b, size_t digit, Eight &sample) {
    Eight v[8];
    for (int i = 0; i < 8; ++i) std::memcpy(v + i, rows + address[i] * g.row + digit, 32);
    transpose(v);
    if (digit + 8 == g.row) sample = sample * v[6] + v[7];
    for (size_t f = 0; f < kDigits; ++f) {
        float *out = g.result + wire[digit + f] * g.batch + b;
        Eight sum;
        std::memcpy(&sum, out, 32);
        sum += sample * v[f];
        std::memcpy(out, &sum, 32);
    }
}

template <typename Word, size_t kDigits>
void gather_neuron(const Gather &g, size_t n, size_t from, size_t to) {
    const float *gradient = g.gradient + n * g.batch;
    const float *rows = g.rows + n * g.entries * g.row;
    const Word *address = static_cast<const Word *>(g.addresses) + n * g.batch;
    const int64_t *wire = g.wires + n * g.fan_in;
    size_t b = from;
    for (; b + 8 <= to; b += 8) {
        Eight sample;
        std::memcpy(&sample, gradient + b, 32);
        // The last eight columns hold D and K, which the samples need first.
        size_t digit = g.row - 8;
        gather_eight<Word, kDigits>(g, rows, address + b, wire, b, digit, sample);
        while (digit) {
            digit -= 8;
            if (digit + 8 <= g.fan_in)
                gather_eight<Word, 8>(g, rows, address + b, wire, b, digit, sample);
            else
                gather_eight<Word, 7>(g, rows, address + b, wire, b, digit, sample);
        }
    }
    for (; b < to; ++b) {
        const float *row = rows + address[b] * g.row;
        const float sample = gradient[b] * row[g.row - 2] + row[g.row - 1];
        for (size_t f = 0; f < g.fan_in; ++f) g.result[wire[f] * g.batch + b] += sample * row[f];
    }
}

template <typename Word>
void gather(const Gather &g, size_t begin, size_t end) {
    // The last eight columns hold 0 to 6 digits.
    static constexpr decltype(&gather_neuron<Word, 0>) parts[] = {
        gather_neuron<Word, 0>, gather_neuron<Word, 1>, gather_neuron<Word, 2>,
        gather_neuron<Word, 3>, gather_neuron<Word, 4>, gather_neuron<Word, 5>,
        gather_neuron<Word, 6>};
    const size_t before = g.row - 8, digits = g.fan_in > before ? g.fan_in - before : 0;
    constexpr size_t tile = 512;  // larger ones drive the features' sums out of the cache
    for (size_t from = begin; from < end; from += tile) {
        const size_t to = end - from < tile ? end : from + tile;
        for (size_t i = 0; i < g.features; ++i)
            std::memset(g.result + i * g.batch + from, 0, 4 * (to - from));
        for (size_t n = 0; n < g.neurons; ++n) parts[digits](g, n, from, to);
    }
}

// A hidden unit's input at entry e is low[e % low_size] + high[e / low_size]: the low digits span
// at least one vector, the high digits the rest.
struct Split {
    size_t low_digits = 0, low = 1, high = 1, padded;
    float *low_values, *high_values;  // [low_digits, padded], [F - low_digits, high]

    Split(const SkipMlp &m) {
        while (low_digits < m.fan_in && low < kWidth) ++low_digits, low <<= m.bits;
        high = m.entries / low;
        padded = low < kWidth ? kWidth : low;
    }
    size_t floats(const SkipMlp &m) const {
        return low_digits * padded + (m.fan_in - low_digits) * high;
    }
    void fill(const SkipMlp &m, Scratch &scratch) {
        low_values = scratch.take(low_digits * padded);
        high_values = scratch.take((m.fan_in - low_digits) * high);
        const size_t last = (size_t(1) << m.bits) - 1;
        for (size_t f = 0; f < low_digits; ++f)
            for (size_t e = 0; e < padded; ++e)
                low_values[f * padded + e] = e < low ? m.levels[(e >> (f * m.bits)) & last] : 0;
        for (size_t f = 0; f < m.fan_in - low_digits; ++f)
            for (size_t e = 0; e < high; ++e)
                high_values[f * high + e] = m.levels[(e >> (f * m.bits)) & last];
    }
};

// Entries in the lanes: low [N, padded] and high [N, high] of one neuron.
void spread(const SkipMlp &m, const Split &s, size_t n, float *low, float *high) {
    const size_t high_digits = m.fan_in - s.low_digits;
    for (size_t h = 0; h < m.hidden; ++h) {
        const float *weight = m.hidden_weight + (n * m.hidden + h) * m.fan_in;
        for (size_t e = 0; e < s.padded; e += kWidth) {
            Vec sum = all(m.hidden_bias[n * m.hidden + h]);
            for (size_t f = 0; f < s.low_digits; ++f)
                sum += weight[f] * load(s.low_values + f * s.padded + e);
            store(low + h * s.padded + e, sum);
        }
        float *row = high + h * s.high;
        for (size_t e = 0; e < s.high; ++e) row[e] = 0;
        for (size_t f = 0; f < high_digits; ++f) {
            const float w = weight[s.low_digits + f], *value = s.high_values + f * s.high;
            for (size_t e = 0; e < s.high; ++e) row[e] += w * value[e];
        }
    }
}

// The linear skip alone, for one vector of entries.
inline Vec skip_part(const SkipMlp &m, const Split &s, size_t n, size_t low, size_t high) {
    Vec sum = {};
    if (!m.skip_weight) return sum;
    const float *weight = m.skip_weight + n * m.fan_in;
    for (size_t f = 0; f < s.low_digits; ++f)
        sum += weight[f] * load(s.low_values + f * s.padded + low);
    for (size_t f = s.low_digits; f < m.fan_in; ++f)
        sum += weight[f] * s.high_values[(f - s.low_digits) * s.high + high];
    return sum;
}

void put(const Split &s, float *row, size_t low, size_t high, Vec value) {
    const size_t size = s.low < kWidth ? s.low : kWidth;
    if (size == kWidth) return store(row + high * s.low + low, value);
    float lanes[kWidth];
    store(lanes, value);
    for (size_t e = 0; e < size; ++e) row[high * s.low + low + e] = lanes[e];
}

void skip_mlp(const SkipMlp &m, float *table, size_t begin, size_t end) {
    constexpr size_t kTiles = 4;
    Split s(m);
    Scratch scratch(s.floats(m) + m.hidden * (s.padded + s.high));
    s.fill(m, scratch);
    float *low = scratch.take(m.hidden * s.padded), *high = scratch.take(m.hidden * s.high);
    const size_t per_row = s.padded / kWidth, tiles = per_row * s.high;
    for (size_t n = begin; n < end; ++n) {
        spread(m, s, n, low, high);
        const float *output = m.output_weight + n * m.hidden;
        for (size_t first = 0; first < tiles; first += kTiles) {
            Vec sum[kTiles];
            size_t at[kTiles], row[kTiles];
            for (size_t t = 0; t < kTiles; ++t) {  // the last group repeats its last tile
                const size_t tile = first + t < tiles ? first + t : tiles - 1;
                at[t] = tile % per_row * kWidth, row[t] = tile / per_row;
                sum[t] = skip_part(m, s, n, at[t], row[t]);
            }
            for (size_t h = 0; h < m.hidden; ++h) {
                const float *l = low + h * s.padded, *r = high + h * s.high, w = output[h];
                for (size_t t = 0; t < kTiles; ++t) {
                    const Vec x = load(l + at[t]) + r[row[t]];
                    sum[t] += w * keep(x > 0, x);
                }
            }
            for (size_t t = 0; t < kTiles; ++t)
                put(s, table + n * m.entries, at[t], row[t], sum[t]);
        }
    }
}

// Slopes by `kDigits` digits, from `digit` on, for every entry.
template <size_t kDigits>
void slopes_part(const SkipMlp &m, const Split &s, size_t n, size_t digit, const float *low,
                 const float *high, const float *product, float *rows, size_t row_size) {
    for (size_t row = 0; row < s.high; ++row)
        for (size_t at = 0; at < s.padded; at += kWidth) {
            Vec sum[kDigits];
            for (size_t f = 0; f < kDigits; ++f)
                sum[f] = all(m.skip_weight ? m.skip_weight[n * m.fan_in + digit + f] : 0);
            for (size_t h = 0; h < m.hidden; ++h) {
                const Vec x = load(low + h * s.padded + at) + high[h * s.high + row];
                const Vec on = keep(x > 0, all(1));
                const float *w = product + h * m.fan_in + digit;
                for (size_t f = 0; f < kDigits; ++f) sum[f] += w[f] * on;
            }
            float *out = rows + (n * m.entries + row * s.low + at) * row_size + digit;
            if (kWidth == 8 && s.low >= 8) {
                Eight v[8] = {};
                std::memcpy(v, sum, sizeof sum);
                transpose(v);
                for (size_t e = 0; e < 8; ++e) std::memcpy(out + e * row_size, v + e, 32);
            } else {
                float lanes[kDigits * kWidth];
                std::memcpy(lanes, sum, sizeof sum);
                for (size_t e = 0; e < kWidth && e < s.low; ++e)
                    for (size_t f = 0; f < kDigits; ++f)
                        out[e * row_size + f] = lanes[f * kWidth + e];
            }
        }
}

void skip_mlp_slopes(const SkipMlp &m, float *rows, size_t row, size_t begin, size_t end) {
    static constexpr decltype(&slopes_part<1>) parts[] = {
        slopes_part<1>, slopes_part<2>, slopes_part<3>, slopes_part<4>,
        slopes_part<5>, slopes_part<6>, slopes_part<7>, slopes_part<8>};
    Split s(m);
    Scratch scratch(s.floats(m) + m.hidden * (s.padded + s.high + m.fan_in));
    s.fill(m, scratch);
    float *low = scratch.take(m.hidden * s.padded), *high = scratch.take(m.hidden * s.high);
    float *product = scratch.take(m.hidden * m.fan_in);
    for (size_t n = begin; n < end; ++n) {
        spread(m, s, n, low, high);
        for (size_t h = 0; h < m.hidden; ++h)
            for (size_t f = 0; f < m.fan_in; ++f)
                product[h * m.fan_in + f] = m.output_weight[n * m.hidden + h] *
                                            m.hidden_weight[(n * m.hidden + h) * m.fan_in + f];
        for (size_t digit = 0; digit < m.fan_in; digit += 8) {
            const size_t digits = m.fan_in - digit < 8 ? m.fan_in - digit : 8;
            parts[digits - 1](m, s, n, digit, low, high, product, rows, row);
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
    Scratch scratch(s.floats(m) + lanes * (2 * s.low + s.high + fan_in + 2));
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
                        sum += load(weight + f * lanes + h) * s.low_values[f * s.padded + e];
                    store(low + e * lanes + h, sum);
                    store(low_sum + e * lanes + h, Vec{});
                }
            for (size_t e = 0; e < s.high; ++e)
                for (size_t h = 0; h < lanes; h += kWidth) {
                    Vec sum = {};
                    for (size_t f = s.low_digits; f < fan_in; ++f)
                        sum += load(weight + f * lanes + h) *
                               s.high_values[(f - s.low_digits) * s.high + e];
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
                            moment += load(low_sum + e * lanes + h) * s.low_values[f * s.padded + e];
                    else
                        for (size_t r = 0; r < s.high; ++r)
                            moment += load(high + r * lanes + h) *
                                      s.high_values[(f - s.low_digits) * s.high + r];
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
                           (f < s.low_digits ? s.low_values[f * s.padded + e]
                                             : s.high_values[(f - s.low_digits) * s.high + r]);
            a.skip_weight[n * fan_in + f] = sum;
        }
    }
}

}  // namespace

#if defined(__AVX512F__)
const Kernels avx512 = {
    "avx512",
#elif defined(__AVX2__)
const Kernels avx2 = {
    "avx2",
#else
const Kernels portable = {
    "portable",
#endif
    {address<uint8_t>, address<uint16_t>},
    quantise,
    {quantise_backward<uint8_t>, quantise_backward<uint16_t>},
    {lookup<uint8_t>, lookup<uint16_t>},
    {gather<uint8_t>, gather<uint16_t>},
    skip_mlp,
    skip_mlp_slopes,
    skip_mlp_backward,
};

}  // namespace lutra
