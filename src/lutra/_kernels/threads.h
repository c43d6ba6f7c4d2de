// A fixed pool of threads for loops over neurons or samples.

#pragma once

#include <cstddef>
#include <functional>

namespace lutra {

using Range = std::function<void(size_t begin, size_t end)>;

// Runs body over [0, size), cut into one range per thread at multiples of `grain`.
void parallel(size_t size, size_t grain, int threads, const Range &body);

}  // namespace lutra
