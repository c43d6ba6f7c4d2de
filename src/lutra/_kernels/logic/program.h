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

    // Tables become logic, or each sample looks them up.
    void lut(const int64_t *wires, const uint8_t *table, size_t n, unsigned fan_in, size_t outputs,
             bool looked_up);
    void sum(const int64_t *wires, const int64_t *weights, const int64_t *bias, size_t n,
             size_t terms, unsigned width);
    void encode(const int64_t *words, size_t n, unsigned width, bool is_signed,
                const int64_t *thresholds, size_t count, bool thermometer);
    void compare(const int64_t *words, size_t n, unsigned width, bool is_signed,
                 const int64_t *thresholds);
    void argmax(const int64_t *words, size_t n, unsigned width, bool is_signed);

    // An input of the logic: what is asked of an input word, a bit (the lowest is 0) or whether it
    // reaches a threshold; or what a lookup finds.
    struct Plane {
        enum Kind : uint8_t { kBit, kReaches, kFound } kind;
        uint32_t of;  // input word, or lookup
        int64_t value;
    };
    struct Lookup {
        Word address;                // lowest bit first
        std::vector<uint8_t> table;  // an entry for each address, 8 outputs a byte
        size_t outputs;
        uint32_t first;  // plane
    };

  private:
    friend class Program;
    Literal bit(int64_t number);
    Word word(const int64_t *bits, unsigned width);
    Literal plane(Plane plane);
    void look_up(const Word &address, const uint8_t *entries, size_t bytes, size_t outputs);
    // The lookups that these literals depend on, in order.
    std::vector<Lookup> needed(const std::vector<Literal> &ends) const;
    std::optional<uint32_t> raw(const int64_t *bits, unsigned width) const;

    size_t inputs_;
    unsigned width_;
    bool signed_, by_bits_;
    Graph graph_;
    Tables tables_{graph_};
    std::vector<Literal> bits_;  // of operations; input bits are made when they are read
    std::vector<Plane> planes_;
    std::vector<Lookup> lookups_;
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
    Program(const Program &) = delete;

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
    size_t lookups() const;
    bool is_code() const { return phases_[0].code != nullptr; }
    size_t block_samples() const { return vectors_ * kVectorBytes * 8; }

  private:
    struct Bit {
        int64_t slot;  // -1: constant
        bool complemented;
    };
    struct Lookup {
        std::vector<Bit> address;
        std::vector<uint8_t> table;
        size_t outputs;
        uint32_t first;  // slot
    };
    // Logic, then the lookups that read it.
    struct Phase {
        std::unique_ptr<Code> code;
        std::vector<Step> steps;  // where there is no machine code
        std::vector<Lookup> lookups;
    };

    template <typename Fill>
    void blocks(size_t samples, int64_t *results, int threads, const Fill &fill) const;
    template <typename T>
    size_t run_as(const Reader<T> &reader, const Rows &rows, int64_t *results, int threads) const;
    void plan(const std::vector<Node> &nodes, const std::vector<Literal> &ends,
              const std::vector<Network::Lookup> &lookups, unsigned registers, size_t block);
    bool make_code(Target target);
    void arrange();
    uint64_t read(const Bit &bit, const uint8_t *memory, size_t first) const;
    void look_up(const Lookup &lookup, uint8_t *memory, size_t samples) const;
    void collect(const uint8_t *memory, size_t samples, int64_t *results) const;

    size_t inputs_;
    unsigned width_;
    bool signed_;
    const Edges *edges_;
    std::vector<Network::Plane> planes_;
    std::vector<Sheet> sheets_;
    std::vector<Phase> phases_;
    size_t operations_ = 0, slots_ = 1, vectors_ = 1, stride_ = kVectorBytes;
    std::vector<Form> words_;
    std::vector<Bit> results_;
};

// The instruction sets of this machine, the fastest last.
std::vector<std::string> instruction_sets();

}  // namespace lutra::logic
