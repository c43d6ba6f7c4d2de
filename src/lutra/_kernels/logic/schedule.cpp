#include "schedule.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace lutra::logic {
namespace {

constexpr uint32_t kNone = ~0u;

// How each function of three inputs comes of two simpler ones, by `and` or `xor`.
struct Expression {
    uint8_t operations = 255, left = 0, right = 0;
    bool exclusive = false;
};

std::array<Expression, 256> expressions() {
    std::array<Expression, 256> result;
    for (uint8_t f : {uint8_t(0), kA, kB, kC}) result[f].operations = result[uint8_t(~f)].operations = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (unsigned left = 0; left < 256; ++left)
            for (unsigned right = 0; right < left; ++right) {
                if (result[left].operations == 255 || result[right].operations == 255) continue;
                const unsigned operations = result[left].operations + result[right].operations + 1;
                for (bool exclusive : {false, true}) {
                    const uint8_t f = exclusive ? left ^ right : left & right;
                    if (operations >= result[f].operations) continue;
                    const Expression e{uint8_t(operations), uint8_t(left), uint8_t(right), exclusive};
                    result[f] = result[uint8_t(~f)] = e;
                    changed = true;
                }
            }
    }
    return result;
}

Literal build(Graph &graph, uint8_t f, const Literal *in) {
    static const std::array<Expression, 256> known = expressions();
    const uint8_t projections[3] = {kA, kB, kC};
    if (f == 0 || f == 255) return f ? kTrue : kFalse;
    for (int i = 0; i < 3; ++i)
        if (f == projections[i] || f == uint8_t(~projections[i]))
            return complement(in[i], f != projections[i]);
    const Expression &e = known[f];
    const Literal left = build(graph, e.left, in), right = build(graph, e.right, in);
    const Literal found = e.exclusive ? graph.differ(left, right) : graph.both(left, right);
    const uint8_t made = e.exclusive ? e.left ^ e.right : e.left & e.right;
    return complement(found, made != f);
}

}  // namespace

std::vector<Node> two_input(const std::vector<Node> &nodes, std::vector<Literal> &outputs) {
    Graph graph;
    std::vector<Literal> at(nodes.size(), kFalse);
    for (size_t n = 1; n < nodes.size(); ++n) {
        const Node &node = nodes[n];
        Literal in[3] = {kFalse, kFalse, kFalse};
        for (int i = 0; i < node.arity; ++i) in[i] = at[node.in[i]];
        at[n] = node.arity ? build(graph, node.function, in) : graph.input(node.in[0]);
    }
    for (Literal &output : outputs) output = complement(at[output >> 1], output & 1);
    return graph.nodes();
}

namespace {

// Who reads each node: the readers of n are readers[first[n]] to readers[first[n + 1]].
struct Readers {
    explicit Readers(const std::vector<Node> &nodes) : first(nodes.size() + 1, 0) {
        for (const Node &node : nodes)
            for (int i = 0; i < node.arity; ++i) ++first[node.in[i] + 1];
        std::partial_sum(first.begin(), first.end(), first.begin());
        readers.resize(first.back());
        std::vector<uint32_t> next(first.begin(), first.end() - 1);
        for (uint32_t n = 0; n < nodes.size(); ++n)
            for (int i = 0; i < nodes[n].arity; ++i) readers[next[nodes[n].in[i]]++] = n;
    }
    std::vector<uint32_t> first, readers;
};

class Order {
  public:
    Order(const std::vector<Node> &nodes, const std::vector<Literal> &outputs)
        : nodes_(nodes), readers_(nodes), state_(nodes.size(), kUnneeded), left_(nodes.size(), 0),
          depth_(nodes.size(), 0) {
        for (Literal output : outputs) state_[output >> 1] = kWaiting, left_[output >> 1] = 1;
        for (size_t n = nodes.size(); n-- > 1;)
            for (int i = 0; state_[n] == kWaiting && i < nodes[n].arity; ++i) {
                state_[nodes[n].in[i]] = kWaiting;
                ++left_[nodes[n].in[i]];
            }
        for (size_t n = 0; n < nodes.size(); ++n) {
            if (!nodes[n].arity) state_[n] = kDone;
            for (int i = 0; i < nodes[n].arity; ++i)
                depth_[n] = std::max(depth_[n], depth_[nodes[n].in[i]] + 1);
        }
    }

    std::vector<uint32_t> run(const std::vector<Literal> &outputs) {
        std::vector<uint32_t> stack;
        for (Literal output : outputs)
            for (stack.push_back(output >> 1); !stack.empty();) {
                const uint32_t n = stack.back();
                const size_t top = stack.size();
                for (int i = 0; state_[n] == kWaiting && i < nodes_[n].arity; ++i)
                    if (state_[nodes_[n].in[i]] != kDone) stack.push_back(nodes_[n].in[i]);
                // The deepest input is computed first.
                std::sort(stack.begin() + top, stack.end(),
                          [&](uint32_t a, uint32_t b) { return depth_[a] < depth_[b]; });
                if (stack.size() > top) continue;
                stack.pop_back();
                compute(n);
            }
        return std::move(result_);
    }

  private:
    enum State : uint8_t { kUnneeded, kWaiting, kDone };

    // Besides `first`, whatever has all its inputs then and is the last to read one of them.
    void compute(uint32_t first) {
        ready_.push_back(first);
        while (!ready_.empty()) {
            const uint32_t n = ready_.back();
            ready_.pop_back();
            if (state_[n] == kDone) continue;
            state_[n] = kDone;
            result_.push_back(n);
            look(n);
            for (int i = 0; i < nodes_[n].arity; ++i)
                if (--left_[nodes_[n].in[i]] == 1) look(nodes_[n].in[i]);
        }
    }

    void look(uint32_t n) {
        if (!nodes_[n].arity) return;
        for (uint32_t at = readers_.first[n]; at < readers_.first[n + 1]; ++at) {
            const uint32_t reader = readers_.readers[at];
            if (state_[reader] != kWaiting) continue;
            bool last = false, ready = true;
            for (int i = 0; i < nodes_[reader].arity; ++i) {
                const uint32_t in = nodes_[reader].in[i];
                ready &= state_[in] == kDone;
                last |= left_[in] == 1 && nodes_[in].arity;
            }
            if (ready && last) ready_.push_back(reader);
        }
    }

    const std::vector<Node> &nodes_;
    const Readers readers_;
    std::vector<State> state_;
    std::vector<uint32_t> left_, depth_, ready_, result_;
};

}  // namespace

std::vector<uint32_t> order(const std::vector<Node> &nodes, const std::vector<Literal> &outputs) {
    return Order(nodes, outputs).run(outputs);
}

namespace {

class Allocation {
  public:
    Allocation(const std::vector<Node> &nodes, const std::vector<Literal> &outputs, size_t inputs,
               unsigned registers)
        : nodes_(nodes), order_(order(nodes, outputs)), holds_(registers, kNone),
          register_of_(nodes.size(), kNone), first_(nodes.size() + 1, 0), next_(nodes.size()) {
        result_.slot_of.assign(nodes.size(), kNone);
        result_.slots = inputs;
        for (size_t n = 1; n < nodes.size(); ++n)
            if (!nodes[n].arity) result_.slot_of[n] = nodes[n].in[0];
        // Each node's readers, by their place in the order; outputs are read at the end.
        std::vector<bool> is_output(nodes.size(), false);
        for (Literal output : outputs) is_output[output >> 1] = true;
        for (uint32_t n : order_)
            for (int i = 0; i < nodes[n].arity; ++i) ++first_[nodes[n].in[i] + 1];
        for (size_t n = 0; n < nodes.size(); ++n) first_[n + 1] += first_[n] + is_output[n];
        reads_.resize(first_.back());
        std::copy(first_.begin(), first_.end() - 1, next_.begin());
        for (size_t at = 0; at < order_.size(); ++at)
            for (int i = 0; i < nodes[order_[at]].arity; ++i)
                reads_[next_[nodes[order_[at]].in[i]]++] = uint32_t(at);
        for (size_t n = 0; n < nodes.size(); ++n)
            if (is_output[n]) reads_[next_[n]] = uint32_t(order_.size());
        std::copy(first_.begin(), first_.end() - 1, next_.begin());
    }

    Schedule run(size_t segment) {
        size_t begin = 0;
        for (size_t at = 0; at < order_.size(); ++at) {
            compute(order_[at]);
            if (result_.steps.size() - begin > segment) end(begin);
        }
        end(begin);
        return std::move(result_);
    }

  private:
    uint32_t next(uint32_t node) const {
        return next_[node] < first_[node + 1] ? reads_[next_[node]] : kNone;
    }
    bool in_register(uint32_t node) const { return register_of_[node] != kNone; }

    void emit(Step::Kind kind, uint32_t to, uint32_t a = 0, uint32_t b = 0, uint32_t slot = kNone,
              uint8_t function = 0) {
        result_.steps.push_back({kind, uint8_t(to), uint8_t(a), uint8_t(b), function,
                                 slot != kNone, slot});
    }

    void store(uint32_t node) {
        uint32_t &slot = result_.slot_of[node];
        if (slot != kNone) return;
        if (free_.empty()) slot = uint32_t(result_.slots++);
        else slot = free_.back(), free_.pop_back();
        emit(Step::kStore, register_of_[node], 0, 0, slot);
    }

    uint32_t take(uint32_t node) {
        uint32_t best = kNone, furthest = 0;
        for (uint32_t r = 0; r < holds_.size(); ++r) {
            if (holds_[r] == kNone) {
                best = r;
                break;
            }
            if (locked(holds_[r])) continue;
            const uint32_t when = next(holds_[r]);
            if (best == kNone || when > furthest) best = r, furthest = when;
        }
        if (holds_[best] != kNone) {
            store(holds_[best]);
            register_of_[holds_[best]] = kNone;
        }
        holds_[best] = node;
        register_of_[node] = best;
        return best;
    }

    bool locked(uint32_t node) const {
        return std::find(locked_, locked_ + 3, node) != locked_ + 3;
    }

    void load(uint32_t node) {
        const uint32_t to = take(node);
        emit(Step::kLoad, to, 0, 0, result_.slot_of[node]);
    }

    void release(uint32_t node) {
        if (next(node) != kNone) return;
        if (in_register(node)) holds_[register_of_[node]] = kNone, register_of_[node] = kNone;
        if (result_.slot_of[node] != kNone) free_.push_back(result_.slot_of[node]);
    }

    // Gives the register of an input that is not read again to the node, or a new one.
    uint32_t inherit(uint32_t from, uint32_t node) {
        if (in_register(from) && next(from) == kNone) {
            const uint32_t r = register_of_[from];
            register_of_[from] = kNone;
            holds_[r] = node;
            return register_of_[node] = r;
        }
        return kNone;
    }

    void compute(uint32_t n) {
        const Node &node = nodes_[n];
        std::fill(locked_, locked_ + 3, kNone);
        std::copy(node.in, node.in + node.arity, locked_);
        const uint32_t at = reads_[next_[node.in[0]]];
        for (int i = 0; i < node.arity; ++i) ++next_[node.in[i]];
        // One input may come from its slot: one that is not read again soon.
        uint32_t direct = kNone;
        for (int i = 0; i < node.arity; ++i) {
            const uint32_t in = node.in[i];
            if (in_register(in)) continue;
            const uint32_t again = next(in);
            if (direct == kNone && (again == kNone || again - at > 2 * holds_.size())) direct = in;
            else load(in);
        }
        if (node.arity == 3) three(n, node, direct);
        else two(n, node, direct);
        for (int i = 0; i < node.arity; ++i) release(node.in[i]);
    }

    void three(uint32_t n, const Node &node, uint32_t direct) {
        uint32_t to = kNone, base = kNone;
        for (int i = 0; i < 3 && to == kNone; ++i)
            if (node.in[i] != direct) to = inherit(base = node.in[i], n);
        if (to == kNone) {
            base = node.in[0] != direct ? node.in[0] : node.in[1];
            to = take(n);
            emit(Step::kMove, to, register_of_[base]);
        }
        // The function with its inputs in the order base, a, b.
        uint32_t rest[2];
        int places[3] = {}, count = 0;
        for (int i = 0; i < 3; ++i)
            if (node.in[i] == base) places[0] = i;
        for (int i = 0; i < 3; ++i)
            if (node.in[i] != base) rest[count++] = node.in[i];
        if (rest[0] == direct) std::swap(rest[0], rest[1]);
        for (int k = 0; k < 2; ++k)
            places[k + 1] = int(std::find(node.in, node.in + 3, rest[k]) - node.in);
        uint8_t function = 0;
        for (int e = 0; e < 8; ++e) {
            const int entry =
                (e & 1) << places[0] | (e >> 1 & 1) << places[1] | (e >> 2 & 1) << places[2];
            function |= (node.function >> entry & 1) << e;
        }
        const bool slot = rest[1] == direct;
        emit(Step::kThree, to, register_of_[rest[0]], slot ? 0 : register_of_[rest[1]],
             slot ? result_.slot_of[direct] : kNone, function);
    }

    void two(uint32_t n, const Node &node, uint32_t direct) {
        uint32_t a = node.in[0], b = node.in[1];
        const uint8_t f = node.function;
        Step::Kind kind = Step::kXor;
        if (f == uint8_t(kA & kB)) kind = Step::kAnd;
        else if (f == uint8_t(kA | kB)) kind = Step::kOr;
        else if (f != uint8_t(kA ^ kB)) {
            kind = Step::kAndNot;
            if (f == uint8_t(kA & ~kB)) std::swap(a, b);
        }
        if (a == direct) {
            if (kind == Step::kAndNot) load(a), direct = kNone;
            else std::swap(a, b);
        }
        const uint32_t from = register_of_[a];
        const bool slot = b == direct;
        const uint32_t other = slot ? 0 : register_of_[b];
        uint32_t to = inherit(a, n);
        if (to == kNone && !slot) to = inherit(b, n);
        if (to == kNone) to = take(n);
        emit(kind, to, from, other, slot ? result_.slot_of[direct] : kNone);
    }

    void end(size_t &begin) {
        for (uint32_t r = 0; r < holds_.size(); ++r)
            if (holds_[r] != kNone) {
                store(holds_[r]);
                register_of_[holds_[r]] = kNone;
                holds_[r] = kNone;
            }
        emit(Step::kEnd, 0);
        begin = result_.steps.size();
    }

    const std::vector<Node> &nodes_;
    std::vector<uint32_t> order_, holds_, register_of_, first_, next_, reads_, free_;
    uint32_t locked_[3];
    Schedule result_;
};

}  // namespace

Schedule allocate(const std::vector<Node> &nodes, const std::vector<Literal> &outputs,
                  size_t inputs, unsigned registers, size_t segment) {
    return Allocation(nodes, outputs, inputs, registers).run(segment);
}

}  // namespace lutra::logic
