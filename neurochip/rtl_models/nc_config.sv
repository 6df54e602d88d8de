// Configuration of a core: the registers that are written, and everything that is read back, two cycles after config_read.
// docs/rtl.md has the address map. Counterpart: Region and Register in cosim/core/register_map.py.
`default_nettype none
module nc_config #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int BITS = 16,
    parameter int WORD_BITS = 64,
    parameter bit BETA_IS_SHIFT = neurochip_pkg::BETA_IS_SHIFT,
    parameter bit AXONS_IN_MEMORY = 0,  // the states of their generators
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
    output wire [10:0] beta,  // or its binary logarithm
    output reg [3:0] gain,
    output reg reads_potentials,
    input wire [BITS-1:0] neuron_state,
    input wire [BITS-1:0] axon_state,  // from a memory a cycle later
    input wire [BITS-1:0] learn_state,
    input wire [31:0] bias,  // its sign extended
    input wire [31:0] votes,
    input wire [31:0] counter,  // a cycle later than the others: it has a register of its own
    input wire [31:0] rule_value,  // registers of a generic rule, and states
    input wire [19:0] slice,
    input wire [WORD_BITS-1:0] row  // of the memory, a cycle later too
);
    wire writes = config_write && region == neurochip_pkg::REGION_REGISTERS;
    always_ff @(posedge clk) begin
        if (writes && index == neurochip_pkg::REGISTER_P_LEARN) p_learn[BITS-1:0] <= wdata[BITS-1:0];
        if (writes && index == neurochip_pkg::REGISTER_P_LEARN_IS_ONE) p_learn[BITS] <= wdata[0];
        if (writes && index == neurochip_pkg::REGISTER_ERROR_GAIN) gain <= wdata[3:0];
        if (writes && index == neurochip_pkg::REGISTER_READS_POTENTIALS) reads_potentials <= wdata[0];
    end

    wire writes_beta = writes && index == neurochip_pkg::REGISTER_BETA;
    wire [31:0] beta_value;  // in 1/16, however it is held
    generate
        if (BETA_IS_SHIFT) begin : shift
            function automatic [3:0] log2(input [10:0] power);
                integer k;
                log2 = '0;
                for (k = 0; k < 11; k = k + 1) if (power[k]) log2 = 4'(k);
            endfunction
            reg [3:0] held;
            always_ff @(posedge clk) if (writes_beta) held <= log2(wdata[10:0]);
            assign beta = 11'(held);
            assign beta_value = 32'd1 << held;
        end else begin : factor
            reg [10:0] held;
            always_ff @(posedge clk) if (writes_beta) held <= wdata[10:0];
            assign beta = held;
            assign beta_value = 32'(held);
        end
    endgenerate

    wire [31:0] register = index == neurochip_pkg::REGISTER_IDENTITY ? neurochip_pkg::IDENTITY :
        index == neurochip_pkg::REGISTER_AXONS ? N_AXONS : index == neurochip_pkg::REGISTER_NEURONS ? N_NEURONS :
        index == neurochip_pkg::REGISTER_P_LEARN ? 32'(p_learn[BITS-1:0]) : index == neurochip_pkg::REGISTER_BETA ? beta_value :
        index == neurochip_pkg::REGISTER_ERROR_GAIN ? 32'(gain) :
        index == neurochip_pkg::REGISTER_READS_POTENTIALS ? 32'(reads_potentials) : 32'(p_learn[BITS]);
    wire [SLICES*32-1:0] row_padded = (SLICES * 32)'(row);
    reg was_read;
    reg [31:0] value;
    reg [3:0] region_then;
    reg [19:0] slice_then;
    wire unused = &{1'b0, wdata};
    always_ff @(posedge clk) begin
        was_read <= config_read;
        if (config_read) begin
            region_then <= region;
            slice_then <= slice;
            case (region)
                neurochip_pkg::REGION_REGISTERS: value <= register;
                neurochip_pkg::REGION_NEURON_RNG: value <= 32'(neuron_state);
                neurochip_pkg::REGION_AXON_RNG: value <= 32'(axon_state);
                neurochip_pkg::REGION_LEARN_RNG: value <= 32'(learn_state);
                neurochip_pkg::REGION_BIASES: value <= bias;
                default: value <= neurochip_pkg::GENERIC && region > neurochip_pkg::REGION_MEMORY ? rule_value : votes;
            endcase
        end
        if (was_read)
            rdata <= region_then == neurochip_pkg::REGION_COUNTERS ? counter :
                region_then == neurochip_pkg::REGION_MEMORY ? row_padded[32'(slice_then)*32+:32] :
                AXONS_IN_MEMORY && region_then == neurochip_pkg::REGION_AXON_RNG ? 32'(axon_state) : value;
    end
endmodule
`default_nettype wire
