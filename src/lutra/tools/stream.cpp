// Sends the beats of x.bin through a design with one input and one output stream, and writes what
// leaves to y.bin and the clock of every beat, of those that enter first, to cycles.bin.
// design.h gives the sizes. Arguments: beats in, beats out, percentage of clocks in which the
// sender and the receiver pause, seed, clocks without any beat that mean a deadlock, clock of a
// second reset, after which all is sent again.

#include "Vtop.h"
#include "design.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

double sc_time_stamp() { return 0; }

static bool read(const char* name, std::vector<char>& into) {
    FILE* file = std::fopen(name, "rb");
    return file && std::fread(into.data(), 1, into.size(), file) == into.size() && !std::fclose(file);
}

template <class T> static bool write(const char* name, const std::vector<T>& from) {
    FILE* file = std::fopen(name, "wb");
    const size_t size = from.size();
    return file && std::fwrite(from.data(), sizeof(T), size, file) == size && !std::fclose(file);
}

// A pausing sender keeps what it once offered, as the protocol has it.
int main(int, char** argv) {
    const size_t in = std::strtoull(argv[1], nullptr, 10), out = std::strtoull(argv[2], nullptr, 10);
    const unsigned send = std::atoi(argv[3]), receive = std::atoi(argv[4]);
    std::mt19937 random(std::atoi(argv[5]));
    const uint64_t patience = std::strtoull(argv[6], nullptr, 10);
    const uint64_t again = std::strtoull(argv[7], nullptr, 10);
    std::vector<char> x(in * X_BYTES), y(out * Y_BYTES), held(Y_BYTES);
    std::vector<uint64_t> entered, left;
    if (!read("x.bin", x)) return 2;
    auto context = std::make_unique<VerilatedContext>();
    auto top = std::make_unique<Vtop>(context.get());
    bool offered = false, waiting = false;
    uint64_t last = 0;
    top->rst = 1;
    for (uint64_t cycle = 0; left.size() < out; cycle++) {
        top->clk = 0;
        if (cycle == 4) top->rst = 0;
        if (again && cycle == again) {
            top->rst = 1;
            top->in_valid = offered = waiting = false;
            top->out_ready = false;
            entered.clear();
            left.clear();
            top->eval();
            top->clk = 1;
            top->eval();
            top->rst = 0;
            last = cycle;
            continue;
        }
        if (!offered) offered = cycle >= 4 && entered.size() < in && random() % 100 >= send;
        top->in_valid = offered;
        if (offered) std::memcpy(&top->in_data, &x[entered.size() * X_BYTES], sizeof(top->in_data));
        top->out_ready = cycle >= 4 && random() % 100 >= receive;
        top->eval();
        char* to = &y[left.size() * Y_BYTES];
        if (top->out_valid && cycle >= 4) {
            std::memcpy(to, &top->out_data, sizeof(top->out_data));
            if (waiting && std::memcmp(to, held.data(), Y_BYTES)) {
                std::printf("output beat %zu changed before it was taken\n", left.size());
                return 3;
            }
            std::memcpy(held.data(), to, Y_BYTES);
        } else if (waiting) {
            std::printf("output beat %zu was withdrawn\n", left.size());
            return 3;
        }
        waiting = top->out_valid && cycle >= 4 && !top->out_ready;
        if (top->out_valid && top->out_ready && cycle >= 4) left.push_back(last = cycle);
        if (offered && top->in_ready) {
            entered.push_back(last = cycle);
            offered = false;
        }
        top->clk = 1;
        top->eval();
        if (cycle - last > patience) {
            std::printf("deadlock: %zu beats of %zu entered, %zu of %zu left\n", entered.size(), in,
                        left.size(), out);
            return 4;
        }
    }
    entered.resize(in, UINT64_MAX);
    entered.insert(entered.end(), left.begin(), left.end());
    return !write("y.bin", y) || !write("cycles.bin", entered);
}
