// The record of a core's cycle, 256 bits; zero while it is idle. docs/rtl.md has the fields. Combinational.
`default_nettype none
module nc_trace #(
    parameter int WORD_BITS = 64
) (
    input wire [3:0] state,
    input wire row_read,
    input wire row_write,
    input wire column_read,
    input wire [19:0] address,
    input wire spike_leaves,
    input wire error_leaves,
    input wire sign,
    input wire flag,
    input wire [15:0] unit,
    input wire [15:0] number,
    input wire [WORD_BITS-1:0] word_read,
    input wire [WORD_BITS-1:0] word_written,
    input wire [31:0] random_word,
    input wire [31:0] value,
    input wire [neurochip_pkg::N_EVENTS*16-1:0] increments,
    output wire [255:0] trace
);
    wire [63:0] data_read, data_written;
    nc_fold #(
        .BITS(WORD_BITS)
    ) fold_read (
        .word(word_read),
        .folded(data_read)
    );
    nc_fold #(
        .BITS(WORD_BITS)
    ) fold_written (
        .word(word_written),
        .folded(data_written)
    );

    wire [7:0] additions = increments[neurochip_pkg::ACCUMULATE*16+:8];
    wire [7:0] saturated = increments[neurochip_pkg::ACC_SATURATED*16+:8];
    wire [7:0] stepped = increments[neurochip_pkg::WEIGHT_UPDATE*16+:8] | increments[neurochip_pkg::BIAS_UPDATE*16+:8];
    wire [7:0] lost = increments[neurochip_pkg::UPDATE_LOST*16+:8];
    wire [15:0] drawn = increments[neurochip_pkg::RNG_DRAW*16+:16];
    wire [15:0] events = {
        1'b0,
        increments[neurochip_pkg::READOUT*16],
        increments[neurochip_pkg::ERROR_SATURATED*16],
        increments[neurochip_pkg::ERROR_GATED*16],
        increments[neurochip_pkg::BARRIER*16],
        increments[neurochip_pkg::LEARN_DECISION*16],
        increments[neurochip_pkg::ERROR_OUT*16],
        increments[neurochip_pkg::ERROR_IN*16],
        increments[neurochip_pkg::SPIKE_OUT*16],
        increments[neurochip_pkg::SPIKE_IN*16],
        increments[neurochip_pkg::ERROR_UPDATE*16],
        increments[neurochip_pkg::NEURON_UPDATE*16],
        increments[neurochip_pkg::COLUMN_READ*16],
        increments[neurochip_pkg::WORD_WRITE*16],
        increments[neurochip_pkg::WORD_READ*16],
        increments[neurochip_pkg::INPUT_LOAD*16]
    };
    wire [255:0] fields = {
        events, drawn, lost, stepped, saturated, additions, value, random_word, data_read ^ {data_written[62:0], data_written[63]},
        number, unit, flag, sign, error_leaves, spike_leaves, address, 1'b0, column_read, row_write, row_read, state
    };
    assign trace = state == neurochip_pkg::IDLE ? '0 : fields;
    wire unused = &{1'b0, increments};
endmodule
`default_nettype wire
