// The verilated chip in a recorder that shows the pins of its cores: configuration and samples in, pins of every cycle out (core_work.py).
#include <cstdint>
#include <cstring>
#include <vector>
#include "Vrecorder.h"
#include "asserted.h"
#include "verilated.h"

extern "C" {

struct Stimulus {
    const uint64_t* writes;     // [write] core in 8 bits, address in 24, data in 32
    const uint8_t* intensity;   // [load][lane]
    const uint16_t* label;      // [sample]
    int64_t n_writes, n_loads, n_samples, lanes, memory_region;
    int64_t unknown;            // what is not yet set reads as: 0 zeros, 2 drawn
    int64_t most_cycles;        // of samples, before it is given up
};

struct Recording {
    std::vector<uint32_t> words;
    int64_t cycles = 0, sample_cycles = 0;
};

namespace {
constexpr int CYCLES_OF_RESET = 2, QUIET = 4;

struct Bench {
    VerilatedContext context;
    Vrecorder* top;
    Recording* made;

    void cycle(bool kept) {
        top->clk = 0;
        top->eval();
        if (kept) {
            const size_t words = (sizeof top->pins + 3) / 4, at = made->words.size();
            made->words.resize(at + words);
            std::memcpy(made->words.data() + at, &top->pins, sizeof top->pins);
            ++made->cycles;
        }
        top->clk = 1;
        top->eval();
    }
};

void offer(Vrecorder* top, const Stimulus* s, int64_t sample, int64_t load) {
    top->sample_label = sample < s->n_samples ? s->label[sample] : 0;
    std::memset(&top->intensity, 0, sizeof top->intensity);
    if (load < s->n_loads) std::memcpy(&top->intensity, s->intensity + load * s->lanes, s->lanes);
}
}  // namespace

// nullptr if the samples take more cycles than they may.
Recording* rec_run(const Stimulus* s) {
    rtl_forget();
    Bench bench;
    bench.made = new Recording;
    bench.context.randReset(static_cast<int>(s->unknown));
    bench.context.randSeed(1 + s->unknown);  // what is written as x is drawn in both runs
    Vrecorder* top = bench.top = new Vrecorder{&bench.context};
    top->config_write = top->sample_valid = 0;
    top->entry = 0;
    offer(top, s, 0, 0);
    top->rst = 1;
    for (int i = 0; i < CYCLES_OF_RESET; ++i) bench.cycle(true);
    top->rst = 0;
    top->config_write = 1;
    for (int64_t i = 0; i < s->n_writes; ++i) {
        top->entry = s->writes[i];
        bench.cycle(((s->writes[i] >> 52) & 15) != uint64_t(s->memory_region));  // no register of a core moves when its memory is filled
    }
    top->config_write = 0;
    int64_t load = 0, sample = 0, quiet = 0;
    while (quiet < QUIET) {
        const bool offers = sample < s->n_samples;
        top->sample_valid = offers;
        offer(top, s, sample, load);
        top->clk = 0;
        top->eval();
        quiet = top->idle && !offers ? quiet + 1 : 0;
        const bool loads = top->intensity_ready, begins = offers && top->sample_ready;
        bench.cycle(true);
        load += loads;
        sample += begins;
        if (++bench.made->sample_cycles > s->most_cycles) break;
    }
    Recording* made = bench.made;
    if (quiet < QUIET) {
        delete made;
        made = nullptr;
    }
    top->final();
    delete top;
    return made;
}

int64_t rec_cycles(const Recording* made) { return made->cycles; }

const uint32_t* rec_words(const Recording* made) { return made->words.data(); }

void rec_free(Recording* made) { delete made; }
}
