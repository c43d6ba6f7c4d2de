// Runs every sample of x.bin through the design, one per clock cycle, and writes y.bin.
// design.h gives the sizes, and what to copy in (PUT) and out (GET).

#include "Vtop.h"
#include "design.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

double sc_time_stamp() { return 0; }

// A narrow port is kept in fewer bytes than its whole 32-bit words in the files.
template <class T> void put(T& port, const char*& from, size_t bytes) {
    std::memcpy(&port, from, sizeof(T));
    from += bytes;
}

template <class T> void get(const T& port, char*& to, size_t bytes) {
    std::memcpy(to, &port, sizeof(T));
    to += bytes;
}

int main() {
    const size_t samples = SAMPLES, latency = LATENCY, in = X_BYTES, out = Y_BYTES;
    std::vector<char> x(samples * in + 1), y(samples * out + 1);
    FILE* file = std::fopen("x.bin", "rb");
    if (!file || std::fread(x.data(), 1, samples * in, file) != samples * in) return 1;
    std::fclose(file);
    auto context = std::make_unique<VerilatedContext>();
    auto top = std::make_unique<Vtop>(context.get());
    for (size_t cycle = 0; cycle < samples + latency; cycle++) {
        const char* from = x.data() + (cycle < samples ? cycle : samples - 1) * in;
        PUT
#ifdef CLOCKED
        top->clk = 0;
#endif
        top->eval();
        if (cycle >= latency) {
            char* to = y.data() + (cycle - latency) * out;
            GET
        }
#ifdef CLOCKED
        top->clk = 1;
        top->eval();
#endif
    }
    file = std::fopen("y.bin", "wb");
    return !file || std::fwrite(y.data(), 1, samples * out, file) != samples * out
        || std::fclose(file);
}
