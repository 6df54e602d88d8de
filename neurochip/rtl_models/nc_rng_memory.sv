// The generators of a serial encoder: states in a memory, LANES side by side. A group is fetched in the cycle before it is in hand, steps
// as it is used, and is written back in the same cycle: the words are those of a bank whose states all step at the barrier. Configuration
// reads and writes single states; a value comes a cycle later. Counterpart: step() in core/rng.py, encode() in core/encoder.py.
`default_nettype none
module nc_rng_memory #(
    parameter int KIND = neurochip_pkg::RNG_KIND,
    parameter int STEPS = 1,
    parameter int UNITS = 16,
    parameter int LANES = 1,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter [31:0] MASK = neurochip_pkg::RNG_MASK,
    parameter int LEFT = neurochip_pkg::RNG_LEFT,
    parameter int RIGHT = neurochip_pkg::RNG_RIGHT,
    parameter int LAST = neurochip_pkg::RNG_LAST,
    parameter int GROUPS = (UNITS + LANES - 1) / LANES
) (
    input wire clk,
    input wire fetch,
    input wire [15:0] group_ahead,  // of the next cycle
    input wire step,
    input wire [15:0] group,
    output wire [LANES*BITS-1:0] words,
    // configuration
    input wire config_read,
    input wire config_write,
    input wire [15:0] config_unit,
    input wire [BITS-1:0] config_state,
    output wire [BITS-1:0] config_value
);
    `include "nc_rng_next.svh"
    wire [15:0] config_group = 16'(32'(config_unit) / LANES);
    wire [15:0] config_lane = 16'(32'(config_unit) % LANES);
    reg [15:0] lane_read;
    always_ff @(posedge clk) if (config_read) lane_read <= config_lane;

    wire [LANES*BITS-1:0] states;
    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire is_unit = 32'(group) * LANES + l < UNITS;
            assign words[l*BITS+:BITS] = is_unit ? rng_next(states[l*BITS+:BITS]) : '0;
            nc_unit_memory #(
                .WORDS(GROUPS),
                .BITS(BITS)
            ) held (
                .clk(clk),
                .read(fetch | config_read),
                .read_address(config_read ? config_group : group_ahead),
                .rdata(states[l*BITS+:BITS]),
                .write((step && is_unit) || (config_write && 32'(config_lane) == l)),
                .write_address(config_write ? config_group : group),
                .wdata(config_write ? config_state : words[l*BITS+:BITS])
            );
        end
    endgenerate
    assign config_value = states[32'(lane_read)*BITS+:BITS];
endmodule
`default_nettype wire
