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
    // `stride` bytes lie between slots. Throws where the system allows no memory to execute.
    Code(const std::vector<Step> &steps, Target target, size_t stride);
    ~Code();
    Code(const Code &) = delete;

    // Runs every segment over `vectors` vectors of kVectorBytes from `memory` on.
    void run(uint8_t *memory, size_t vectors) const;
    size_t size() const { return size_; }

  private:
    void *memory_ = nullptr;
    size_t size_ = 0;
    bool halves_;
};

}  // namespace lutra::logic
