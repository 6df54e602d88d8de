// The somas of a core, LANES at a time: of a hidden core, which compare a potential with a draw and open gates; of the output core, of
// which one wins, one after another, with its read-out registers. A section of nc_core. Counterpart: fire(), fire_winner() and read_out()
// in core/soma.py.
`default_nettype none
(* section *)
module nc_somas #(
    parameter int N_NEURONS = 8,
    parameter int ACC_BITS = 21,
    parameter int FRAC_BITS = 12,
    parameter bit IS_LAST = 0,
    parameter int LANES = 1,  // 1 in the output core
    parameter int PACKET_BITS = neurochip_pkg::SPIKE_BITS,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire clear,  // a sample starts
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
    output wire [31:0] votes
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
                .votes(votes)
            );
            wire unused = &{1'b0, potentials, neuron_words, words_ahead};
        end else begin : hidden_somas
            for (g = 0; g < LANES; g = g + 1) begin : lane
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
            wire unused = &{1'b0, margin, clear, is_last, soma_moves, words_ahead, beta, reading, reads_potentials, read_neuron};
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
    assign gate_open = gate[gate_neuron[INDEX_BITS-1:0]];
    wire unused_index = &{1'b0, soma, gate_neuron};
endmodule
`default_nettype wire
