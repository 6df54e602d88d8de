// The somas of an output core, one after another: score = (potential x beta) >> 4 + noise, by a shift if beta is a power of two, the noise
// table addressed by the top bits of the neuron's word; the largest wins, the first on a tie. `winner` counts the neuron in hand.
// Counterpart: fire_winner() in core/soma.py.
`default_nettype none
module nc_fire_winner #(
    parameter int ACC_BITS = 21,
    parameter int BITS = 16,
    parameter bit BETA_IS_SHIFT = neurochip_pkg::BETA_IS_SHIFT
) (
    input wire clk,
    input wire evaluate,
    input wire is_first,
    input wire [15:0] neuron,
    input wire signed [ACC_BITS-1:0] potential,
    input wire [10:0] beta,  // at most 64, in 1/16; or its binary logarithm
    input wire fetch,
    input wire [BITS-1:0] word_ahead,  // of the neuron of the next cycle
    output wire [15:0] winner
);
    localparam int SCORE_BITS = (ACC_BITS + 12 > neurochip_pkg::GUMBEL_BITS ? ACC_BITS + 12 : neurochip_pkg::GUMBEL_BITS) + 1;
    localparam int GUMBEL_BITS = neurochip_pkg::GUMBEL_BITS;
    wire [neurochip_pkg::GUMBEL_ADDRESS_BITS-1:0] address = word_ahead[BITS-1-:neurochip_pkg::GUMBEL_ADDRESS_BITS];
    reg signed [GUMBEL_BITS-1:0] noise;  // looked up a cycle ahead: table, product and compare in one cycle would be the longest path
    always_ff @(posedge clk) if (fetch) noise <= neurochip_pkg::GUMBEL[32'(address)*GUMBEL_BITS+:GUMBEL_BITS];
    wire signed [SCORE_BITS-1:0] product;
    generate
        if (BETA_IS_SHIFT) begin : shifted
            assign product = SCORE_BITS'(potential) <<< beta[3:0];
            wire unused_beta = &{1'b0, beta};
        end else begin : multiplied
            wire signed [11:0] gain = {1'b0, beta};
            assign product = SCORE_BITS'(potential) * SCORE_BITS'(gain);
        end
    endgenerate
    wire signed [SCORE_BITS-1:0] score = (product >>> neurochip_pkg::BETA_FRAC_BITS) + SCORE_BITS'(noise);

    reg signed [SCORE_BITS-1:0] best;
    reg [15:0] best_neuron;
    wire wins = is_first || score > best;
    assign winner = wins ? neuron : best_neuron;

    always_ff @(posedge clk) begin
        if (evaluate && wins) begin
            best <= score;
            best_neuron <= neuron;
        end
    end

    wire unused = &{1'b0, word_ahead};
endmodule
`default_nettype wire
