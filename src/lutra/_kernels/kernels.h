// The kernels' arguments and the table of them that each instruction set fills.
//
// n neurons of F digits of `bits` bits have E = 2^(F * bits) entries; B samples. Arrays are
// contiguous and in the order given. Every kernel works on a range of neurons (or of samples,
// where said), writes nothing outside of it, and computes each element in an order that does not
// depend on the range: any number of threads gives the same bits.
//
// An address is one byte where E <= 256, else two; such kernels come in pairs, in this order.

#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra {

struct Transpose {
    const uint8_t *x;         // [rows, columns]
    size_t rows, columns;
    uint8_t *result;          // out [columns, rows]
};

struct Address {
    const uint8_t *codes;     // [features, B]
    const int64_t *wires;     // [n, F]
    size_t batch, fan_in, entries;
    int bits;
    void *addresses;          // out [n, B]
    float *counts;            // out [n, E], or null
};

// Numbers the entries that the samples of a neuron meet, in the order of their first sample. Rows
// have room for `room` entries; addresses are two bytes each, the entry's number.
struct UniqueAddress {
    Address address;              // counts [n, room], zero to begin with
    size_t room;
    int64_t *chosen;              // out [n, room], zero to begin with
    uint32_t *found;              // out [n], how many
};

struct Quantise {
    const float *table, *counts;  // [n, E]; without counts there are no batch statistics
    const float *weight, *bias;   // [n], of the norm
    size_t entries;
    float batch, eps, step, q_min, q_max;
    float *mean, *variance;       // [n], out of quantise
    uint8_t *codes;               // out of quantise [n, E]
};

struct QuantiseBackward {
    Quantise forward;
    const float *gradient;        // [n, B]
    const void *addresses;        // [n, B]
    size_t batch;
    float *table_gradient;        // out [n, E]
    float *weight_gradient, *bias_gradient, *step_gradient;  // out [n]
    float *direct, *shared;       // out [n, E]; no shared without counts
};

struct Lookup {
    const uint8_t *table;         // [n, E]
    const void *addresses;        // [n, B]
    size_t batch, entries;
    uint8_t *codes;               // out [n, B]
};

// Slopes come as rows, or as a table of bits whose differences of neighbours they are.
struct Gather {
    const float *gradient;         // [n, B]
    const float *rows;             // [n, E, R]: F slopes first, direct and shared last; or null
    const float *table, *direct, *shared;  // [n, E], read where there are no rows; shared or null
    const void *addresses;         // [n, B]
    const int64_t *wires;          // [n, F]
    size_t neurons, features, batch, fan_in, entries, row;  // R, a multiple of 8
    float *result;                 // out [features, B]
};

struct Matmul {
    const int32_t *left;           // [rows, inner]
    const int32_t *right;          // [inner, columns]
    size_t inner, columns;
    int32_t *result;               // out [rows, columns]
};

struct Thermometer {
    const float *x;                // [features, B]
    const float *limits;           // [features, T]
    size_t batch, thresholds;
    uint8_t *codes;                // out [features, T, B], x >= limit
};

struct ThermometerBackward {
    const float *x, *limits;
    float unit;                    // of x, in which limits are
    const float *gradient;         // [features, T, B]
    size_t batch, thresholds;
    float *result;                 // out [features, B]
    float *limit_gradient;         // out [features, T]
};

// What the loss would gain, per candidate of a digit, if it were read in the wired one's place.
struct Gains {
    const float *gradient;         // [n, B]
    const float *rows, *table;     // as in Gather; direct and shared are in the gradient already
    const void *addresses;         // [n, B]
    const uint8_t *codes;          // [features, B]
    const int64_t *wires;          // [n, F]
    const int64_t *candidates;     // [n, F, K]
    size_t batch, fan_in, entries, row, count;  // K
    float *result;                 // out [n, F, K]
};

struct Differences {
    const float *table;            // [n, E]
    const float *levels;           // [2^bits]
    size_t fan_in, entries;
    int bits;
    size_t row;                    // R, as in Gather
    float *rows;                   // out [n, E, R]: F slopes, the rest undefined
};

struct SkipMlp {
    const float *levels;           // [2^bits]
    const float *hidden_weight;    // [n, N, F]
    const float *hidden_bias;      // [n, N]
    const float *output_weight;    // [n, N]
    const float *skip_weight;      // [n, F] or null
    size_t fan_in, hidden, entries;
    int bits;
};

struct SkipMlpBackward {
    SkipMlp forward;
    const float *table_gradient;   // [n, E]
    float *hidden_weight, *hidden_bias, *output_weight, *skip_weight;  // out, as above
};

// Parities of bits: an address is the XOR of the words of the bits that are 1.
struct Hash {
    const uint8_t *bits;           // [features, B], 0 or 1
    const int64_t *order;          // [n, t], the bits that filter n reads
    const uint16_t *words;         // [hashes, t]
    size_t batch, tuple, hashes;
    uint16_t *addresses;           // out [n, hashes, B]
};

// n filters of E entries per class. A sample's answer is the sign of its least entry.
struct Bloom {
    const float *entries;          // [n, E, classes]
    const uint16_t *addresses;     // [n, hashes, B], below E
    const float *kept;             // [n, classes], 0 where a filter does not count, else 1
    const uint8_t *heard;          // [n, B], 0 where an answer does not count; or null
    size_t filters, hashes, batch, size, classes;  // n and E among them
};

struct Kernels {
    const char *name;
    void (*transpose)(const Transpose &, size_t begin, size_t end);  // a range of columns
    void (*address[2])(const Address &, size_t begin, size_t end);
    void (*unique_address)(const UniqueAddress &, size_t begin, size_t end);
    void (*quantise)(const Quantise &, size_t begin, size_t end);
    void (*quantise_backward[2])(const QuantiseBackward &, size_t begin, size_t end);
    void (*lookup[2])(const Lookup &, size_t begin, size_t end);
    void (*gather[2])(const Gather &, size_t begin, size_t end);  // a range of samples
    void (*gains[2])(const Gains &, size_t begin, size_t end);
    void (*differences)(const Differences &, size_t begin, size_t end);
    void (*matmul)(const Matmul &, size_t begin, size_t end);
    void (*thermometer)(const Thermometer &, size_t begin, size_t end);
    void (*thermometer_backward)(const ThermometerBackward &, size_t begin, size_t end);
    void (*skip_mlp)(const SkipMlp &, float *table, size_t begin, size_t end);
    void (*skip_mlp_slopes)(const SkipMlp &, float *rows, size_t row, size_t begin, size_t end);
    void (*skip_mlp_backward)(const SkipMlpBackward &, size_t begin, size_t end);
    void (*hash)(const Hash &, size_t begin, size_t end);
    // Sums of answers [B, classes], for a range of samples.
    void (*bloom)(const Bloom &, float *sums, size_t begin, size_t end);
    // What the gradient of the sums [B, classes] is of the entries, [n, E, classes].
    void (*bloom_backward)(const Bloom &, const float *gradient, float *result, size_t begin,
                           size_t end);
};

extern const Kernels portable;
#if defined(__x86_64__)
extern const Kernels avx2, avx512;
#endif

}  // namespace lutra
