// The somas of a core, LANES at a time: of a hidden core, which compare a potential with a draw and open gates, or neurons with a memory, one
// after another; of the output core, of which one wins, one after another, with its read-out registers. A section of nc_core. Counterpart: fire(), fire_winner() and read_out()
// in core/soma.py, fire_with_memory() in core/leaky.py.
`default_nettype none
(* section *)
module nc_somas #(
    parameter int N_NEURONS = 8,
    parameter int ACC_BITS = 21,
    parameter int FRAC_BITS = 12,
    parameter bit IS_LAST = 0,
    parameter int LANES = 1,  // 1 in the output core, and of neurons with a memory
    parameter int MEMORY_BITS = 0,  // of a neuron's potential; 0: none outlives a tick
    parameter int REST_BITS = 1,
    parameter [31:0] LEAKS = 0,  // of neurons with a memory: leak or not, shift, factor, threshold, what a spike takes, ticks of rest
    parameter [31:0] LEAK_SHIFT = 0,
    parameter [31:0] LEAK_FACTOR = 0,
    parameter [31:0] THRESHOLD = 0,
    parameter [31:0] TAKEN = 0,
    parameter [31:0] REFRACTORY = 0,
    parameter int KEPT_BITS = MEMORY_BITS > 0 ? MEMORY_BITS : ACC_BITS,  // of the potential that a tick leaves
    parameter int PACKET_BITS = neurochip_pkg::SPIKE_BITS,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire rst,
    input wire clear,  // a sample starts
    input wire start,  // a tick does, of a sample the first
    input wire is_first,
    input wire evaluate,
    input wire is_last,  // the tick's last somas are evaluated now
    input wire [15:0] soma,  // or group of LANES
    input wire [LANES*ACC_BITS-1:0] potentials,
    input wire [LANES*BITS-1:0] neuron_words,
    input wire soma_moves,
    input wire [LANES*BITS-1:0] words_ahead,
    input wire [10:0] beta,
    output wire [LANES-1:0] spikes,
    output wire [PACKET_BITS-1:0] packet,  // the neuron, or the winner so far; of several lanes the group, and above it their spikes
    output wire [LANES-1:0] gate_bits,
    output wire [LANES*KEPT_BITS-1:0] kept,  // of the somas in hand: their potentials after the tick,
    output wire [REST_BITS-1:0] resting,  // ticks of rest still to come,
    output wire clamps,  // and whether the potential had to be clamped
    // gates: what this tick's somas said, for the errors that arrive
    input wire [15:0] gate_neuron,
    output wire gate_open,
    // read-out
    input wire reading,
    input wire reads_potentials,
    output wire reads_out,
    input wire [30:0] margin,
    output wire settled,
    input wire [15:0] read_neuron,
    output wire [31:0] votes,
    input wire [15:0] label,
    output wire is_right
);
    localparam int GROUPS = (N_NEURONS + LANES - 1) / LANES;
    localparam int INDEX_BITS = GROUPS * LANES > 1 ? $clog2(GROUPS * LANES) : 1;
    genvar g;

    generate
        if (IS_LAST) begin : output_somas
            wire [15:0] winner;
            nc_fire_winner #(
                .ACC_BITS(ACC_BITS),
                .BITS(BITS)
            ) fire_winner (
                .clk(clk),
                .evaluate(evaluate),
                .is_first(soma == '0),
                .neuron(soma),
                .potential(potentials[ACC_BITS-1:0]),
                .beta(beta),
                .fetch(soma_moves),
                .word_ahead(words_ahead[BITS-1:0]),
                .winner(winner)
            );
            assign packet = PACKET_BITS'(winner);
            assign spikes = LANES'(32'(soma) == N_NEURONS - 1);
            assign gate_bits = '0;
            assign kept = potentials;
            assign resting = '0;
            assign clamps = 1'b0;
            assign reads_out = evaluate && reading && (reads_potentials || is_last);
            nc_read_out #(
                .N_NEURONS(N_NEURONS),
                .ACC_BITS(ACC_BITS)
            ) read_out (
                .clk(clk),
                .clear(clear),
                .add(reads_out),
                .neuron(reads_potentials ? soma : winner),
                .term(reads_potentials ? potentials[ACC_BITS-1:0] : ACC_BITS'(1)),
                .all_change(reads_potentials),
                .margin(margin),
                .settled(settled),
                .read_neuron(read_neuron),
                .votes(votes),
                .label(label),
                .is_right(is_right)
            );
            wire unused = &{1'b0, rst, start, is_first, potentials, neuron_words, words_ahead};
            wire unused_memory = &{1'b0, LEAKS, LEAK_SHIFT, LEAK_FACTOR, THRESHOLD, TAKEN, REFRACTORY};
        end else begin : hidden_somas
            if (MEMORY_BITS > 0) begin : with_memory
                wire is_spike, is_open, is_written;
                wire [N_NEURONS > 1 ? $clog2(N_NEURONS)-1 : 0:0] in_hand, written_neuron;
                wire [MEMORY_BITS-1:0] written_v;
                wire [REST_BITS-1:0] written_resting;
                nc_leaky_bank #(
                    .N_NEURONS(N_NEURONS),
                    .STATE_BITS(KEPT_BITS),
                    .ACC_BITS(ACC_BITS),
                    .REST_BITS(REST_BITS)
                ) bank (
                    .clk(clk),
                    .rst(rst),
                    .leaks(LEAKS[0]),
                    .leak_shift(LEAK_SHIFT[3:0]),
                    .leak_factor(LEAK_FACTOR[8:0]),
                    .threshold(THRESHOLD[KEPT_BITS-2:0]),
                    .taken(TAKEN[KEPT_BITS-2:0]),
                    .refractory(REFRACTORY[REST_BITS-1:0]),
                    .start(start),
                    .first(is_first),
                    .update(evaluate),
                    .acc(potentials[ACC_BITS-1:0]),
                    .neuron(in_hand),
                    .spike(is_spike),
                    .gate(is_open),
                    .clamped(clamps),
                    .would_spike(spikes[0]),
                    .would_open(gate_bits[0]),
                    .v_then(kept[KEPT_BITS-1:0]),
                    .resting_then(resting),
                    .written(is_written),
                    .written_neuron(written_neuron),
                    .written_v(written_v),
                    .written_resting(written_resting)
                );
                wire unused_bank = &{1'b0, is_spike, is_open, in_hand, is_written, written_neuron, written_v, written_resting, neuron_words};
            end else begin : without_memory
                assign kept = potentials;
                assign resting = '0;
                assign clamps = 1'b0;
                wire unused_start = &{1'b0, rst, start, is_first, LEAKS, LEAK_SHIFT, LEAK_FACTOR, THRESHOLD, TAKEN, REFRACTORY};
            end
            for (g = 0; g < (MEMORY_BITS > 0 ? 0 : LANES); g = g + 1) begin : lane
                nc_fire #(
                    .ACC_BITS(ACC_BITS),
                    .FRAC_BITS(FRAC_BITS),
                    .BITS(BITS)
                ) fire (
                    .potential(potentials[g*ACC_BITS+:ACC_BITS]),
                    .word(neuron_words[g*BITS+:BITS]),
                    .fires(spikes[g]),
                    .gate(gate_bits[g])
                );
            end
            if (LANES == 1) begin : one_spike
                assign packet = PACKET_BITS'(soma);
            end else begin : group_of_spikes
                assign packet = PACKET_BITS'({spikes, soma});
            end
            assign reads_out = 1'b0;
            assign votes = '0;
            assign settled = 1'b0;
            assign is_right = 1'b0;
            wire unused = &{1'b0, label, margin, clear, is_last, soma_moves, words_ahead, beta, reading, reads_potentials, read_neuron};
        end
    endgenerate

    reg [GROUPS*LANES-1:0] gate;
    generate
        if (LANES == 1) begin : one_gate
            always_ff @(posedge clk) if (evaluate) gate[soma[INDEX_BITS-1:0]] <= gate_bits[0];
        end else begin : group_of_gates
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                always_ff @(posedge clk) if (evaluate && 32'(soma) == g) gate[g*LANES+:LANES] <= gate_bits;
            end
        end
    endgenerate
    assign gate_open = !neurochip_pkg::GATED || gate[gate_neuron[INDEX_BITS-1:0]];
    wire unused_index = &{1'b0, soma, gate_neuron};
endmodule
`default_nettype wire
