// Kernels over samples: addresses, lookups, the quantiser behind a table, gradients back to inputs.

#pragma once

#include <cmath>

#include "differences.h"
#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

// Sixteen rows of sixteen bytes become sixteen columns: four rounds of interleaving.
inline void transpose(Bytes *v) {
#pragma GCC unroll 4
    for (int round = 0; round < 4; ++round) {
        Bytes t[16];
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            t[2 * i] = INTERLEAVE(v[i], v[i + 8], 0);
            t[2 * i + 1] = INTERLEAVE(v[i], v[i + 8], 8);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) v[i] = t[i];
    }
}

void transpose_bytes(const Transpose &t, size_t begin, size_t end) {
    const size_t whole_rows = t.rows / 16 * 16, whole_columns = begin + (end - begin) / 16 * 16;
    const auto one_by_one = [&](size_t row, size_t row_end, size_t column, size_t column_end) {
        for (size_t c = column; c < column_end; ++c)
            for (size_t r = row; r < row_end; ++r) t.result[c * t.rows + r] = t.x[r * t.columns + c];
    };
    for (size_t column = begin; column < whole_columns; column += 16)
        for (size_t row = 0; row < whole_rows; row += 16) {
            Bytes v[16];
            for (size_t i = 0; i < 16; ++i)
                std::memcpy(v + i, t.x + (row + i) * t.columns + column, 16);
            transpose(v);
            for (size_t i = 0; i < 16; ++i)
                std::memcpy(t.result + (column + i) * t.rows + row, v + i, 16);
        }
    one_by_one(whole_rows, t.rows, begin, end);
    one_by_one(0, whole_rows, whole_columns, end);
}

// Neighbouring samples often meet the same entry. Sums over samples therefore go to one of several
// copies of a small table, so that none waits for the one before. The copy that a sample goes to
// depends on its number alone.
inline size_t copies(size_t entries, size_t batch) {
    return entries > 1024 ? 1 : batch > 4 * entries ? 8 : 2;
}

template <typename T>
inline void add_copies(T *sum, size_t entries, size_t count) {
    for (size_t copy = 1; copy < count; ++copy)
        for (size_t e = 0; e < entries; ++e) sum[e] += sum[copy * entries + e];
}

// Calls body(b, copy) for every sample.
template <typename Body>
inline void over_samples(size_t batch, size_t entries, const Body &body) {
    size_t b = 0;
    const size_t count = copies(entries, batch);
    if (count == 8)
        for (; b + 8 <= batch; b += 8)
            for (size_t copy = 0; copy < 8; ++copy) body(b + copy, copy);
    else if (count == 2)
        for (; b + 2 <= batch; b += 2) {
            body(b, 0);
            body(b + 1, 1);
        }
    for (const size_t first = b; b < batch; ++b) body(b, count > 1 ? b - first : 0);
}

// Writes one neuron's addresses: digit 0 in the lowest bits.
template <typename Word>
inline void pack(const Address &a, size_t n, Word *__restrict row) {
    const size_t batch = a.batch;
    const int bits = a.bits;
    const int64_t *wire = a.wires + n * a.fan_in;
    const uint8_t *last = a.codes + wire[a.fan_in - 1] * batch;
    for (size_t b = 0; b < batch; ++b) row[b] = last[b];
    for (size_t f = a.fan_in - 1; f--;) {
        const uint8_t *__restrict source = a.codes + wire[f] * batch;
        if (bits == 1)
            for (size_t b = 0; b < batch; ++b) row[b] = Word(row[b] + row[b] + source[b]);
        else
            for (size_t b = 0; b < batch; ++b) row[b] = Word(row[b] << bits | source[b]);
    }
}

template <typename Word>
void address(const Address &a, size_t begin, size_t end) {
    const size_t batch = a.batch, entries = a.entries, table = copies(entries, batch) * entries;
    Scratch scratch(table);
    uint32_t *seen = reinterpret_cast<uint32_t *>(scratch.take(table));
    for (size_t n = begin; n < end; ++n) {
        Word *row = static_cast<Word *>(a.addresses) + n * batch;
        pack(a, n, row);
        if (!a.counts) continue;
        std::memset(seen, 0, 4 * table);
        over_samples(batch, entries,
                     [=](size_t b, size_t copy) { ++seen[copy * entries + row[b]]; });
        add_copies(seen, entries, table / entries);
        float *count = a.counts + n * entries;
        for (size_t e = 0; e < entries; ++e) count[e] = float(seen[e]);
    }
}

void unique_address(const UniqueAddress &u, size_t begin, size_t end) {
    const Address &a = u.address;
    Scratch scratch(a.entries);
    uint32_t *number = reinterpret_cast<uint32_t *>(scratch.take(a.entries));  // from 1; 0: none yet
    for (size_t n = begin; n < end; ++n) {
        uint16_t *row = static_cast<uint16_t *>(a.addresses) + n * a.batch;
        int64_t *chosen = u.chosen + n * u.room;
        float *count = a.counts + n * u.room;
        uint32_t found = 0;
        pack(a, n, row);
        for (size_t b = 0; b < a.batch; ++b) {
            uint32_t &mine = number[row[b]];
            if (!mine) {
                chosen[found] = row[b];
                mine = ++found;
            }
            row[b] = uint16_t(mine - 1);
            count[mine - 1] += 1;
        }
        for (uint32_t i = 0; i < found; ++i) number[chosen[i]] = 0;
        u.found[n] = found;
    }
}

#if defined(__SSSE3__) && !defined(__clang__)
// Sixteen samples at a time from a table of `kParts` times sixteen codes, by byte shuffles.
template <size_t kParts>
size_t shuffle_lookup(const uint8_t *table, size_t entries, const uint8_t *row, size_t batch,
                      uint8_t *code) {
    Bytes part[kParts] = {};
    std::memcpy(part, table, entries);
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
    const size_t batch = l.batch, entries = l.entries;
    for (size_t n = begin; n < end; ++n) {
        const uint8_t *table = l.table + n * entries;
        const Word *row = static_cast<const Word *>(l.addresses) + n * batch;
        uint8_t *__restrict code = l.codes + n * batch;
        size_t b = 0;
#if defined(__SSSE3__) && !defined(__clang__)
        if constexpr (sizeof(Word) == 1) {
            if (entries <= 16) b = shuffle_lookup<1>(table, entries, row, batch, code);
            if (entries == 32) b = shuffle_lookup<2>(table, entries, row, batch, code);
            if (entries == 64) b = shuffle_lookup<4>(table, entries, row, batch, code);
        }
#endif
        for (; b < batch; ++b) code[b] = table[row[b]];
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
        for (size_t e = 0; q.counts && e < q.entries; ++e) sum += double(count[e]) * table[e];
        const float mean = float(sum / q.batch);
        for (size_t e = 0; q.counts && e < q.entries; ++e) {
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

// The gradients of each entry's samples, for tables so small that every entry can ask all samples.
inline void sum_small(const float *gradient, const uint8_t *row, size_t batch, size_t entries,
                      float *sum) {
    Vec sums[8] = {};
    size_t b = 0;
    for (; b + kWidth <= batch; b += kWidth) {
        const Vec x = load(gradient + b);
        const Mask at = load_bytes(row + b);
        for (size_t e = 0; e < entries; ++e) sums[e] += keep(at == int32_t(e), x);
    }
    for (size_t e = 0; e < entries; ++e) {
        sum[e] = 0;
        for (size_t lane = 0; lane < kWidth; ++lane) sum[e] += sums[e][lane];
    }
    for (; b < batch; ++b) sum[row[b]] += gradient[b];
}

template <typename Word>
void quantise_backward(const QuantiseBackward &a, size_t begin, size_t end) {
    const Quantise &q = a.forward;
    const size_t entries = q.entries, table_size = copies(entries, a.batch) * entries;
    Scratch scratch(table_size);
    float *sum = scratch.take(table_size);
    for (size_t n = begin; n < end; ++n) {
        const float *table = q.table + n * q.entries, *count = q.counts + n * q.entries;
        const float *gradient = a.gradient + n * a.batch;
        const Word *row = static_cast<const Word *>(a.addresses) + n * a.batch;
        float *direct = a.direct + n * q.entries, *shared = a.shared + n * q.entries;
        if (sizeof(Word) == 1 && entries <= 8) {
            sum_small(gradient, (const uint8_t *)row, a.batch, entries, sum);
        } else {
            std::memset(sum, 0, 4 * table_size);
            over_samples(a.batch, entries, [=](size_t b, size_t copy) {
                sum[copy * entries + row[b]] += gradient[b];
            });
            add_copies(sum, entries, table_size / entries);
        }
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
        if (!q.counts)
            for (size_t e = 0; e < q.entries; ++e) out[e] = direct[e] * sum[e];
        for (size_t e = 0; q.counts && e < q.entries; ++e) {
            shared[e] = share * (bias_sum + (table[e] - mean) / deviation * weight_sum);
            out[e] = direct[e] * sum[e] + count[e] * shared[e];
        }
    }
}

// Eight samples at a time: each reads one contiguous row per eight digits, and a transposition
// leaves one vector of samples per digit. `kLast` digits share the last eight columns with D and K.
// A digit that is the first to reach its feature adds to `zeros`, so that no sum need be cleared;
// "first" in the order of `GatherOrder`.
struct GatherOrder {
    explicit GatherOrder(const Gather &g)
        : start(g.fan_in > g.row - 8 ? g.row - 8 : 0), fan_in(g.fan_in) {}

    // The digits of the last eight columns come before those of the others.
    size_t operator()(size_t i) const { return i + start < fan_in ? i + start : i + start - fan_in; }

    size_t start, fan_in;
};

template <typename Word, size_t kLast>
void gather_neuron(const Gather &g, size_t n, const float *rows, size_t from, size_t to,
                   const bool *first, const float *zeros) {
    const size_t width = g.row, fan_in = g.fan_in;
    const float *gradient = g.gradient + n * g.batch;
    const Word *address = static_cast<const Word *>(g.addresses) + n * g.batch;
    const GatherOrder order(g);
    float *result[16];
    const float *before[16];
    for (size_t f = 0; f < fan_in; ++f) {
        result[f] = g.result + g.wires[n * fan_in + f] * g.batch;
        before[f] = first[n * fan_in + f] ? zeros - from : result[f];
    }

    size_t b = from;
    const auto columns = [&](size_t digit, Eight *v) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) v[i] = load<Eight>(rows + address[b + i] * width + digit);
        transpose(v);
    };
    const auto add = [&](size_t f, Eight value) {
        store(result[f] + b, load<Eight>(before[f] + b) + value);
    };
    for (; b + 8 <= to; b += 8) {
        Eight v[8];
        columns(width - 8, v);
        const Eight sample = load<Eight>(gradient + b) * v[6] + v[7];
#pragma GCC unroll 8
        for (size_t i = 0; i < kLast; ++i) add(width - 8 + i, sample * v[i]);
        for (size_t digit = 0; digit + 8 < width; digit += 8) {
            columns(digit, v);
            for (size_t i = 0; i < 8 && digit + i < fan_in; ++i) add(digit + i, sample * v[i]);
        }
    }
    for (; b < to; ++b) {
        const float *row = rows + address[b] * width;
        const float sample = gradient[b] * row[width - 2] + row[width - 1];
        for (size_t i = 0; i < fan_in; ++i) {
            const size_t f = order(i);
            result[f][b] = before[f][b] + sample * row[f];
        }
    }
}

#if defined(LUTRA_PICK)
// From a table of bits that fits a few registers: no rows, a digit's slope is picked by address.
template <size_t kParts>
void gather_picked(const Gather &g, size_t n, const Planes &planes, size_t from, size_t to,
                   const bool *first, const float *zeros) {
    const float *gradient = g.gradient + n * g.batch;
    const uint8_t *address = static_cast<const uint8_t *>(g.addresses) + n * g.batch;
    const float *direct = planes.column(g.row - 2), *shared = planes.column(g.row - 1);
    const GatherOrder order(g);
    for (size_t b = from; b < to;) {
        const bool whole = b + kWidth <= to;
        const Mask at = whole ? load_bytes(address + b) : Mask{};
        Vec sample{};
        if (whole) {
            sample = load(gradient + b) * pick<kParts>(direct, at);
            if (g.shared) sample += pick<kParts>(shared, at);
        }
        for (size_t i = 0; i < g.fan_in; ++i) {
            const size_t f = order(i), digit = n * g.fan_in + f;
            float *result = g.result + g.wires[digit] * g.batch + b;
            const float *before = first[digit] ? zeros : result, *slope = planes.column(f);
            if (whole) {
                store(result, load(before) + sample * pick<kParts>(slope, at));
                continue;
            }
            for (size_t k = 0; k < to - b; ++k) {
                const size_t e = address[b + k];
                const float own = gradient[b + k] * direct[e] + (g.shared ? shared[e] : 0);
                result[k] = before[k] + own * slope[e];
            }
        }
        b += whole ? kWidth : to - b;
    }
}
#endif

template <typename Word>
void gather(const Gather &g, size_t begin, size_t end) {
    static constexpr decltype(&gather_neuron<Word, 0>) parts[] = {
        gather_neuron<Word, 0>, gather_neuron<Word, 1>, gather_neuron<Word, 2>,
        gather_neuron<Word, 3>, gather_neuron<Word, 4>, gather_neuron<Word, 5>,
        gather_neuron<Word, 6>};
    const size_t before = g.row - 8, digits = g.fan_in > before ? g.fan_in - before : 0;
    constexpr size_t tile = 512;  // larger ones drive the features' sums out of the cache
    const float zeros[tile] = {};
    const size_t digits_in_all = g.neurons * g.fan_in;
    const float bit[] = {0, 1};
    const size_t size = g.rows ? 0 : g.entries * g.row;
    const Differences d{g.table, bit, g.fan_in, g.entries, 1, g.row, nullptr};
    Planes planes(d);
    Scratch scratch(size + (digits_in_all + g.features) / 4 + 1);
    float *own = scratch.take(size);
    bool *first = reinterpret_cast<bool *>(scratch.take(0)), *reached = first + digits_in_all;
    const GatherOrder order(g);
    for (size_t n = 0; n < g.neurons; ++n)
        for (size_t i = 0; i < g.fan_in; ++i) {
            const size_t digit = n * g.fan_in + order(i);
            first[digit] = !reached[g.wires[digit]];
            reached[g.wires[digit]] = true;
        }
    for (size_t from = begin; from < end; from += tile) {
        const size_t to = end - from < tile ? end : from + tile;
        for (size_t i = 0; i < g.features; ++i)
            if (!reached[i]) std::memset(g.result + i * g.batch + from, 0, 4 * (to - from));
        for (size_t n = 0; n < g.neurons; ++n) {
            const size_t at = n * g.entries;
            const float *rows = g.rows + at * g.row;
            if (!g.rows) {
                planes.fill(n);
                planes.set(g.row - 2, g.direct + at);
                planes.set(g.row - 1, g.shared ? g.shared + at : nullptr);
#if defined(LUTRA_PICK)
                if (g.entries <= kPicked * kWidth) {
                    constexpr decltype(&gather_picked<1>) picked[] = {
                        gather_picked<1>, gather_picked<2>, gather_picked<4>};
                    const size_t parts = (g.entries - 1) / kWidth;
                    picked[parts > 1 ? 2 : parts](g, n, planes, from, to, first, zeros);
                    continue;
                }
#endif
                planes.rows(own);
                rows = own;
            }
            parts[digits](g, n, rows, from, to, first, zeros);
        }
    }
}

}  // namespace
}  // namespace lutra
