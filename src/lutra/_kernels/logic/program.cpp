#include "program.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>
#include <type_traits>

#include "../threads.h"

namespace lutra::logic {
namespace {

constexpr size_t kSegment = 3000;        // steps whose code the innermost caches hold
constexpr size_t kBlockBytes = 1 << 20;  // about a core's own cache
constexpr size_t kMaxVectors = 8;
constexpr unsigned kRegisters = 24;  // of the interpreter
constexpr size_t kLanes = 64;        // features that are asked together
constexpr size_t kSamples = kVectorBytes * 8;

// Memory of a thread, which grows and stays.
class Buffer {
  public:
    ~Buffer() { std::free(data_); }
    void *reserve(size_t bytes) {
        if (bytes > size_) {
            std::free(data_);
            size_ = (bytes + 4095) / 4096 * 4096;
            data_ = std::aligned_alloc(4096, size_);
            if (!data_) {
                size_ = 0;
                throw std::bad_alloc();
            }
        }
        return data_;
    }

  private:
    void *data_ = nullptr;
    size_t size_ = 0;
};
thread_local Buffer memories, register_files, row_buffers;

const Edges &edges_for(const std::string &set) {
#if defined(LUTRA_X86)
    if (set == "avx2") return edges_avx2;
    if (set == "avx512")
        return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni")
                   ? edges_avx512vbmi
                   : edges_avx512;
#endif
    (void)set;
    return edges_portable;
}

template <typename T>
constexpr Type type_of() {
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (sizeof(T)) {
        case 1: return is_signed ? Type::kI8 : Type::kU8;
        case 2: return is_signed ? Type::kI16 : Type::kU16;
        case 4: return is_signed ? Type::kI32 : Type::kU32;
        default: return is_signed ? Type::kI64 : Type::kU64;
    }
}

}  // namespace

std::vector<std::string> instruction_sets() {
    std::vector<std::string> result{"portable"};
#if defined(LUTRA_X86) && (defined(__unix__) || defined(__APPLE__))
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) result.push_back("avx2");
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        result.push_back("avx512");
#endif
    return result;
}

Program::Program(Network &network, const int64_t *bits, std::vector<Form> words,
                 const std::string &set, size_t block)
    : inputs_(network.inputs_), width_(network.width_), signed_(network.signed_),
      edges_(&edges_for(set)), words_(std::move(words)) {
    std::vector<Literal> ends;
    for (const Form &word : words_)
        for (unsigned i = 0; i < word.width; ++i) ends.push_back(network.bit(*bits++));
    planes_ = network.planes_;
    arrange();
    const std::vector<Network::Lookup> lookups = network.needed(ends);
    for (const Network::Lookup &lookup : lookups)
        ends.insert(ends.end(), lookup.address.begin(), lookup.address.end());
    const std::vector<Node> nodes = merged(network.graph_, ends);
    if (set == "avx512") {
        plan(nodes, ends, lookups, 32, block);
        if (make_code(Target::kAvx512)) return;
    }
    const std::vector<Node> simple = two_input(nodes, ends);
    if (set != "portable") {
        plan(simple, ends, lookups, 16, block);
        if (make_code(Target::kAvx2)) return;
    }
    plan(simple, ends, lookups, kRegisters, block);
}

// Phase by phase: first the logic that needs no lookup, then what follows the lookups that need no
// other, and so on. What a later phase reads keeps its slot.
void Program::plan(const std::vector<Node> &nodes, const std::vector<Literal> &ends,
                   const std::vector<Network::Lookup> &lookups, unsigned registers,
                   size_t block) {
    const size_t results = ends.size() - [&] {
        size_t count = 0;
        for (const auto &lookup : lookups) count += lookup.address.size();
        return count;
    }();
    std::vector<size_t> at(planes_.size(), 0);  // the lookup that makes a plane
    for (size_t l = 0; l < lookups.size(); ++l)
        for (size_t o = 0; o < lookups[l].outputs; ++o) at[lookups[l].first + o] = l;
    std::vector<size_t> first(lookups.size() + 1, results);  // of its address in `ends`
    for (size_t l = 0; l < lookups.size(); ++l) first[l + 1] = first[l] + lookups[l].address.size();

    std::vector<unsigned> phase(nodes.size(), 0), last(nodes.size(), 0);
    const auto phase_of = [&](size_t lookup) {
        unsigned found = 0;
        for (size_t i = first[lookup]; i < first[lookup + 1]; ++i)
            found = std::max(found, phase[ends[i] >> 1]);
        return found;
    };
    for (size_t n = 1; n < nodes.size(); ++n) {
        const Node &node = nodes[n];
        if (!node.arity && planes_[node.in[0]].kind == Network::Plane::kFound)
            phase[n] = phase_of(at[node.in[0]]) + 1;
        for (int i = 0; i < node.arity; ++i) phase[n] = std::max(phase[n], phase[node.in[i]]);
    }
    const unsigned phases = lookups.empty() ? 1 : *std::max_element(phase.begin(), phase.end()) + 1;
    for (size_t n = 1; n < nodes.size(); ++n)
        for (int i = 0; i < nodes[n].arity; ++i)
            last[nodes[n].in[i]] = std::max(last[nodes[n].in[i]], phase[n]);
    for (size_t i = 0; i < results; ++i) last[ends[i] >> 1] = phases;
    for (size_t l = 0; l < lookups.size(); ++l)
        for (size_t i = first[l]; i < first[l + 1]; ++i)
            last[ends[i] >> 1] = std::max(last[ends[i] >> 1], phase_of(l));

    std::vector<uint32_t> slot(nodes.size(), 0);
    for (size_t n = 1; n < nodes.size(); ++n)
        if (!nodes[n].arity) slot[n] = nodes[n].in[0];
    const auto bit = [&](Literal end) {
        return Bit{end >> 1 ? int64_t(slot[end >> 1]) : -1, bool(end & 1)};
    };
    phases_.clear();
    operations_ = 0;
    slots_ = std::max<size_t>(planes_.size(), 1);
    for (unsigned p = 0; p < phases; ++p) {
        std::vector<Node> now = nodes;
        std::vector<Literal> kept;
        for (uint32_t n = 1; n < nodes.size(); ++n) {
            if (phase[n] < p) now[n] = {{slot[n], 0, 0}, 0, 0};
            if (phase[n] <= p && last[n] > p) kept.push_back(2 * n);
        }
        for (size_t l = 0; l < lookups.size(); ++l)
            if (phase_of(l) == p)
                kept.insert(kept.end(), ends.begin() + first[l], ends.begin() + first[l + 1]);
        Schedule schedule = allocate(now, kept, slots_, registers, kSegment);
        slots_ = schedule.slots;
        for (Literal end : kept) slot[end >> 1] = schedule.slot_of[end >> 1];
        Phase made{nullptr, std::move(schedule.steps), {}};
        for (const Step &step : made.steps)
            operations_ += step.kind >= Step::kAnd && step.kind <= Step::kThree;
        for (size_t l = 0; l < lookups.size(); ++l) {
            if (phase_of(l) != p) continue;
            Lookup lookup{{}, lookups[l].table, lookups[l].outputs, lookups[l].first};
            for (size_t i = first[l]; i < first[l + 1]; ++i) lookup.address.push_back(bit(ends[i]));
            made.lookups.push_back(std::move(lookup));
        }
        phases_.push_back(std::move(made));
    }
    results_.clear();
    for (size_t i = 0; i < results; ++i) results_.push_back(bit(ends[i]));
    const size_t bytes = block ? block : kBlockBytes;
    vectors_ = std::clamp<size_t>(bytes / (slots_ * kVectorBytes), 1, kMaxVectors);
    stride_ = (vectors_ | 1) * kVectorBytes;  // even ones would share few sets of the caches
    if (slots_ * stride_ > size_t(std::numeric_limits<int32_t>::max()))
        throw std::length_error("the program needs more memory than its code can address");
}

bool Program::make_code(Target target) {
    for (Phase &phase : phases_) {
        phase.code = Code::make(phase.steps, target, stride_);
        if (!phase.code) return false;
    }
    for (Phase &phase : phases_) phase.steps.clear();
    return true;
}

size_t Program::lookups() const {
    size_t count = 0;
    for (const Phase &phase : phases_) count += phase.lookups.size();
    return count;
}

// Planes of one kind of 64 neighbouring features share a sheet.
void Program::arrange() {
    std::map<std::tuple<uint32_t, bool, int64_t>, size_t> known;
    std::map<uint32_t, int64_t> compared;
    for (size_t p = 0; p < planes_.size(); ++p) {
        const Network::Plane &plane = planes_[p];
        if (plane.kind == Network::Plane::kFound) continue;
        const bool is_bit = plane.kind == Network::Plane::kBit;
        const uint32_t tile = plane.of / 64;
        const int64_t which = is_bit ? plane.value : compared[plane.of]++;
        const auto [at, fresh] = known.try_emplace({tile, is_bit, which}, sheets_.size());
        if (fresh) {
            const size_t last = inputs_ > 64 ? inputs_ - 64 : 0;
            Sheet sheet{uint32_t(std::min<size_t>(64 * tile, last)), is_bit, {}, {}};
            std::fill(sheet.slots, sheet.slots + 64, -1);
            sheets_.push_back(sheet);
        }
        Sheet &sheet = sheets_[at->second];
        const uint32_t lane = plane.of - sheet.feature;
        sheet.values[lane] = is_bit ? int64_t(uint64_t(1) << plane.value) : plane.value;
        sheet.slots[lane] = int32_t(p);
    }
}

template <typename Fill>
void Program::blocks(size_t samples, int64_t *results, int threads, const Fill &fill) const {
    const size_t block = vectors_ * kSamples, stride = stride_;
    std::atomic<bool> full{false};  // no exception leaves a thread
    const auto range = [&](size_t begin, size_t end) {
        uint8_t *memory = static_cast<uint8_t *>(memories.reserve(slots_ * stride));
        uint8_t *registers = static_cast<uint8_t *>(register_files.reserve(kRegisters * stride));
        for (size_t first = begin; first < end; first += block) {
            const size_t count = std::min(block, end - first);
            const size_t vectors = (count + kSamples - 1) / kSamples;
            fill(first, count, memory, stride);
            for (const Phase &phase : phases_) {
                if (phase.code) phase.code->run(memory, vectors);
                else
                    edges_->interpret(phase.steps.data(), phase.steps.size(), memory, stride,
                                      registers, vectors * kVectorBytes);
                for (const Lookup &lookup : phase.lookups) look_up(lookup, memory, count);
            }
            collect(memory, count, results + first * words_.size());
        }
    };
    parallel(samples, kSamples, threads, [&](size_t begin, size_t end) {
        try {
            range(begin, end);
        } catch (const std::bad_alloc &) {
            full = true;
        }
    });
    if (full) throw std::bad_alloc();
}

uint64_t Program::read(const Bit &bit, const uint8_t *memory, size_t first) const {
    uint64_t bits = 0;
    if (bit.slot >= 0) std::memcpy(&bits, memory + size_t(bit.slot) * stride_ + first / 8, 8);
    return bit.complemented ? ~bits : bits;
}

void Program::look_up(const Lookup &lookup, uint8_t *memory, size_t samples) const {
    const unsigned width = unsigned(lookup.address.size());
    for (size_t first = 0; first < samples; first += kLanes) {
        uint64_t address[16], found[8];
        for (unsigned j = 0; j < width; ++j) address[j] = read(lookup.address[j], memory, first);
        for (size_t o = 0; o < lookup.outputs; o += 8) {
            const unsigned count = unsigned(std::min<size_t>(8, lookup.outputs - o));
            edges_->look_up(address, width, lookup.table.data() + (o / 8 << width), found, count);
            for (unsigned i = 0; i < count; ++i)
                std::memcpy(memory + (lookup.first + o + i) * stride_ + first / 8, &found[i], 8);
        }
    }
}

void Program::collect(const uint8_t *memory, size_t samples, int64_t *results) const {
    const size_t count = words_.size();
    for (size_t first = 0; first < samples; first += kLanes) {
        const size_t group = std::min(kLanes, samples - first);
        const Bit *result = results_.data();
        for (size_t w = 0; w < count; ++w) {
            const auto [width, is_signed] = words_[w];
            uint64_t bits[64];
            for (unsigned j = 0; j < width; ++j) bits[j] = read(*result++, memory, first);
            alignas(64) int64_t values[64];
            edges_->collect(bits, width, is_signed, values);
            for (size_t s = 0; s < group; ++s) results[(first + s) * count + w] = values[s];
        }
    }
}

template <typename T>
size_t Program::run_as(const Reader<T> &reader, const Rows &rows, int64_t *results,
                       int threads) const {
    const int64_t low = signed_ ? -(int64_t(1) << (width_ - 1)) : 0;
    const int64_t high = low + ((int64_t(1) << width_) - 1);
    const uint8_t *data = static_cast<const uint8_t *>(rows.data);
    const bool real = rows.type >= Type::kF32, whole = width_ == 8 * sizeof(T);
    const bool in_place = rows.type == type_of<T>() && inputs_ >= kLanes &&
                          rows.row % sizeof(T) == 0 && uintptr_t(data) % sizeof(T) == 0;
    const size_t step = in_place ? rows.row / sizeof(T) : std::max(inputs_, kLanes);
    std::atomic<size_t> bad{rows.samples};
    const auto good = [&](const void *row, size_t count, T *to) {
        return real ? reader.quantise[rows.type == Type::kF64](row, count, to, low, high,
                                                               rows.scale, rows.offset)
                    : reader.narrow[int(rows.type)](row, count, to, low, high);
    };
    // The words of a group of samples, checked, in rows that are `step` words apart.
    const auto words = [&](size_t first, size_t count) {
        const uint8_t *from = data + first * rows.row;
        T *copy = nullptr;
        if (!in_place) copy = static_cast<T *>(row_buffers.reserve(count * step * sizeof(T)));
        const bool fine = in_place && (whole || (step == inputs_ && good(from, count * step, copy)));
        for (size_t s = 0; s < count && !fine; ++s) {
            if (good(from + s * rows.row, inputs_, copy ? copy + s * step : nullptr)) continue;
            size_t seen = bad.load();
            while (first + s < seen && !bad.compare_exchange_weak(seen, first + s)) {}
        }
        return copy ? copy : reinterpret_cast<const T *>(from);
    };
    blocks(rows.samples, results, threads,
           [&](size_t first, size_t count, uint8_t *memory, size_t stride) {
               for (size_t s = 0; s < count; s += kSamples) {
                   const size_t group = std::min(kSamples, count - s);
                   const T *from = words(first + s, group);
                   for (const Sheet &sheet : sheets_)
                       reader.slice(sheet, from, step, group, memory + s / 8, stride);
               }
           });
    return bad;
}

size_t Program::run(const Rows &rows, int64_t *results, int threads) const {
    const auto as = [&](const auto &reader) { return run_as(reader, rows, results, threads); };
    if (width_ <= 8) return signed_ ? as(edges_->i8) : as(edges_->u8);
    if (width_ <= 16) return signed_ ? as(edges_->i16) : as(edges_->u16);
    if (width_ <= (signed_ ? 32 : 31)) return as(edges_->i32);
    return as(edges_->i64);
}

void Program::run_bits(const uint64_t *bits, size_t row, size_t samples, int64_t *results,
                       int threads) const {
    for (const Network::Plane &plane : planes_)
        if (plane.kind == Network::Plane::kReaches)
            throw std::invalid_argument("the program compares whole words; compile it `packed`");
    blocks(samples, results, threads,
           [&](size_t first, size_t count, uint8_t *memory, size_t stride) {
               const size_t words = (count + 63) / 64;
               for (size_t p = 0; p < planes_.size(); ++p) {
                   if (planes_[p].kind == Network::Plane::kFound) continue;
                   const size_t bit = planes_[p].of * width_ + size_t(planes_[p].value);
                   std::memcpy(memory + p * stride, bits + bit * row + first / 64, 8 * words);
               }
           });
}

}  // namespace lutra::logic
