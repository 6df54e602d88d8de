// The somas of a core, one after another: of a hidden core, which compare a potential with a draw and open gates; of the output core, of
// which one wins, with its read-out registers. A section of nc_core. Counterpart: fire(), fire_winner() and read_out() in core/soma.py.
`default_nettype none
(* section *)
module nc_somas #(
    parameter int N_NEURONS = 8,
    parameter int ACC_BITS = 21,
    parameter int FRAC_BITS = 12,
    parameter bit IS_LAST = 0,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire clear,  // a sample starts
    input wire evaluate,
    input wire is_last_neuron,  // evaluated now
    input wire [15:0] neuron,
    input wire signed [ACC_BITS-1:0] potential,
    input wire [BITS-1:0] neuron_word,
    input wire soma_moves,
    input wire [BITS-1:0] word_ahead,
    input wire [10:0] beta,
    output wire spikes,
    output wire [15:0] spike_unit,  // the neuron, or the winner so far
    output wire gate_bit,
    // gates: what this tick's somas said, for the errors that arrive
    input wire [15:0] gate_neuron,
    output wire gate_open,
    // read-out
    input wire reading,
    input wire reads_potentials,
    output wire reads_out,
    input wire [15:0] read_neuron,
    output wire [31:0] votes
);
    localparam int INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;

    generate
        if (IS_LAST) begin : output_somas
            nc_fire_winner #(
                .ACC_BITS(ACC_BITS),
                .BITS(BITS)
            ) fire_winner (
                .clk(clk),
                .evaluate(evaluate),
                .is_first(neuron == '0),
                .neuron(neuron),
                .potential(potential),
                .beta(beta),
                .fetch(soma_moves),
                .word_ahead(word_ahead),
                .winner(spike_unit)
            );
            assign spikes = 32'(neuron) == N_NEURONS - 1;
            assign gate_bit = 1'b0;
            assign reads_out = evaluate && reading && (reads_potentials || is_last_neuron);
            nc_read_out #(
                .N_NEURONS(N_NEURONS),
                .ACC_BITS(ACC_BITS)
            ) read_out (
                .clk(clk),
                .clear(clear),
                .add(reads_out),
                .neuron(reads_potentials ? neuron : spike_unit),
                .term(reads_potentials ? potential : ACC_BITS'(1)),
                .read_neuron(read_neuron),
                .votes(votes)
            );
            wire unused = &{1'b0, neuron_word};
        end else begin : hidden_somas
            nc_fire #(
                .ACC_BITS(ACC_BITS),
                .FRAC_BITS(FRAC_BITS),
                .BITS(BITS)
            ) fire (
                .potential(potential),
                .word(neuron_word),
                .fires(spikes),
                .gate(gate_bit)
            );
            assign spike_unit = neuron;
            assign reads_out = 1'b0;
            assign votes = '0;
            wire unused = &{1'b0, clear, is_last_neuron, soma_moves, word_ahead, beta, reading, reads_potentials, read_neuron};
        end
    endgenerate

    reg [N_NEURONS-1:0] gate;
    always_ff @(posedge clk) if (evaluate) gate[neuron[INDEX_BITS-1:0]] <= gate_bit;
    assign gate_open = gate[gate_neuron[INDEX_BITS-1:0]];
    wire unused_index = &{1'b0, neuron, gate_neuron};
endmodule
`default_nettype wire
