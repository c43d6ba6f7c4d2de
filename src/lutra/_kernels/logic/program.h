// A circuit as a program: from rows of words to words, in blocks of samples.

#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "arithmetic.h"
#include "edges.h"
#include "tables.h"

namespace lutra::logic {

// What the circuit computes, operation by operation, in the order of its bits.
class Network {
  public:
    // Input words of `width` bits. `by_bits`: the program takes the words' bits alone.
    Network(size_t inputs, unsigned width, bool is_signed, bool by_bits);

    void lut(const int64_t *wires, const uint8_t *table, size_t n, unsigned fan_in, size_t outputs);
    void sum(const int64_t *wires, const int64_t *weights, const int64_t *bias, size_t n,
             size_t terms, unsigned width);
    void encode(const int64_t *words, size_t n, unsigned width, bool is_signed,
                const int64_t *thresholds, size_t count, bool thermometer);
    void compare(const int64_t *words, size_t n, unsigned width, bool is_signed,
                 const int64_t *thresholds);
    void argmax(const int64_t *words, size_t n, unsigned width, bool is_signed);

    // What is asked of an input word: a bit (the lowest is 0), or whether it reaches a threshold.
    struct Plane {
        uint32_t feature;
        bool is_bit;
        int64_t value;
    };

  private:
    friend class Program;
    Literal bit(int64_t number);
    Word word(const int64_t *bits, unsigned width);
    Literal plane(Plane plane);
    std::optional<uint32_t> raw(const int64_t *bits, unsigned width) const;

    size_t inputs_;
    unsigned width_;
    bool signed_, by_bits_;
    Graph graph_;
    Tables tables_{graph_};
    std::vector<Literal> bits_;  // of operations; input bits are made when they are read
    std::vector<Plane> planes_;
    std::unordered_map<uint64_t, std::vector<std::pair<int64_t, uint32_t>>> known_;
};

class Program {
  public:
    // Words leave the program: `bits` are their bit numbers, word by word. `set`: portable, avx2
    // or avx512. A block of samples takes about `block` bytes of memory; 0 chooses.
    struct Form {
        unsigned width;
        bool is_signed;
    };
    Program(Network &network, const int64_t *bits, std::vector<Form> words, const std::string &set,
            size_t block);

    // Rows of input words, `row` bytes apart, to rows of result words; real numbers become words
    // by `scale` and `offset`, one each per input. Returns the first sample with a word beyond the
    // input words' range or with what is no number, or `samples`.
    struct Rows {
        const void *data;
        Type type;
        size_t row, samples;
        const double *scale, *offset;
    };
    size_t run(const Rows &rows, int64_t *results, int threads) const;
    // Bits as they lie in slots: bit s % 64 of word s / 64 of row i is bit i of the inputs of
    // sample s.
    void run_bits(const uint64_t *bits, size_t row, size_t samples, int64_t *results,
                  int threads) const;

    size_t operations() const { return operations_; }
    size_t slots() const { return slots_; }
    size_t code_bytes() const { return code_ ? code_->size() : 0; }
    size_t block_samples() const { return vectors_ * kVectorBytes * 8; }

  private:
    template <typename Fill>
    void blocks(size_t samples, int64_t *results, int threads, const Fill &fill) const;
    template <typename T>
    size_t run_as(const Reader<T> &reader, const Rows &rows, int64_t *results, int threads) const;
    void arrange();
    void collect(const uint8_t *memory, size_t samples, int64_t *results) const;

    size_t inputs_;
    unsigned width_;
    bool signed_;
    const Edges *edges_;
    std::vector<Network::Plane> planes_;
    std::vector<Sheet> sheets_;
    std::unique_ptr<Code> code_;
    std::vector<Step> steps_;  // where there is no machine code
    size_t operations_, slots_, vectors_, stride_;
    std::vector<Form> words_;
    struct Result {
        int64_t slot;  // -1: constant
        bool complemented;
    };
    std::vector<Result> results_;
};

// The instruction sets of this machine, the fastest last.
std::vector<std::string> instruction_sets();

}  // namespace lutra::logic
