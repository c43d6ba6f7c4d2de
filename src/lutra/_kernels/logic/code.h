// Steps as machine code, for processors of the x86-64 family.

#pragma once

#include <memory>

#include "schedule.h"

namespace lutra::logic {

enum class Target { kAvx2, kAvx512 };

constexpr size_t kVectorBytes = 64;

// Memory that holds code: written once, then executed.
class Code {
  public:
    // `stride` bytes lie between slots. Nothing where the system allows no memory to be executed.
    static std::unique_ptr<Code> make(const std::vector<Step> &steps, Target target, size_t stride);
    ~Code();
    Code(const Code &) = delete;

    // Runs every segment over `vectors` vectors of kVectorBytes from `memory` on.
    void run(uint8_t *memory, size_t vectors) const;
    size_t size() const { return size_; }

  private:
    Code(void *memory, size_t size, bool halves) : memory_(memory), size_(size), halves_(halves) {}

    void *memory_;
    size_t size_;
    bool halves_;
};

}  // namespace lutra::logic
