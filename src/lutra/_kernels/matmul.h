// Products of matrices of whole numbers, exact.

#pragma once

#include "kernels.h"
#include "vectors.h"

namespace lutra {
namespace {

// A few rows of the left matrix at a time, so that a row of the right one is read once for all.
void matmul(const Matmul &m, size_t begin, size_t end) {
    constexpr size_t kRows = 4, kBlock = 4 * kWidth;
    for (size_t row = begin; row < end; row += kRows) {
        const size_t rows = end - row < kRows ? end - row : kRows;
        for (size_t first = 0; first < m.columns; first += kBlock) {
            const size_t width = m.columns - first < kBlock ? m.columns - first : kBlock;
            int32_t sums[kRows][kBlock] = {};
            for (size_t k = 0; k < m.inner; ++k) {
                const int32_t *right = m.right + k * m.columns + first;
                for (size_t r = 0; r < rows; ++r) {
                    const int32_t left = m.left[(row + r) * m.inner + k];
                    if (width == kBlock)
                        for (size_t c = 0; c < kBlock; ++c) sums[r][c] += left * right[c];
                    else
                        for (size_t c = 0; c < width; ++c) sums[r][c] += left * right[c];
                }
            }
            for (size_t r = 0; r < rows; ++r)
                std::memcpy(m.result + (row + r) * m.columns + first, sums[r], 4 * width);
        }
    }
}

}  // namespace
}  // namespace lutra
