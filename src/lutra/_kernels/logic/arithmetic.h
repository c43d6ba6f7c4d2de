// Sums, comparisons and decisions as nodes. Words are literals, lowest bit first.

#pragma once

#include "graph.h"

namespace lutra::logic {

using Word = std::vector<Literal>;

// bias + sum of weights[i] * bits[i], modulo 2^width.
Word add_up(Graph &graph, const Literal *bits, const int64_t *weights, size_t count, int64_t bias,
            unsigned width);
// word >= threshold.
Literal reaches(Graph &graph, const Word &word, bool is_signed, int64_t threshold);
// How many of 2^b - 1 ascending thresholds are reached, given which.
Word count_reached(Graph &graph, Word reached);
// The number of the greatest word, the first of equal ones.
Word argmax(Graph &graph, std::vector<Word> words, bool is_signed);

}  // namespace lutra::logic
