// Python's way to the kernels. Arrays come as plain addresses: no link against torch, and no
// conversion that would cost more than a small kernel. The callers check them.

#include <algorithm>
#include <cstring>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "cover.h"
#include "kernels.h"
#include "logic/bind.h"
#include "threads.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace nb = nanobind;
using namespace lutra;

namespace {

std::vector<const Kernels *> available() {
    std::vector<const Kernels *> result{&portable};
#if defined(LUTRA_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) result.push_back(&avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        result.push_back(&avx512);
#endif
    return result;
}

const Kernels *chosen = available().back();
int threads = 1;

template <typename T>
T *at(uintptr_t address) {
    return reinterpret_cast<T *>(address);
}

// Which kernel of a pair: addresses of one byte or of two.
int wide(size_t entries) { return entries > 256; }

// Small pieces of work stay on one thread: a few microseconds of it at least.
constexpr size_t kLeastWork = 1 << 14;

template <typename Body>
void over(size_t size, size_t work_each, const Body &body, size_t multiple = 1) {
    if (!size) return;
    nb::gil_scoped_release release;
    const size_t least = (kLeastWork / (work_each + 1) / multiple + 1) * multiple;
    parallel(size, size > least ? multiple : size, threads, body);
}

void check_wires(const int64_t *wires, size_t count, size_t features) {
    for (size_t i = 0; i < count; ++i)
        if (wires[i] < 0 || wires[i] >= int64_t(features))
            throw nb::index_error("a wire reads a feature that does not exist");
}

// Wires and codes that lead outside of an array are errors, not addresses.
Address checked_address(uintptr_t codes, uintptr_t wires, size_t neurons, size_t features,
                        size_t batch, size_t fan_in, int bits, uintptr_t addresses,
                        uintptr_t counts) {
    if (fan_in < 1 || bits < 1 || bits > 8 || fan_in * bits > 16)
        throw nb::value_error("an address has 1 to 16 bits, in digits of 1 to 8");
    const Address a{at<const uint8_t>(codes), at<const int64_t>(wires), batch, fan_in,
                    size_t(1) << (fan_in * bits), bits, at<void>(addresses), at<float>(counts)};
    check_wires(a.wires, neurons * fan_in, features);
    uint8_t seen = 0;
    for (size_t i = 0; i < features * batch; ++i) seen |= a.codes[i];
    if (seen >> bits) throw nb::value_error("a code has more bits than its digit");
    return a;
}

// Rows of slopes are read eight at a time, and end with two columns of the caller's.
void check_row(size_t fan_in, size_t row) {
    if (row % 8 || row < fan_in + 2) throw nb::value_error("a row of slopes is too short");
}

// Slopes are rows, or a table of bits.
void check_slopes(uintptr_t rows, size_t fan_in, size_t entries, size_t row) {
    check_row(fan_in, row);
    if (!rows && (fan_in > 16 || entries != size_t(1) << fan_in))
        throw nb::value_error("a table of bits has an entry for each of their combinations");
}

SkipMlp skip_mlp(uintptr_t levels, uintptr_t hidden_weight, uintptr_t hidden_bias,
                 uintptr_t output_weight, uintptr_t skip_weight, size_t fan_in, size_t hidden,
                 int bits) {
    return {at<const float>(levels), at<const float>(hidden_weight), at<const float>(hidden_bias),
            at<const float>(output_weight), at<const float>(skip_weight), fan_in, hidden,
            size_t(1) << (fan_in * bits), bits};
}

Bloom checked_bloom(uintptr_t entries, uintptr_t addresses, uintptr_t kept, uintptr_t heard,
                    size_t filters, size_t hashes, size_t batch, size_t size, size_t classes) {
    const Bloom a{at<const float>(entries), at<const uint16_t>(addresses), at<const float>(kept),
                  at<const uint8_t>(heard), filters, hashes, batch, size, classes};
    uint16_t greatest = 0;
    for (size_t i = 0; i < filters * hashes * batch; ++i)
        greatest = std::max(greatest, a.addresses[i]);
    if (greatest >= size) throw nb::index_error("an address leads outside of its filter");
    return a;
}

// Large tensors come and go every step; returning their pages to the system each time costs more
// than computing on them. Keep freed memory in the process instead.
void keep_freed_memory() {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 2047 << 20);
#endif
}

}  // namespace

NB_MODULE(_native, m) {
    logic::bind(m);
    m.def("keep_freed_memory", &keep_freed_memory);
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const Kernels *kernels : available()) names.push_back(kernels->name);
        return names;
    });
    m.def("instruction_set", [] { return std::string(chosen->name); });
    m.def("choose", [](const std::string &name) {
        for (const Kernels *kernels : available())
            if (name == kernels->name) {
                chosen = kernels;
                return;
            }
        throw nb::value_error("this machine has no such instruction set");
    });
    m.def("threads", [] { return threads; });
    m.def("set_threads", [](int count) { threads = count < 1 ? 1 : count; });

    m.def("transpose", [](uintptr_t x, size_t rows, size_t columns, uintptr_t result) {
        const Transpose t{at<const uint8_t>(x), rows, columns, at<uint8_t>(result)};
        over(columns, rows, [&](size_t begin, size_t end) { chosen->transpose(t, begin, end); }, 64);
    });

    m.def("address", [](uintptr_t codes, uintptr_t wires, size_t neurons, size_t features,
                        size_t batch, size_t fan_in, int bits, uintptr_t addresses,
                        uintptr_t counts) {
        const Address a = checked_address(codes, wires, neurons, features, batch, fan_in, bits,
                                          addresses, counts);
        over(neurons, fan_in * batch / 16 + batch + a.entries / 8,
             [&](size_t begin, size_t end) { chosen->address[wide(a.entries)](a, begin, end); });
    });

    m.def("unique_address",
          [](uintptr_t codes, uintptr_t wires, size_t neurons, size_t features, size_t batch,
             size_t fan_in, int bits, uintptr_t addresses, uintptr_t counts, size_t room,
             uintptr_t entries, uintptr_t found) {
              const UniqueAddress u{checked_address(codes, wires, neurons, features, batch, fan_in,
                                                    bits, addresses, counts),
                                    room, at<int64_t>(entries), at<uint32_t>(found)};
              over(neurons, (fan_in + 2) * batch,
                   [&](size_t begin, size_t end) { chosen->unique_address(u, begin, end); });
          });

    m.def("quantise", [](uintptr_t table, uintptr_t counts, uintptr_t weight, uintptr_t bias,
                         size_t neurons, size_t entries, float batch, float eps, float step,
                         float q_min, float q_max, uintptr_t mean, uintptr_t variance,
                         uintptr_t codes) {
        const Quantise q{at<const float>(table), at<const float>(counts),
                         at<const float>(weight), at<const float>(bias), entries, batch, eps,
                         step, q_min, q_max, at<float>(mean), at<float>(variance),
                         at<uint8_t>(codes)};
        over(neurons, 4 * entries,
             [&](size_t begin, size_t end) { chosen->quantise(q, begin, end); });
    });

    m.def("quantise_backward",
          [](uintptr_t table, uintptr_t counts, uintptr_t weight, uintptr_t bias, size_t neurons,
             size_t entries, float eps, float step, float q_min, float q_max, uintptr_t mean,
             uintptr_t variance, uintptr_t gradient, uintptr_t addresses, size_t batch,
             uintptr_t table_gradient, uintptr_t weight_gradient, uintptr_t bias_gradient,
             uintptr_t step_gradient, uintptr_t direct, uintptr_t shared) {
              const Quantise q{at<const float>(table), at<const float>(counts),
                               at<const float>(weight), at<const float>(bias), entries,
                               float(batch), eps, step, q_min, q_max, at<float>(mean),
                               at<float>(variance), nullptr};
              const QuantiseBackward a{q, at<const float>(gradient),
                                       at<const void>(addresses), batch,
                                       at<float>(table_gradient), at<float>(weight_gradient),
                                       at<float>(bias_gradient), at<float>(step_gradient),
                                       at<float>(direct), at<float>(shared)};
              over(neurons, 4 * entries + 2 * batch, [&](size_t begin, size_t end) {
                  chosen->quantise_backward[wide(entries)](a, begin, end);
              });
          });

    m.def("lookup", [](uintptr_t table, uintptr_t addresses, size_t neurons, size_t batch,
                       size_t entries, uintptr_t codes) {
        const Lookup l{at<const uint8_t>(table), at<const void>(addresses), batch, entries,
                       at<uint8_t>(codes)};
        over(neurons, batch / 8, [&](size_t begin, size_t end) {
            chosen->lookup[wide(entries)](l, begin, end);
        });
    });

    m.def("gather", [](uintptr_t gradient, uintptr_t direct, uintptr_t shared, uintptr_t rows,
                       uintptr_t table, uintptr_t addresses, uintptr_t wires, size_t neurons, size_t features,
                       size_t batch, size_t fan_in, size_t entries, size_t row,
                       uintptr_t result) {
        check_wires(at<const int64_t>(wires), neurons * fan_in, features);
        check_slopes(rows, fan_in, entries, row);
        float *last = at<float>(rows) + row - 2;
        over(rows ? neurons : 0, 2 * entries, [&](size_t begin, size_t end) {
            for (size_t e = begin * entries; e < end * entries; ++e) {
                last[e * row] = at<const float>(direct)[e];
                last[e * row + 1] = shared ? at<const float>(shared)[e] : 0;
            }
        });
        const Gather g{at<const float>(gradient), at<const float>(rows), at<const float>(table),
                       at<const float>(direct), at<const float>(shared), at<const void>(addresses), at<const int64_t>(wires), neurons, features,
                       batch, fan_in, entries, row, at<float>(result)};
        over(batch, 2 * neurons * fan_in,
             [&](size_t begin, size_t end) { chosen->gather[wide(entries)](g, begin, end); }, 16);
    });

    m.def("gains", [](uintptr_t gradient, uintptr_t rows, uintptr_t table, uintptr_t addresses,
                      uintptr_t codes, uintptr_t wires, uintptr_t candidates, size_t neurons,
                      size_t features, size_t batch, size_t fan_in, size_t entries, size_t row,
                      size_t count, uintptr_t result) {
        check_wires(at<const int64_t>(wires), neurons * fan_in, features);
        check_wires(at<const int64_t>(candidates), neurons * fan_in * count, features);
        check_slopes(rows, fan_in, entries, row);
        const Gains g{at<const float>(gradient), at<const float>(rows), at<const float>(table),
                      at<const void>(addresses), at<const uint8_t>(codes),
                      at<const int64_t>(wires), at<const int64_t>(candidates), batch, fan_in,
                      entries, row, count, at<float>(result)};
        over(neurons, fan_in * count * batch / 4,
             [&](size_t begin, size_t end) { chosen->gains[wide(entries)](g, begin, end); });
    });

    m.def("differences", [](uintptr_t table, uintptr_t levels, size_t neurons, size_t fan_in,
                            int bits, uintptr_t rows, size_t row) {
        check_row(fan_in, row);
        const Differences d{at<const float>(table), at<const float>(levels), fan_in,
                            size_t(1) << (fan_in * bits), bits, row, at<float>(rows)};
        over(neurons, 2 * fan_in * d.entries,
             [&](size_t begin, size_t end) { chosen->differences(d, begin, end); });
    });

    m.def("matmul", [](uintptr_t left, uintptr_t right, uintptr_t result, size_t count,
                       size_t rows, size_t inner, size_t columns) {
        for (size_t i = 0; i < count; ++i) {
            const Matmul p{at<const int32_t>(left) + i * rows * inner,
                           at<const int32_t>(right) + i * inner * columns, inner, columns,
                           at<int32_t>(result) + i * rows * columns};
            over(rows, inner * columns / 8,
                 [&](size_t begin, size_t end) { chosen->matmul(p, begin, end); });
        }
    });

    m.def("thermometer", [](uintptr_t x, uintptr_t limits, size_t features, size_t batch,
                            size_t thresholds, uintptr_t codes) {
        const Thermometer t{at<const float>(x), at<const float>(limits), batch, thresholds,
                            at<uint8_t>(codes)};
        over(features, batch * thresholds / 4,
             [&](size_t begin, size_t end) { chosen->thermometer(t, begin, end); });
    });

    m.def("thermometer_backward", [](uintptr_t x, uintptr_t limits, float unit, uintptr_t gradient,
                                     size_t features, size_t batch, size_t thresholds,
                                     uintptr_t result, uintptr_t limit_gradient) {
        const ThermometerBackward t{at<const float>(x),        at<const float>(limits), unit,
                                    at<const float>(gradient), batch,                   thresholds,
                                    at<float>(result),         at<float>(limit_gradient)};
        over(features, batch * thresholds,
             [&](size_t begin, size_t end) { chosen->thermometer_backward(t, begin, end); });
    });

    m.def("skip_mlp", [](uintptr_t levels, uintptr_t hidden_weight, uintptr_t hidden_bias,
                         uintptr_t output_weight, uintptr_t skip_weight, size_t neurons,
                         size_t fan_in, size_t hidden, int bits, uintptr_t table) {
        const SkipMlp s = skip_mlp(levels, hidden_weight, hidden_bias, output_weight, skip_weight,
                                   fan_in, hidden, bits);
        over(neurons, hidden * s.entries / 4, [&](size_t begin, size_t end) {
            chosen->skip_mlp(s, at<float>(table), begin, end);
        });
    });

    m.def("skip_mlp_slopes", [](uintptr_t levels, uintptr_t hidden_weight, uintptr_t hidden_bias,
                                uintptr_t output_weight, uintptr_t skip_weight, size_t neurons,
                                size_t fan_in, size_t hidden, int bits, uintptr_t rows,
                                size_t row) {
        check_row(fan_in, row);
        const SkipMlp s = skip_mlp(levels, hidden_weight, hidden_bias, output_weight, skip_weight,
                                   fan_in, hidden, bits);
        over(neurons, hidden * s.entries, [&](size_t begin, size_t end) {
            chosen->skip_mlp_slopes(s, at<float>(rows), row, begin, end);
        });
    });

    m.def("skip_mlp_backward",
          [](uintptr_t levels, uintptr_t hidden_weight, uintptr_t hidden_bias,
             uintptr_t output_weight, uintptr_t skip_weight, size_t neurons, size_t fan_in,
             size_t hidden, int bits, uintptr_t table_gradient, uintptr_t hidden_weight_gradient,
             uintptr_t hidden_bias_gradient, uintptr_t output_weight_gradient,
             uintptr_t skip_weight_gradient) {
              const SkipMlpBackward a{
                  skip_mlp(levels, hidden_weight, hidden_bias, output_weight, skip_weight, fan_in,
                           hidden, bits),
                  at<const float>(table_gradient), at<float>(hidden_weight_gradient),
                  at<float>(hidden_bias_gradient), at<float>(output_weight_gradient),
                  at<float>(skip_weight_gradient)};
              over(neurons, hidden * a.forward.entries, [&](size_t begin, size_t end) {
                  chosen->skip_mlp_backward(a, begin, end);
              });
          });

    m.def("hash", [](uintptr_t bits, uintptr_t order, uintptr_t words, size_t filters,
                     size_t features, size_t batch, size_t tuple, size_t hashes,
                     uintptr_t addresses) {
        const Hash h{at<const uint8_t>(bits), at<const int64_t>(order), at<const uint16_t>(words),
                     batch, tuple, hashes, at<uint16_t>(addresses)};
        check_wires(h.order, filters * tuple, features);
        over(filters, tuple * hashes * batch / 16,
             [&](size_t begin, size_t end) { chosen->hash(h, begin, end); });
    });

    m.def("bloom", [](uintptr_t entries, uintptr_t addresses, uintptr_t kept, uintptr_t heard,
                      size_t filters, size_t hashes, size_t batch, size_t size, size_t classes,
                      uintptr_t sums) {
        const Bloom a =
            checked_bloom(entries, addresses, kept, heard, filters, hashes, batch, size, classes);
        over(batch, filters * (hashes + 1) * classes / 4, [&](size_t begin, size_t end) {
            chosen->bloom(a, at<float>(sums), begin, end);
        }, 16);
    });

    m.def("bloom_backward", [](uintptr_t entries, uintptr_t addresses, uintptr_t kept,
                               uintptr_t heard, size_t filters, size_t hashes, size_t batch, size_t size,
                               size_t classes, uintptr_t gradient, uintptr_t result) {
        const Bloom a =
            checked_bloom(entries, addresses, kept, heard, filters, hashes, batch, size, classes);
        over(filters, batch * (2 * hashes + 1) * classes / 4, [&](size_t begin, size_t end) {
            chosen->bloom_backward(a, at<const float>(gradient), at<float>(result), begin, end);
        });
    });

    m.def("cover", [](uintptr_t values, uintptr_t cares, size_t tables, size_t parts, size_t length,
                      int max_shift, uintptr_t unique, uintptr_t owner, uintptr_t shift,
                      uintptr_t count) {
        const Cover c{at<const uint32_t>(values), at<const uint8_t>(cares), parts, length,
                      max_shift, at<uint32_t>(unique), at<int32_t>(owner), at<int32_t>(shift),
                      at<int32_t>(count)};
        over(tables, parts * length, [&](size_t begin, size_t end) { cover(c, begin, end); });
    });
}
