// The kernels, written once over vectors of kWidth floats and compiled once per instruction set.
// Nothing with external linkage may come from here but the table at the end: an inline function
// of the standard library, compiled for a newer machine, could otherwise be linked for all.

#include "bloom.h"
#include "differences.h"
#include "gains.h"
#include "kernels.h"
#include "matmul.h"
#include "samples.h"
#include "skip_mlp.h"
#include "thermometer.h"

namespace lutra {

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
    transpose_bytes,
    {address<uint8_t>, address<uint16_t>},
    unique_address,
    quantise,
    {quantise_backward<uint8_t>, quantise_backward<uint16_t>},
    {lookup<uint8_t>, lookup<uint16_t>},
    {gather<uint8_t>, gather<uint16_t>},
    {gains<uint8_t>, gains<uint16_t>},
    differences,
    matmul,
    thermometer,
    thermometer_backward,
    skip_mlp,
    skip_mlp_slopes,
    skip_mlp_backward,
    hash,
    bloom,
    bloom_backward,
};

}  // namespace lutra
