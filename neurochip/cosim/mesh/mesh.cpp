// The verilated network-on-chip behind a C interface: one tick's packets in lock-step with what the simulator says of them (docs/noc.md).
// The cores are here: they offer each packet from the cycle in which it is due, and count the cycles in which it is refused.
#include <cstdint>
#include <cstring>
#include <vector>
#include "Vnc_mesh.h"
#include "asserted.h"
#include "verilated.h"

namespace {

constexpr int PORTS = 5, CYCLES_OF_RESET = 2;
enum What { INJECT, EJECT, BUSY };

struct Bits {  // of a port of any width, as 64-bit words and one more
    std::vector<uint64_t> words;
    explicit Bits(size_t bytes) : words(bytes / 8 + 2) {}
    template <class T> void from(const T& port) { std::memcpy(words.data(), &port, sizeof port); }
    template <class T> void to(T& port) const { std::memcpy(&port, words.data(), sizeof port); }
    uint64_t get(size_t at, int width) const {
        const size_t word = at / 64, shift = at % 64;
        const uint64_t high = shift ? words[word + 1] << (64 - shift) : 0;
        const uint64_t mask = width < 64 ? (1ull << width) - 1 : ~0ull;
        return (words[word] >> shift | high) & mask;
    }
    void put(size_t at, int width, uint64_t value) {
        for (int bit = 0; bit < width; ++bit) {
            const size_t to = at + bit;
            words[to / 64] = (words[to / 64] & ~(1ull << to % 64)) | (value >> bit & 1) << to % 64;
        }
    }
};

struct Mesh {
    VerilatedContext context;
    Vnc_mesh* top;
    void settle() {
        top->clk = 0;
        top->eval();
    }
    void clock() {  // the rising edge; call settle() first
        top->clk = 1;
        top->eval();
    }
};

}  // namespace

extern "C" {

struct Tick {
    int64_t n_cores, packet_bits, held_bits, stalls;
    int64_t lead;    // cycles between `start` and cycle 0; 0: `start` in cycle 0
    int64_t cycles;  // of the tick
    int64_t limit;   // leave the tick in this cycle, without a word; -1: do not
    const int64_t* ready;        // [packet] as Network.run takes it
    const uint64_t* word;        // [packet] what is injected
    const int64_t* injected;     // [packet] cycle, expected
    const int64_t* ejected;      // [packet]
    const int64_t* sending;      // packets by source, in order of sending; those of core c from sending_at[c] on
    const int64_t* sending_at;   // [core + 1]
    const int64_t* arrivals;     // packets by destination, in order of ejection
    const int64_t* arrivals_at;  // [core + 1]
    // out
    int64_t* load;        // [core][output]
    int64_t* injections;  // [core]
    int64_t* peak;        // [core][input]
    int64_t* waits;       // [core]
    uint8_t* sent;        // [cycle][core][output] does a packet go over it; null: not wanted
    int64_t cycle, core, what;                        // of the first difference
    int64_t expected_valid, got_valid;                // is there a packet
    uint64_t expected, got;                           // which word
};

void mesh_reset(Mesh* mesh) {
    rtl_forget();
    mesh->top->rst = 1;
    for (int i = 0; i < CYCLES_OF_RESET; ++i) {
        mesh->settle();
        mesh->clock();
    }
    mesh->top->rst = 0;
}

Mesh* mesh_new() {
    Mesh* mesh = new Mesh;
    mesh->context.randReset(2);
    mesh->context.randSeed(1);
    mesh->top = new Vnc_mesh{&mesh->context};
    mesh->top->start = 0;
    std::memset(&mesh->top->inject_valid, 0, sizeof mesh->top->inject_valid);
    mesh_reset(mesh);
    return mesh;
}

// Returns 0 if every cycle is as expected, 1 at a difference. Loads, injections, peaks and waits are for the caller to compare.
int mesh_run(Mesh* mesh, Tick* tick) {
    Vnc_mesh* top = mesh->top;
    const int64_t n_cores = tick->n_cores, bits = tick->packet_bits;
    Bits offer(sizeof top->inject_valid), offered(sizeof top->inject_data), taken(sizeof top->inject_ready);
    Bits out(sizeof top->eject_valid), words(sizeof top->eject_data), sent(sizeof top->sent), held(sizeof top->held);
    std::vector<int64_t> next(tick->sending_at, tick->sending_at + n_cores), due_out(tick->arrivals_at, tick->arrivals_at + n_cores);
    int64_t inside = 0;
    const auto differs = [&](int64_t cycle, int64_t core, What what, bool wanted, uint64_t word, bool there, uint64_t got) {
        tick->cycle = cycle, tick->core = core, tick->what = what;
        tick->expected_valid = wanted, tick->got_valid = there;
        tick->expected = wanted ? word : 0, tick->got = there ? got : 0;
        return 1;
    };
    for (int64_t cycle = -tick->lead; cycle <= tick->cycles; ++cycle) {  // one more, in which nothing may be left
        if (tick->limit >= 0 && cycle == tick->limit) return 0;
        top->start = cycle == -tick->lead;
        for (int64_t core = 0; core < n_cores; ++core) {
            bool is_due = false;
            if (next[core] < tick->sending_at[core + 1]) {
                const int64_t packet = tick->sending[next[core]];
                is_due = cycle >= 0 && tick->ready[packet] + tick->stalls * tick->waits[core] <= cycle;
                offered.put(core * bits, bits, tick->word[packet]);
            }
            offer.put(core, 1, is_due);
        }
        offer.to(top->inject_valid);
        offered.to(top->inject_data);
        mesh->settle();
        taken.from(top->inject_ready);
        out.from(top->eject_valid);
        words.from(top->eject_data);
        sent.from(top->sent);
        if (bool(top->busy) != (inside > 0)) return differs(cycle, -1, BUSY, inside > 0, 0, top->busy, 0);
        for (int64_t core = 0; core < n_cores; ++core) {
            const bool is_out = out.get(core, 1);
            bool wanted = false;
            uint64_t word = 0;
            if (due_out[core] < tick->arrivals_at[core + 1]) {
                const int64_t packet = tick->arrivals[due_out[core]];
                wanted = tick->ejected[packet] == cycle;
                word = tick->word[packet];
            }
            const uint64_t got = words.get(core * bits, bits);
            if (is_out != wanted || (wanted && got != word)) return differs(cycle, core, EJECT, wanted, word, is_out, got);
            due_out[core] += wanted;
            inside -= wanted;
            for (int port = 0; port < PORTS; ++port) {
                const int64_t output = core * PORTS + port;
                tick->load[output] += sent.get(output, 1);
                if (tick->sent && cycle >= 0) tick->sent[cycle * n_cores * PORTS + output] = sent.get(output, 1);
            }
        }
        for (int64_t core = 0; core < n_cores; ++core) {
            const bool offers = offer.get(core, 1), is_in = offers && taken.get(core, 1);
            const bool has_next = next[core] < tick->sending_at[core + 1];
            const int64_t packet = has_next ? tick->sending[next[core]] : 0;
            const bool wanted = has_next && tick->injected[packet] == cycle;
            if (is_in != wanted) return differs(cycle, core, INJECT, wanted, tick->word[packet], is_in, tick->word[packet]);
            tick->waits[core] += offers && !is_in;
            tick->injections[core] += is_in;
            next[core] += is_in;
            inside += is_in;
        }
        mesh->clock();
        held.from(top->held);
        for (int64_t fifo = 0; fifo < n_cores * PORTS; ++fifo) {
            const int64_t n = held.get(fifo * tick->held_bits, tick->held_bits);
            if (n > tick->peak[fifo]) tick->peak[fifo] = n;
        }
    }
    return 0;
}

void mesh_free(Mesh* mesh) {
    mesh->top->final();
    delete mesh->top;
    delete mesh;
}
}
