#include "code.h"

#include <cstring>

#if defined(LUTRA_X86) && (defined(__unix__) || defined(__APPLE__))
#include <sys/mman.h>
#endif

namespace lutra::logic {
#if defined(LUTRA_X86) && (defined(__unix__) || defined(__APPLE__))
namespace {

// rdi: the first slot, rsi: vectors, rdx: the first slot of this vector, rcx: vectors left.
class Writer {
  public:
    Writer(Target target, size_t stride) : wide_(target == Target::kAvx512), stride_(stride) {}

    std::vector<uint8_t> write(const std::vector<Step> &steps) {
        bool open = false;
        size_t loop = 0;
        for (const Step &step : steps) {
            if (step.kind == Step::kEnd) {
                if (open) close(loop);
                open = false;
                continue;
            }
            if (!open) {
                bytes({0x48, 0x89, 0xfa, 0x48, 0x89, 0xf1});  // rdx = rdi, rcx = rsi
                loop = code_.size();
                open = true;
            }
            translate(step);
        }
        bytes({0xc5, 0xf8, 0x77, 0xc3});  // vzeroupper, return
        return std::move(code_);
    }

  private:
    enum Opcode : uint8_t { kLoad = 0x6f, kStore = 0x7f, kAnd = 0xdb, kAndNot = 0xdf, kOr = 0xeb,
                            kXor = 0xef, kTernary = 0x25 };

    void bytes(std::initializer_list<uint8_t> list) { code_.insert(code_.end(), list); }
    void word(uint32_t value) {
        for (int i = 0; i < 4; ++i) code_.push_back(uint8_t(value >> 8 * i));
    }

    void close(size_t loop) {
        bytes({0x48, 0x83, 0xc2, uint8_t(wide_ ? 64 : 32)});  // rdx += a vector
        bytes({0x48, 0xff, 0xc9, 0x0f, 0x85});                // --rcx, back to the loop if not 0
        word(uint32_t(loop - (code_.size() + 4)));
    }

    void translate(const Step &s) {
        switch (s.kind) {
            case Step::kLoad: return vector(kLoad, s.to, 0, s.b, true, s.slot);
            case Step::kStore: return vector(kStore, s.to, 0, s.b, true, s.slot);
            case Step::kMove: return vector(kLoad, s.to, 0, s.a, false, 0);
            case Step::kAnd: return vector(kAnd, s.to, s.a, s.b, s.from_slot, s.slot);
            case Step::kAndNot: return vector(kAndNot, s.to, s.a, s.b, s.from_slot, s.slot);
            case Step::kOr: return vector(kOr, s.to, s.a, s.b, s.from_slot, s.slot);
            case Step::kXor: return vector(kXor, s.to, s.a, s.b, s.from_slot, s.slot);
            case Step::kThree:
                vector(kTernary, s.to, s.a, s.b, s.from_slot, s.slot);
                code_.push_back(immediate(s.function));
                return;
            case Step::kEnd: return;
        }
    }

    // The instruction numbers entries 4 to + 2 a + b.
    static uint8_t immediate(uint8_t function) {
        uint8_t result = 0;
        for (int e = 0; e < 8; ++e)
            result |= (function >> ((e >> 2 & 1) | (e & 2) | (e & 1) << 2) & 1) << e;
        return result;
    }

    // to = a op (b or slot). EVEX.512 (W1) or VEX.256, prefix 66.
    void vector(Opcode op, unsigned to, unsigned a, unsigned b, bool memory, uint32_t slot) {
        const unsigned map = op == kTernary ? 3 : 1;
        const unsigned b3 = memory ? 0 : b >> 3 & 1, b4 = memory ? 0 : b >> 4 & 1;
        const unsigned not_to3 = ~to >> 3 & 1, not_b3 = b3 ^ 1;
        if (wide_)
            bytes({0x62,
                   uint8_t(not_to3 << 7 | (b4 ^ 1) << 6 | not_b3 << 5 | (~to >> 4 & 1) << 4 | map),
                   uint8_t(0x80 | (~a & 15) << 3 | 0x04 | 1), uint8_t(0x40 | (~a >> 4 & 1) << 3)});
        else
            bytes({0xc4, uint8_t(not_to3 << 7 | 0x40 | not_b3 << 5 | map),
                   uint8_t((~a & 15) << 3 | 0x04 | 1)});
        code_.push_back(op);
        const unsigned reg = (to & 7) << 3;
        if (!memory) return code_.push_back(uint8_t(0xc0 | reg | (b & 7)));
        const size_t offset = slot * stride_;
        if (wide_ && offset / 64 < 128) {  // one byte counts whole vectors
            bytes({uint8_t(0x42 | reg), uint8_t(offset / 64)});
            return;
        }
        code_.push_back(uint8_t(0x82 | reg));
        word(uint32_t(offset));
    }

    bool wide_;
    size_t stride_;
    std::vector<uint8_t> code_;
};

}  // namespace

std::unique_ptr<Code> Code::make(const std::vector<Step> &steps, Target target, size_t stride) {
    const std::vector<uint8_t> code = Writer(target, stride).write(steps);
    void *memory =
        mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    std::memcpy(memory, code.data(), code.size());
    if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC)) {
        munmap(memory, code.size());
        return nullptr;
    }
    return std::unique_ptr<Code>(new Code(memory, code.size(), target == Target::kAvx2));
}

Code::~Code() { munmap(memory_, size_); }

void Code::run(uint8_t *memory, size_t vectors) const {
    using Entry = __attribute__((sysv_abi)) void (*)(uint8_t *, size_t);
    reinterpret_cast<Entry>(memory_)(memory, halves_ ? 2 * vectors : vectors);
}

#else

std::unique_ptr<Code> Code::make(const std::vector<Step> &, Target, size_t) { return nullptr; }
Code::~Code() {}
void Code::run(uint8_t *, size_t) const {}

#endif
}  // namespace lutra::logic
