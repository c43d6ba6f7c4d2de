#include "arithmetic.h"

namespace lutra::logic {
namespace {

constexpr uint8_t kSum = kA ^ kB ^ kC, kMajority = (kA & kB) | (kA & kC) | (kB & kC);

// Two's complement read as unsigned with the top bit the other way round keeps the order.
Word offset(const Word &word, bool is_signed) {
    Word result = word;
    if (is_signed) result.back() = complement(result.back());
    return result;
}

}  // namespace

Word add_up(Graph &graph, const Literal *bits, const int64_t *weights, size_t count, int64_t bias,
            unsigned width) {
    // Three bits of a weight become one of it and one of the next as soon as there are three, so
    // that few wait at any time. Bits with negative digits enter as complements: -b = ~b - 1;
    // digits are those with fewest ones (non-adjacent).
    std::vector<Word> columns(width);
    const auto enter = [&](Literal bit, unsigned at) {
        for (; at < width; ++at) {
            Word &column = columns[at];
            column.push_back(bit);
            if (column.size() < 3) return;
            const Literal a = column[0], b = column[1], c = column[2];
            column = {graph.make(kSum, a, b, c)};
            bit = graph.make(kMajority, a, b, c);
        }
    };
    uint64_t constant = uint64_t(bias);
    for (size_t i = 0; i < count; ++i) {
        int64_t weight = weights[i];
        for (unsigned at = 0; weight && at < width; ++at, weight >>= 1) {
            if (!(weight & 1)) continue;
            const bool negative = (weight & 3) == 3;
            enter(complement(bits[i], negative), at);
            if (negative) constant -= uint64_t(1) << at, weight += 1;
            else weight -= 1;
        }
    }
    Word result(width, kFalse);
    for (unsigned at = 0; at < width; ++at) {
        if (constant >> at & 1) enter(kTrue, at);
        if (columns[at].size() == 2) enter(kFalse, at);
        if (!columns[at].empty()) result[at] = columns[at][0];
    }
    return result;
}

Literal reaches(Graph &graph, const Word &word, bool is_signed, int64_t threshold) {
    const unsigned width = unsigned(word.size());
    const int64_t low = is_signed ? -(int64_t(1) << (width - 1)) : 0;
    const int64_t high = low + ((int64_t(1) << width) - 1);
    if (threshold <= low) return kTrue;
    if (threshold > high) return kFalse;
    const uint64_t constant = uint64_t(threshold - low);
    const Word bits = offset(word, is_signed);
    Literal result = kTrue;
    for (unsigned at = 0; at < width; ++at)
        result = constant >> at & 1 ? graph.both(bits[at], result) : graph.either(bits[at], result);
    return result;
}

Word count_reached(Graph &graph, Word reached) {
    Word code;
    while (!reached.empty()) {  // the middle one is the top bit and says which half has the rest
        const size_t middle = reached.size() / 2;
        const Literal top = reached[middle];
        code.insert(code.begin(), top);
        for (size_t t = 0; t < middle; ++t)
            reached[t] = graph.choose(top, reached[middle + 1 + t], reached[t]);
        reached.resize(middle);
    }
    return code;
}

Word argmax(Graph &graph, std::vector<Word> words, bool is_signed) {
    unsigned width = 1;
    while ((words.size() - 1) >> width) ++width;
    Word best = offset(words[0], is_signed), winner(width, kFalse);
    for (size_t i = 1; i < words.size(); ++i) {
        const Word word = offset(words[i], is_signed);
        Literal greater = kFalse;
        for (size_t at = 0; at < word.size(); ++at)
            greater = graph.make(kMajority, word[at], complement(best[at]), greater);
        for (size_t at = 0; at < word.size(); ++at)
            best[at] = graph.choose(greater, word[at], best[at]);
        for (unsigned at = 0; at < width; ++at)
            winner[at] = graph.choose(greater, i >> at & 1 ? kTrue : kFalse, winner[at]);
    }
    return winner;
}

}  // namespace lutra::logic
