// The verilated neurons with a memory behind a C interface: ticks in lock-step with what the simulator's kernel made of them. Compared in
// every cycle: the neuron in hand and its spike, gate and clamp; in the cycle after, the state that is written; nothing in any other cycle.
#include <cstdint>
#include "Vnc_leaky_bank.h"
#include "asserted.h"
#include "verilated.h"

namespace {

enum Field { IN_HAND, SPIKE, GATE, CLAMPED, WRITTEN, POTENTIAL, RESTING };

struct Bank {
    VerilatedContext context;
    Vnc_leaky_bank* top;
};

}  // namespace

extern "C" {

struct Run {
    int64_t ticks, neurons, state_bits, acc_bits;
    int64_t leaks, leak_shift, leak_factor, threshold, taken, refractory;
    int64_t seed, pauses_of_256;  // how often a cycle passes in which nothing is asked for
    const int32_t* drive;         // [tick][neuron]
    const uint8_t* first;         // [tick] does a sample begin
    const uint8_t* fired;         // [tick][neuron], as all that follow: expected
    const uint8_t* gate;
    const uint8_t* clamped;
    const int32_t* membrane;
    const uint8_t* resting;
    // out
    int64_t cycles;
    int64_t tick, neuron, field, expected, got;  // of the first difference
};

Bank* leaky_new() {
    rtl_forget();
    Bank* bank = new Bank;
    bank->context.randReset(2);
    bank->context.randSeed(1);
    bank->top = new Vnc_leaky_bank{&bank->context};
    bank->top->rst = 1;
    for (int edge = 0; edge < 4; ++edge) {
        bank->top->clk = edge & 1;
        bank->top->eval();
    }
    bank->top->rst = 0;
    return bank;
}

// Returns 0 if every cycle is as expected, 1 at a difference.
int leaky_run(Bank* bank, Run* run) {
    Vnc_leaky_bank* top = bank->top;
    const int64_t n = run->neurons;
    uint64_t random = run->seed | 1;
    int64_t writes = -1;  // place in the arrays of what is written in this cycle; -1: nothing
    bool is_checked = true;
    const auto draw = [&] {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        return random >> 20;
    };
    const auto differs = [&](int64_t at, Field field, int64_t expected, int64_t got) {
        if (!is_checked || expected == got) return false;
        run->tick = at / n, run->neuron = at % n, run->field = field, run->expected = expected, run->got = got;
        return true;
    };
    const auto is_signed = [](uint64_t word, int64_t bits) { return int64_t(word << (64 - bits)) >> (64 - bits); };
    // One cycle; at: place in the arrays of the neuron that is updated or comes next.
    const auto cycle = [&](int64_t at, bool updates, uint64_t acc) {
        if (!top->start) top->first = draw() & 1;
        top->update = updates;
        top->acc = acc & ((1ull << run->acc_bits) - 1);
        top->clk = 0;
        top->eval();
        ++run->cycles;
        const int64_t written = top->written ? int64_t(top->written_neuron) : -1;
        const bool is_wrong =
            differs(writes < 0 ? at : writes, WRITTEN, writes < 0 ? -1 : writes % n, written) ||
            (writes >= 0 && (differs(writes, POTENTIAL, run->membrane[writes], is_signed(top->written_v, run->state_bits)) ||
                             differs(writes, RESTING, run->resting[writes], top->written_resting))) ||
            (updates && differs(at, IN_HAND, at % n, top->neuron)) || differs(at, SPIKE, updates && run->fired[at], top->spike) ||
            differs(at, GATE, updates && run->gate[at], top->gate) || differs(at, CLAMPED, updates && run->clamped[at], top->clamped);
        writes = updates ? at : -1;
        top->clk = 1;
        top->eval();
        top->start = top->rst = 0;
        return is_wrong;
    };
    const auto pauses = [&](int64_t at) {
        while (int64_t(draw() & 255) < run->pauses_of_256)
            if (cycle(at, false, draw())) return true;
        return false;
    };
    top->leaks = run->leaks, top->leak_shift = run->leak_shift, top->leak_factor = run->leak_factor;
    top->threshold = run->threshold, top->taken = run->taken, top->refractory = run->refractory;
    for (int64_t tick = 0; tick < run->ticks; ++tick) {
        const int64_t at = tick * n;
        bool is_reset = false;
        if (run->first[tick] && run->pauses_of_256) {  // a sample that is broken off, by the next one or by a reset
            is_reset = draw() & 1;
            is_checked = false;
            top->start = top->first = 1;
            cycle(at, false, draw());
            for (int64_t left = draw() % (2 * n); left > 0; --left) {  // or in its second tick, which reads states
                const bool is_last = int64_t(top->neuron) == n - 1;
                cycle(at, true, draw());
                if (!is_last) continue;
                cycle(at, false, draw());
                top->start = 1, top->first = 0;
                cycle(at, false, draw());
            }
            top->rst = is_reset;
            cycle(at, false, draw());
            is_checked = true;
            writes = -1;
        }
        if (pauses(at)) return 1;
        top->start = 1;
        top->first = run->first[tick] && !is_reset;
        if (cycle(at, false, draw())) return 1;
        for (int64_t j = 0; j < n; ++j)
            if (pauses(at + j) || cycle(at + j, true, run->drive[at + j])) return 1;
        if (cycle(at + n - 1, false, draw())) return 1;
    }
    return 0;
}

void leaky_free(Bank* bank) {
    bank->top->final();
    delete bank->top;
    delete bank;
}
}
