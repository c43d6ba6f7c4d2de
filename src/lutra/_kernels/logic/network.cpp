#include "program.h"

#include <algorithm>
#include <stdexcept>

namespace lutra::logic {

Network::Network(size_t inputs, unsigned width, bool is_signed, bool by_bits)
    : inputs_(inputs), width_(width), signed_(is_signed), by_bits_(by_bits || width == 1) {}

Literal Network::plane(Plane plane) {
    auto &known = known_[plane.of * 2 + (plane.kind == Plane::kBit)];
    for (const auto &[value, number] : known)
        if (value == plane.value) return graph_.input(number);
    known.emplace_back(plane.value, uint32_t(planes_.size()));
    planes_.push_back(plane);
    return graph_.input(uint32_t(planes_.size() - 1));
}

Literal Network::bit(int64_t number) {
    const size_t own = inputs_ * width_;
    if (size_t(number) < own)
        return plane({Plane::kBit, uint32_t(number / width_), number % width_});
    return bits_.at(size_t(number) - own);
}

Word Network::word(const int64_t *bits, unsigned width) {
    Word result(width);
    for (unsigned i = 0; i < width; ++i) result[i] = bit(bits[i]);
    return result;
}

// The input word that these bits are, whole and in order.
std::optional<uint32_t> Network::raw(const int64_t *bits, unsigned width) const {
    if (width != width_ || bits[0] % width || size_t(bits[0]) >= inputs_ * width) return {};
    for (unsigned i = 1; i < width; ++i)
        if (bits[i] != bits[0] + i) return {};
    return uint32_t(bits[0] / width);
}

void Network::lut(const int64_t *wires, const uint8_t *table, size_t n, unsigned fan_in,
                  size_t outputs, bool looked_up) {
    const size_t bytes = std::max<size_t>(1, (size_t(1) << fan_in) / 8);
    for (size_t i = 0; i < n; ++i) {
        const Word in = word(wires + i * fan_in, fan_in);
        const uint8_t *entries = table + i * outputs * bytes;
        if (looked_up) look_up(in, entries, bytes, outputs);
        else
            for (size_t o = 0; o < outputs; ++o)
                bits_.push_back(tables_.read(entries + o * bytes, in.data(), fan_in));
    }
}

void Network::look_up(const Word &address, const uint8_t *entries, size_t bytes, size_t outputs) {
    const size_t size = size_t(1) << address.size();
    Lookup lookup{address, {}, outputs, uint32_t(planes_.size())};
    lookup.table.assign((outputs + 7) / 8 * size, 0);
    for (size_t o = 0; o < outputs; ++o) {
        for (size_t e = 0; e < size; ++e)
            lookup.table[o / 8 * size + e] |= (entries[o * bytes + e / 8] >> e % 8 & 1) << o % 8;
        planes_.push_back({Plane::kFound, uint32_t(lookups_.size()), int64_t(o)});
        bits_.push_back(graph_.input(lookup.first + uint32_t(o)));
    }
    lookups_.push_back(std::move(lookup));
}

std::vector<Network::Lookup> Network::needed(const std::vector<Literal> &ends) const {
    const std::vector<Node> &nodes = graph_.nodes();
    std::vector<bool> read(nodes.size(), false), needed(lookups_.size(), false);
    for (Literal end : ends) read[end >> 1] = true;
    for (size_t n = nodes.size(); n-- > 1;) {  // what a lookup finds stands behind its address
        if (!read[n]) continue;
        for (int i = 0; i < nodes[n].arity; ++i) read[nodes[n].in[i]] = true;
        if (nodes[n].arity || planes_[nodes[n].in[0]].kind != Plane::kFound) continue;
        const uint32_t of = planes_[nodes[n].in[0]].of;
        needed[of] = true;
        for (Literal bit : lookups_[of].address) read[bit >> 1] = true;
    }
    std::vector<Lookup> result;
    for (size_t i = 0; i < lookups_.size(); ++i)
        if (needed[i]) result.push_back(lookups_[i]);
    return result;
}

void Network::sum(const int64_t *wires, const int64_t *weights, const int64_t *bias, size_t n,
                  size_t terms, unsigned width) {
    for (size_t i = 0; i < n; ++i) {
        const Word in = word(wires + i * terms, unsigned(terms));
        const Word total = add_up(graph_, in.data(), weights + i * terms, terms, bias[i], width);
        bits_.insert(bits_.end(), total.begin(), total.end());
    }
}

void Network::encode(const int64_t *words, size_t n, unsigned width, bool is_signed,
                     const int64_t *thresholds, size_t count, bool thermometer) {
    const int64_t low = is_signed ? -(int64_t(1) << (width - 1)) : 0;
    const int64_t high = low + ((int64_t(1) << width) - 1);
    for (size_t i = 0; i < n; ++i) {
        const int64_t *of = thresholds + i * count;
        const auto feature = raw(words + i * width, width);
        Word reached(count);
        // Few questions to the word itself cost less than all its bits.
        if (feature && !by_bits_ && is_signed == signed_ && count < width)
            for (size_t t = 0; t < count; ++t)
                reached[t] = of[t] <= low   ? kTrue
                             : of[t] > high ? kFalse
                                            : plane({Plane::kReaches, *feature, of[t]});
        else {
            const Word in = word(words + i * width, width);
            for (size_t t = 0; t < count; ++t) reached[t] = reaches(graph_, in, is_signed, of[t]);
        }
        if (!thermometer) reached = count_reached(graph_, std::move(reached));
        bits_.insert(bits_.end(), reached.begin(), reached.end());
    }
}

void Network::compare(const int64_t *words, size_t n, unsigned width, bool is_signed,
                      const int64_t *thresholds) {
    for (size_t i = 0; i < n; ++i)
        bits_.push_back(reaches(graph_, word(words + i * width, width), is_signed, thresholds[i]));
}

void Network::argmax(const int64_t *words, size_t n, unsigned width, bool is_signed) {
    std::vector<Word> all(n);
    for (size_t i = 0; i < n; ++i) all[i] = word(words + i * width, width);
    const Word winner = lutra::logic::argmax(graph_, std::move(all), is_signed);
    bits_.insert(bits_.end(), winner.begin(), winner.end());
}

}  // namespace lutra::logic
