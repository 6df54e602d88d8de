// Configuration of a core: the registers that are written, and everything that is read back, two cycles after config_read.
// nc_core.sv has the address map.
`default_nettype none
module nc_config #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int BITS = 16,
    parameter int WORD_BITS = 64,
    parameter int SLICES = (WORD_BITS + 31) / 32
) (
    input wire clk,
    input wire config_read,
    input wire config_write,
    input wire [3:0] region,
    input wire [19:0] index,
    input wire [31:0] wdata,
    output reg [31:0] rdata,
    output reg [BITS:0] p_learn,
    output reg [10:0] beta,
    output reg [3:0] gain,
    output reg reads_potentials,
    input wire [BITS-1:0] neuron_state,
    input wire [BITS-1:0] axon_state,
    input wire [BITS-1:0] learn_state,
    input wire [31:0] bias,  // its sign extended
    input wire [31:0] votes,
    input wire [31:0] counter,  // a cycle later than the others: it has a register of its own
    input wire [19:0] slice,
    input wire [WORD_BITS-1:0] row  // of the memory, a cycle later too
);
    localparam [31:0] IDENTITY = 32'h4E430001;

    wire writes = config_write && region == 4'd0;
    always_ff @(posedge clk) begin
        if (writes && index == 20'd3) p_learn[BITS-1:0] <= wdata[BITS-1:0];
        if (writes && index == 20'd7) p_learn[BITS] <= wdata[0];
        if (writes && index == 20'd4) beta <= wdata[10:0];
        if (writes && index == 20'd5) gain <= wdata[3:0];
        if (writes && index == 20'd6) reads_potentials <= wdata[0];
    end

    wire [31:0] register = index == 20'd0 ? IDENTITY : index == 20'd1 ? N_AXONS : index == 20'd2 ? N_NEURONS :
        index == 20'd3 ? 32'(p_learn[BITS-1:0]) : index == 20'd4 ? 32'(beta) : index == 20'd5 ? 32'(gain) :
        index == 20'd6 ? 32'(reads_potentials) : 32'(p_learn[BITS]);
    wire [SLICES*32-1:0] row_padded = (SLICES * 32)'(row);
    reg [31:0] value;
    reg [3:0] region_then;
    reg [19:0] slice_then;
    wire unused = &{1'b0, wdata};
    always_ff @(posedge clk) begin
        if (config_read) begin
            region_then <= region;
            slice_then <= slice;
            case (region)
                4'd0: value <= register;
                4'd1: value <= 32'(neuron_state);
                4'd2: value <= 32'(axon_state);
                4'd3: value <= 32'(learn_state);
                4'd4: value <= bias;
                default: value <= votes;
            endcase
        end
        rdata <= region_then == 4'd5 ? counter : region_then == 4'd8 ? row_padded[32'(slice_then)*32+:32] : value;
    end
endmodule
`default_nettype wire
