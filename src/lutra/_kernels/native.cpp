// Native kernels: plain loops over contiguous CPU arrays, no link against torch.

#include <cstdint>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Codes = nb::ndarray<const uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Wires = nb::ndarray<const int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Addresses = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// address[n, b] = sum_f codes[wires[n, f], b] << (f * bits).
void pack_addresses(Codes codes, Wires wires, int bits, Addresses addresses) {
    const size_t batch = codes.shape(1), fan_in = wires.shape(1);
    if (addresses.shape(0) != wires.shape(0) || addresses.shape(1) != batch)
        throw nb::value_error("addresses must have shape (neurons, batch)");
    const uint8_t *code = codes.data();
    const int64_t *wire = wires.data();
    int64_t *row = addresses.data();
    for (size_t n = 0; n < wires.shape(0); ++n)
        for (size_t f = 0; f < fan_in; ++f)
            if (wire[n * fan_in + f] < 0 || wire[n * fan_in + f] >= int64_t(codes.shape(0)))
                throw nb::index_error("a wire reads a feature that does not exist");
    nb::gil_scoped_release release;
    for (size_t n = 0; n < wires.shape(0); ++n, row += batch, wire += fan_in) {
        for (size_t b = 0; b < batch; ++b) row[b] = 0;
        for (size_t f = 0; f < fan_in; ++f) {
            const uint8_t *source = code + wire[f] * batch;
            const int shift = int(f) * bits;
            for (size_t b = 0; b < batch; ++b) row[b] |= int64_t(source[b]) << shift;
        }
    }
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
    m.def("pack_addresses", &pack_addresses, "codes"_a, "wires"_a, "bits"_a, "addresses"_a);
    m.def("keep_freed_memory", &keep_freed_memory);
}
