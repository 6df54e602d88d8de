// The verilated chip behind a C interface: configuration, and a run in lock-step with expected trace records (docs/rtl.md).
// One call runs many ticks; every cycle of every core is compared, idle ones included.
#include <cstdint>
#include <cstring>
#include "Vnc_engine.h"
#include "asserted.h"
#include "verilated.h"
#ifdef NC_VCD
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int CYCLES_OF_RESET = 2;
constexpr uint64_t SPIKE_LEAVES = 1ull << 28, ERROR_LEAVES = 1ull << 29;
// events that a core standing still does not count: neuron_update, error_update, spike_out, error_out, error_saturated, readout
constexpr uint64_t HELD_BACK = ((1ull << 4) | (1ull << 5) | (1ull << 7) | (1ull << 9) | (1ull << 13) | (1ull << 14)) << 48;
constexpr uint64_t RNG_DRAW = 0xffffull << 32;  // of split streams generators step with the last soma of the first one, when its packet is taken
constexpr uint64_t CLAMPED = 0xffffull << 16;  // a potential with a memory is clamped as its packet is taken
constexpr uint64_t LOAD = 1;
constexpr int UNIT_OF_SPIKE = 48;  // in FIRE: the lowest bit of the address that leaves

struct Chip {
    VerilatedContext context;
    Vnc_engine* top;
    uint64_t cycle = 0;
#ifdef NC_VCD
    VerilatedVcdC vcd;
    uint64_t vcd_from = 0, vcd_to = 0;
#endif
    void clock() {  // the rising edge; call settle() first
#ifdef NC_VCD
        const bool dumps = cycle >= vcd_from && cycle < vcd_to;
        if (dumps) vcd.dump(10 * cycle);
#endif
        top->clk = 1;
        top->eval();
#ifdef NC_VCD
        if (dumps) vcd.dump(10 * cycle + 5);
#endif
        ++cycle;
    }
    void settle() {
        top->clk = 0;
        top->eval();
    }
};

uint64_t next(uint64_t& x) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

}  // namespace

extern "C" {

struct Job {
    int64_t n_ticks, n_cores, n_axons, input_lanes, quiet;
    int64_t traced;             // the chip has its trace; else only what leaves it is compared
    const int64_t* start;       // [tick][core] first record
    const int64_t* length;      // [tick][core] records: busy cycles
    const uint64_t* records;    // [record][4]
    const int32_t* label;       // [tick] of a tick that begins a sample, else -1
    const uint8_t* intensity;   // [sample][axon]
    uint64_t stall;             // state of the generator of stalls; 0: none
    uint64_t stall_threshold;   // of 256: how often packets are held back and intensities late
    // out
    uint64_t compared, stalled_spikes, stalled_errors, full_links, late_intensities, busy;
    int64_t tick, core, record;  // of the first difference; record -1: the core should be idle
    uint64_t cycle, expected[4], got[4];
};

// As many intensities as the chip takes in a cycle; beyond the last axon they are zero.
void present(Vnc_engine* top, const uint8_t* intensity, int64_t n) {
    std::memset(&top->intensity, 0, sizeof top->intensity);
    if (n > 0) std::memcpy(&top->intensity, intensity, n);
}

void nc_reset(Chip* chip) {
    chip->top->rst = 1;
    for (int i = 0; i < CYCLES_OF_RESET; ++i) {
        chip->settle();
        chip->clock();
    }
    chip->top->rst = 0;
}

Chip* nc_new(const char* vcd_path, uint64_t vcd_from, uint64_t vcd_to) {
    rtl_forget();
    Chip* chip = new Chip;
    chip->context.randReset(2);
    chip->context.randSeed(1);
    chip->top = new Vnc_engine{&chip->context};
#ifdef NC_VCD
    chip->context.traceEverOn(true);
    chip->top->trace(&chip->vcd, 99);
    chip->vcd_from = vcd_from;
    chip->vcd_to = vcd_to;
    chip->vcd.open(vcd_path);
#else
    (void)vcd_path, (void)vcd_from, (void)vcd_to;
#endif
    Vnc_engine* top = chip->top;
    top->config_read = top->config_write = 0;
    top->sample_valid = top->intensity_valid = 0;
    top->spike_stall = top->error_stall = top->spike_wait = top->error_wait = 0;
    nc_reset(chip);
    return chip;
}

// Run without comparing, so that a reset can hit any cycle.
void nc_idle(Chip* chip, int64_t cycles, int32_t label, const uint8_t* intensity, int64_t input_lanes) {
    Vnc_engine* top = chip->top;
    top->sample_valid = label >= 0;
    top->sample_label = label >= 0 ? label : 0;
    top->intensity_valid = intensity != nullptr;
    for (int64_t i = 0; i < cycles; ++i) {
        present(top, intensity ? intensity + i * input_lanes : nullptr, intensity ? input_lanes : 0);
        chip->settle();
        chip->clock();
        top->sample_valid = 0;
    }
    top->sample_valid = top->intensity_valid = 0;
}

void nc_config_write(Chip* chip, int core, uint32_t address, int64_t n, const uint32_t* data, int increment) {
    Vnc_engine* top = chip->top;
    top->config_core = core;
    top->config_write = 1;
    for (int64_t i = 0; i < n; ++i) {
        top->config_address = address + i * increment;
        top->config_wdata = data[i];
        chip->settle();
        chip->clock();
    }
    top->config_write = 0;
}

void nc_config_read(Chip* chip, int core, uint32_t address, int64_t n, uint32_t* data, int increment) {
    Vnc_engine* top = chip->top;
    top->config_core = core;
    for (int64_t i = 0; i < n + 2; ++i) {  // a value comes two cycles later
        top->config_read = i < n;
        top->config_address = address + (i < n ? i : n - 1) * increment;
        chip->settle();
        if (i >= 2) data[i - 2] = top->config_rdata;
        chip->clock();
    }
    top->config_read = 0;
}

// Returns 0 if every cycle is as expected, 1 at a difference, 2 if the barrier does not take a sample in its cycle, 3 if an assertion is
// violated in a cycle that is otherwise as expected, 4 if another winner leaves the chip than expected, or none.
int nc_run(Chip* chip, Job* job) {
    Vnc_engine* top = chip->top;
    const int64_t n_cores = job->n_cores;
    int64_t at[64], sample = -1, axon = 0;
    int in_link[2][64] = {};  // packets that lie in the link behind a core: spikes, errors
    for (int64_t tick = 0; tick < job->n_ticks; ++tick) {
        const int64_t *start = job->start + tick * n_cores, *length = job->length + tick * n_cores;
        const bool begins = job->label[tick] >= 0;
        if (begins) {
            ++sample;
            axon = 0;
        }
        int64_t running = 0;
        for (int64_t c = 0; c < n_cores; ++c) {
            at[c] = 0;
            running += length[c] > 0;
        }
        // two barrier cycles, busy cycles, quiet cycles
        for (int64_t phase = -2; running > 0 || phase <= job->quiet; ++phase) {
            uint64_t spike_stall = 0, error_stall = 0, wait[2] = {0, 0};
            bool intensity_valid = true;
            if (job->stall) {
                const uint64_t r = next(job->stall);
                for (int64_t c = 0; c < n_cores && c < 3; ++c) {
                    spike_stall |= uint64_t(((r >> (8 * c)) & 255) < job->stall_threshold) << c;
                    error_stall |= uint64_t(((r >> (8 * c + 24)) & 255) < job->stall_threshold) << c;
                }
                intensity_valid = ((r >> 48) & 255) >= job->stall_threshold;
                const uint64_t s = running > 0 ? next(job->stall) : 0;  // the barrier gives the last packets no more time than they need
                for (int64_t c = 0; c < n_cores && c < 3 && running > 0; ++c)
                    for (int kind = 0; kind < 2; ++kind) wait[kind] |= uint64_t(((s >> (8 * c + 24 * kind)) & 255) < job->stall_threshold) << c;
            }
            top->sample_valid = phase == -2 && begins;
            top->sample_label = begins ? job->label[tick] : 0;
            top->spike_stall = spike_stall;
            top->error_stall = error_stall;
            top->spike_wait = wait[0];
            top->error_wait = wait[1];
            top->intensity_valid = intensity_valid;
            const int64_t left = sample >= 0 ? job->n_axons - axon : 0;
            present(top, job->intensity + sample * job->n_axons + axon, left < job->input_lanes ? left : job->input_lanes);
            chip->settle();
            if (top->sample_valid && !top->sample_ready) {
                job->tick = tick;
                job->cycle = chip->cycle;
                return 2;
            }
            const uint32_t* trace = reinterpret_cast<const uint32_t*>(&top->records);
            uint64_t winner = 0;  // that should leave the chip: valid << 16 | unit
            for (int64_t c = 0; c < n_cores; ++c) {
                uint64_t got[4], expected[4] = {0, 0, 0, 0};
                std::memcpy(got, trace + 8 * c, 32);
                const bool is_busy = phase >= 0 && at[c] < length[c];
                bool stands = false, leaves[2] = {false, false};
                if (is_busy) {
                    std::memcpy(expected, job->records + 4 * (start[c] + at[c]), 32);
                    leaves[0] = expected[0] & SPIKE_LEAVES, leaves[1] = expected[0] & ERROR_LEAVES;
                    const bool held_spike = leaves[0] && (((spike_stall >> c) & 1) || in_link[0][c] == 2);
                    const bool held_error = leaves[1] && (((error_stall >> c) & 1) || in_link[1][c] == 2);
                    const bool late = (expected[0] & 15) == LOAD && !intensity_valid;
                    stands = held_spike || held_error || late;
                    job->stalled_spikes += held_spike;
                    job->stalled_errors += held_error;
                    job->full_links += (leaves[0] && in_link[0][c] == 2) + (leaves[1] && in_link[1][c] == 2);
                    job->late_intensities += late;
                    if (held_spike || held_error) expected[3] &= ~(HELD_BACK | RNG_DRAW | CLAMPED);
                    if (late) {
                        expected[0] = LOAD;
                        expected[1] = expected[2] = expected[3] = 0;
                    }
                }
                if (c == n_cores - 1 && leaves[0] && !stands) winner = 1 << 16 | ((expected[0] >> UNIT_OF_SPIKE) & 0xffff);
                if (job->traced && std::memcmp(got, expected, 32)) {
                    job->tick = tick;
                    job->core = c;
                    job->record = is_busy ? at[c] : -1;
                    job->cycle = chip->cycle;
                    std::memcpy(job->expected, expected, 32);
                    std::memcpy(job->got, got, 32);
                    return 1;
                }
                for (int kind = 0; kind < 2; ++kind) {
                    if (c == (kind ? 0 : n_cores - 1)) continue;  // no link behind it
                    const bool goes = in_link[kind][c] > 0 && !((wait[kind] >> c) & 1);
                    in_link[kind][c] += int(leaves[kind] && !stands) - int(goes);
                }
                job->compared += job->traced;
                job->busy += is_busy;
                if (is_busy && !stands) {
                    if (c == 0 && (expected[0] & 15) == LOAD) axon += job->input_lanes;
                    running -= ++at[c] == length[c];
                }
            }
            const uint64_t leaving = top->out_valid ? 1 << 16 | uint64_t(top->out_unit) : 0;
            if (leaving != winner) {
                job->tick = tick;
                job->cycle = chip->cycle;
                job->expected[0] = winner;
                job->got[0] = leaving;
                return 4;
            }
            chip->clock();
            if (rtl_is_violated()) {
                job->tick = tick;
                job->cycle = chip->cycle - 1;
                return 3;
            }
            if (phase == 0 && running > 0) phase = -1;  // not yet the quiet cycles
        }
    }
    return 0;
}

void nc_free(Chip* chip) {
#ifdef NC_VCD
    chip->vcd.close();
#endif
    chip->top->final();
    delete chip->top;
    delete chip;
}
}
