// The error side of a core: sums of what its own errors weigh at the axons, and the error somas, which send them on to the core before it.
// They go back through the columns of the memory, or through fixed signs. Sums of split streams are two: of positive and of negative terms;
// the somas of the one fire after those of the other, with words of their own. The first core has none. A section of nc_core. Counterpart:
// back_integrate() and error_fire() in core/soma.py, core/feedback.py.
`default_nettype none
(* section *)
module nc_errors_back #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FRAC_BITS = 12,
    parameter int FIELDS = 4,
    parameter bit BY_COLUMN = 1,
    parameter bit BY_SIGNS = 0,
    parameter int WIDTH = 4,
    parameter int BACK_BITS = 20,
    parameter bit BACK_NARROW = 0,
    parameter bit IS_FIRST = 0,
    parameter [31:0] SIGN_SEED = 0,
    parameter int SHIFT = 0,
    parameter bit SPLIT = neurochip_pkg::SPLIT_ERRORS,
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
    input wire step_signs,
    input wire [15:0] neuron_ahead,
    input wire [15:0] access_ahead,
    output wire [WIDTH-1:0] signs,
    output wire [15:0] additions,
    output wire [15:0] saturations,
    output wire any_after,
    input wire take,
    output wire any_more,
    output wire ends_stream,  // the soma in hand is the last of its stream, and another one follows
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
            assign signs = '0;
            assign additions = '0;
            assign saturations = '0;
            assign any_after = 1'b0;
            assign any_more = 1'b0;
            assign ends_stream = 1'b0;
            assign axon = '0;
            assign sum = '0;
            assign spikes = 1'b0;
            assign spike_minus = 1'b0;
            assign saturates = 1'b0;
            wire unused = &{1'b0, clk, add, is_first_error, minus, access, neuron, row, column, step_signs, neuron_ahead, access_ahead, take, gain, axon_word};
        end else begin : errors
            localparam int STREAMS = SPLIT ? 2 : 1;
            localparam int TERM_BITS = BY_SIGNS ? 2 : WEIGHT_BITS;
            wire [WIDTH*TERM_BITS-1:0] terms;
            wire [19:0] row_field;
            genvar f;
            if (BY_SIGNS) begin : by_signs
                nc_signs #(
                    .WIDTH(WIDTH),
                    .SEED(SIGN_SEED)
                ) feedback (
                    .clk(clk),
                    .step(step_signs),
                    .neuron(neuron_ahead),
                    .access(access_ahead),
                    .signs(signs)
                );
                for (f = 0; f < WIDTH; f = f + 1) begin : term
                    assign terms[2*f+:2] = {signs[f], 1'b1};
                end
                assign row_field = '0;
                wire unused_weights = &{1'b0, column};
            end else begin : by_weights
                assign signs = '0;
                assign terms = column;
                wire [19:0] unused_access;
                nc_divide #(.LIMIT(N_NEURONS), .DIVISOR(FIELDS)) place (.value(20'(neuron)), .quotient(unused_access), .remainder(row_field));
                wire unused_signs = &{1'b0, step_signs, neuron_ahead, access_ahead};
            end

            wire [STREAMS-1:0] any, any_then, more;
            wire [STREAMS*16-1:0] axons, added, clamped;
            wire [STREAMS*BACK_BITS-1:0] sums;
            wire second = SPLIT && !any[0];  // the somas of the positive sums come first
            genvar s;
            for (s = 0; s < STREAMS; s = s + 1) begin : stream
                nc_back_integrate #(
                    .N_AXONS(N_AXONS),
                    .WEIGHT_BITS(TERM_BITS),
                    .FIELDS(BY_SIGNS ? 1 : FIELDS),
                    .WIDTH(WIDTH),
                    .BY_COLUMN(BY_COLUMN),
                    .BACK_BITS(BACK_BITS),
                    .BACK_NARROW(BACK_NARROW),
                    .TERMS(!SPLIT ? neurochip_pkg::ALL_TERMS : s == 0 ? neurochip_pkg::POSITIVE_TERMS : neurochip_pkg::NEGATIVE_TERMS)
                ) back_integrate (
                    .clk(clk),
                    .add(add),
                    .is_first_error(is_first_error),
                    .minus(minus),
                    .access(access),
                    .row_field(row_field[15:0]),
                    .row(add && !BY_SIGNS ? row[(BY_SIGNS?1 : FIELDS)*TERM_BITS-1:0] : '0),
                    .column(add ? terms : '0),
                    .additions(added[s*16+:16]),
                    .saturations(clamped[s*16+:16]),
                    .any_after(any_then[s]),
                    .take(take && (s == 1) == second),
                    .any(any[s]),
                    .any_more(more[s]),
                    .axon(axons[s*16+:16]),
                    .sum(sums[s*BACK_BITS+:BACK_BITS])
                );
            end
            assign additions = added[15:0];
            assign any_after = |any_then;
            assign axon = second ? axons[STREAMS*16-1-:16] : axons[15:0];
            assign sum = second ? sums[STREAMS*BACK_BITS-1-:BACK_BITS] : sums[BACK_BITS-1:0];
            if (SPLIT) begin : two_streams
                assign saturations = clamped[15:0] + clamped[31:16];
                assign ends_stream = !second && !more[0] && any[1];
                assign any_more = second ? more[1] : more[0] | any[1];
            end else begin : one_stream
                assign saturations = clamped;
                assign ends_stream = 1'b0;
                assign any_more = more;
            end
            nc_error_fire #(
                .BACK_BITS(BACK_BITS),
                .FRAC_BITS(FRAC_BITS),
                .BITS(BITS),
                .SHIFT(SHIFT)
            ) error_fire (
                .sum(sum),
                .gain(gain),
                .word(axon_word),
                .fires(spikes),
                .minus(spike_minus),
                .saturated(saturates)
            );
            wire unused = &{1'b0, any, row, column, terms, added, neuron, row_field};
        end
    endgenerate
endmodule
`default_nettype wire
