// The error side of a core: sums of the columns of its own errors, and the error somas, which send them on to the core before it. The first
// core has none. A section of nc_core. Counterpart: back_integrate() and error_fire() in core/soma.py.
`default_nettype none
(* section *)
module nc_errors_back #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FRAC_BITS = 12,
    parameter int FIELDS = 4,
    parameter bit BY_COLUMN = 1,
    parameter int WIDTH = 4,
    parameter int BACK_BITS = 20,
    parameter bit BACK_NARROW = 0,
    parameter bit IS_FIRST = 0,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire add,
    input wire is_first_error,
    input wire minus,
    input wire [15:0] access,
    input wire [15:0] neuron,  // of the error in hand
    input wire [FIELDS*WEIGHT_BITS-1:0] row,
    input wire [WIDTH*WEIGHT_BITS-1:0] column,
    output wire [15:0] additions,
    output wire [15:0] saturations,
    output wire any_after,
    input wire take,
    output wire any_more,
    output wire [15:0] axon,
    output wire signed [BACK_BITS-1:0] sum,
    input wire [3:0] gain,
    input wire [BITS-1:0] axon_word,
    output wire spikes,
    output wire spike_minus,
    output wire saturates
);
    generate
        if (IS_FIRST) begin : nothing_before
            assign additions = '0;
            assign saturations = '0;
            assign any_after = 1'b0;
            assign any_more = 1'b0;
            assign axon = '0;
            assign sum = '0;
            assign spikes = 1'b0;
            assign spike_minus = 1'b0;
            assign saturates = 1'b0;
            wire unused = &{1'b0, clk, add, is_first_error, minus, access, neuron, row, column, take, gain, axon_word};
        end else begin : errors
            wire any;
            wire [19:0] row_field, unused_access;
            nc_divide #(.LIMIT(N_NEURONS), .DIVISOR(FIELDS)) place (.value(20'(neuron)), .quotient(unused_access), .remainder(row_field));
            nc_back_integrate #(
                .N_AXONS(N_AXONS),
                .WEIGHT_BITS(WEIGHT_BITS),
                .FIELDS(FIELDS),
                .WIDTH(WIDTH),
                .BY_COLUMN(BY_COLUMN),
                .BACK_BITS(BACK_BITS),
                .BACK_NARROW(BACK_NARROW)
            ) back_integrate (
                .clk(clk),
                .add(add),
                .is_first_error(is_first_error),
                .minus(minus),
                .access(access),
                .row_field(row_field[15:0]),
                .row(add ? row : '0),
                .column(add ? column : '0),
                .additions(additions),
                .saturations(saturations),
                .any_after(any_after),
                .take(take),
                .any(any),
                .any_more(any_more),
                .axon(axon),
                .sum(sum)
            );
            nc_error_fire #(
                .BACK_BITS(BACK_BITS),
                .FRAC_BITS(FRAC_BITS),
                .BITS(BITS)
            ) error_fire (
                .sum(sum),
                .gain(gain),
                .word(axon_word),
                .fires(spikes),
                .minus(spike_minus),
                .saturated(saturates)
            );
            wire unused = &{1'b0, any, row, column, row_field, unused_access};
        end
    endgenerate
endmodule
`default_nettype wire
