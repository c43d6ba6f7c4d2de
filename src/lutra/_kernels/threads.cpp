#include "threads.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace lutra {
namespace {

// Tasks of a training step follow each other within microseconds: look for one that long, then
// sleep.
constexpr int kSpins = 4000;

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

class Pool {
  public:
    void run(size_t size, size_t grain, int threads, const Range &body) {
        const size_t grains = (size + grain - 1) / grain;
        const size_t parts = std::min<size_t>(std::max(threads, 1), grains);
        if (parts <= 1) {
            if (size) body(0, size);
            return;
        }
        const std::lock_guard<std::mutex> lock(busy_);
        while (workers_.size() + 1 < parts) {
            const size_t rank = workers_.size() + 1;
            const unsigned seen = generation_.load();
            workers_.emplace_back([this, rank, seen] { work(rank, seen); });
        }
        size_ = size, grain_ = grain, grains_ = grains, parts_ = parts, body_ = &body;
        pending_.store(workers_.size());
        generation_.fetch_add(1);
        generation_.notify_all();
        part(0);
        for (int spin = 0; pending_.load(); ++spin) {
            if (spin < kSpins) relax();
            else if (const size_t left = pending_.load()) pending_.wait(left);
        }
    }

  private:
    void part(size_t rank) {
        const size_t begin = grains_ * rank / parts_ * grain_;
        const size_t end = std::min(size_, grains_ * (rank + 1) / parts_ * grain_);
        if (begin < end) (*body_)(begin, end);
    }

    void work(size_t rank, unsigned seen) {
        for (;;) {
            for (int spin = 0; generation_.load() == seen; ++spin) {
                if (spin < kSpins) relax();
                else generation_.wait(seen);
            }
            ++seen;
            if (rank < parts_) part(rank);
            if (pending_.fetch_sub(1) == 1) pending_.notify_one();
        }
    }

    std::mutex busy_;
    std::vector<std::thread> workers_;
    std::atomic<unsigned> generation_{0};
    std::atomic<size_t> pending_{0};
    size_t size_ = 0, grain_ = 1, grains_ = 0, parts_ = 1;
    const Range *body_ = nullptr;
};

// Never destroyed: the threads outlive every static object. A forked child has none of them.
Pool *pool = nullptr;

Pool *start() {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
#endif
    return new Pool;
}

}  // namespace

void parallel(size_t size, size_t grain, int threads, const Range &body) {
    static Pool *first = pool = start();
    (void)first;
    pool->run(size, grain, threads, body);
}

}  // namespace lutra
