// Python's way to programs. Arrays come as addresses; `lutra.engine` checks them.

#include "bind.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "program.h"

namespace nb = nanobind;

namespace lutra::logic {
namespace {

template <typename T>
T *at(uintptr_t address) {
    return reinterpret_cast<T *>(address);
}
using Ints = const int64_t;

}  // namespace

void bind(nb::module_ &m) {
    m.def("program_sets", instruction_sets);
    nb::class_<Network>(m, "Network")
        .def(nb::init<size_t, unsigned, bool, bool>())
        .def("lut", [](Network &n, uintptr_t wires, uintptr_t table, size_t count, unsigned fan_in,
                       size_t outputs, bool looked_up) {
            nb::gil_scoped_release release;
            n.lut(at<Ints>(wires), at<const uint8_t>(table), count, fan_in, outputs, looked_up);
        })
        .def("sum", [](Network &n, uintptr_t wires, uintptr_t weights, uintptr_t bias,
                       size_t count, size_t terms, unsigned width) {
            n.sum(at<Ints>(wires), at<Ints>(weights), at<Ints>(bias), count, terms, width);
        })
        .def("encode", [](Network &n, uintptr_t words, size_t count, unsigned width,
                          bool is_signed, uintptr_t thresholds, size_t each, bool thermometer) {
            n.encode(at<Ints>(words), count, width, is_signed, at<Ints>(thresholds), each,
                     thermometer);
        })
        .def("compare", [](Network &n, uintptr_t words, size_t count, unsigned width,
                           bool is_signed, uintptr_t thresholds) {
            n.compare(at<Ints>(words), count, width, is_signed, at<Ints>(thresholds));
        })
        .def("argmax", [](Network &n, uintptr_t words, size_t count, unsigned width,
                          bool is_signed) { n.argmax(at<Ints>(words), count, width, is_signed); })
        .def("program", [](Network &n, uintptr_t bits, const std::vector<unsigned> &widths,
                           const std::vector<bool> &is_signed, const std::string &set,
                           size_t block) {
            std::vector<Program::Form> words;
            for (size_t i = 0; i < widths.size(); ++i) words.push_back({widths[i], is_signed.at(i)});
            nb::gil_scoped_release release;
            return new Program(n, at<Ints>(bits), std::move(words), set, block);
        });
    nb::class_<Program>(m, "Program")
        .def("run", [](const Program &p, uintptr_t rows, int type, size_t row, size_t samples,
                       uintptr_t scale, uintptr_t offset, uintptr_t results, int threads) {
            nb::gil_scoped_release release;
            return p.run({at<const void>(rows), Type(type), row, samples, at<const double>(scale),
                          at<const double>(offset)},
                         at<int64_t>(results), threads);
        })
        .def("run_bits", [](const Program &p, uintptr_t bits, size_t row, size_t samples,
                            uintptr_t results, int threads) {
            nb::gil_scoped_release release;
            p.run_bits(at<const uint64_t>(bits), row, samples, at<int64_t>(results), threads);
        })
        .def_prop_ro("operations", &Program::operations)
        .def_prop_ro("slots", &Program::slots)
        .def_prop_ro("lookups", &Program::lookups)
        .def_prop_ro("is_code", &Program::is_code)
        .def_prop_ro("block_samples", &Program::block_samples);
}

}  // namespace lutra::logic
