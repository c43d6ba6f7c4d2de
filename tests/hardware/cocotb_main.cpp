// Lets cocotb, a library behind VPI, drive a design that Verilator compiled. Time is the context's.

#include "Vtop.h"
#include "verilated_vpi.cpp"

extern "C" void vlog_startup_routines_bootstrap();

double sc_time_stamp() { return 0; }

static void values() {
    while (VerilatedVpi::callValueCbs()) {}
}

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.fatalOnVpiError(false);  // cocotb looks for what there may not be
    Verilated::threadContextp(&context);
    Vtop top(&context, "");  // cocotb looks for names without it
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    values();
    while (!context.gotFinish()) {
        do {
            do {
                top.eval();
                VerilatedVpi::clearEvalNeeded();
                VerilatedVpi::doInertialPuts();
                values();
            } while (VerilatedVpi::evalNeeded());
            VerilatedVpi::callCbs(cbReadWriteSynch);
            VerilatedVpi::doInertialPuts();
            values();
        } while (VerilatedVpi::evalNeeded());
        VerilatedVpi::callCbs(cbReadOnlySynch);
        const uint64_t next = VerilatedVpi::cbNextDeadline();
        if (next == UINT64_MAX) break;  // nobody waits for anything
        context.time(next);
        VerilatedVpi::callCbs(cbNextSimTime);
        values();
        VerilatedVpi::callTimedCbs();
        values();
    }
    top.final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
}
