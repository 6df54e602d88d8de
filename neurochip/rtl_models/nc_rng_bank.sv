// The generators that serve the units of one side of a core: a state per unit, or one whose word is rotated from unit to unit or goes
// to all. States form a scan ring: `shift` moves it by one state, `scan_in` enters at the top and state 0 shows at `scan_out`.
// Counterpart: step() and spread() in core/rng.py.
`default_nettype none
module nc_rng_bank #(
    parameter int KIND = neurochip_pkg::RNG_KIND,
    parameter int STEPS = 1,
    parameter int SHARING = neurochip_pkg::PER_UNIT,
    parameter int UNITS = 8,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter [31:0] MASK = neurochip_pkg::RNG_MASK,
    parameter int LEFT = neurochip_pkg::RNG_LEFT,
    parameter int RIGHT = neurochip_pkg::RNG_RIGHT,
    parameter int LAST = neurochip_pkg::RNG_LAST,
    parameter int STATES = SHARING == neurochip_pkg::PER_UNIT ? UNITS : 1
) (
    input wire clk,
    input wire step,
    input wire shift,
    input wire [BITS-1:0] scan_in,
    output wire [BITS-1:0] scan_out,
    input wire [15:0] unit,
    output wire [BITS-1:0] word,
    output wire [STATES*BITS-1:0] states
);
    `include "nc_rng_next.svh"

    reg [STATES*BITS-1:0] ring;

    function automatic [STATES*BITS-1:0] next_of_all(input [STATES*BITS-1:0] all);
        integer i;
        for (i = 0; i < STATES; i = i + 1) next_of_all[i*BITS+:BITS] = rng_next(all[i*BITS+:BITS]);
    endfunction

    function automatic [STATES*BITS-1:0] moved(input [STATES*BITS-1:0] all, input [BITS-1:0] top);
        moved = (STATES * BITS)'({top, all} >> BITS);
    endfunction

    always_ff @(posedge clk) begin
        if (step) ring <= next_of_all(ring);
        else if (shift) ring <= moved(ring, scan_in);
    end

    assign states = ring;
    assign scan_out = ring[BITS-1:0];

    generate
        if (SHARING == neurochip_pkg::PER_UNIT) begin : per_unit
            assign word = ring[32'(unit)*BITS+:BITS];
        end else if (SHARING == neurochip_pkg::ROTATED) begin : rotated
            wire [$clog2(BITS)-1:0] turn = unit[$clog2(BITS)-1:0];
            wire [2*BITS-1:0] twice = {ring, ring} << turn;
            assign word = twice[2*BITS-1:BITS];
            wire unused = &{1'b0, unit, twice[BITS-1:0]};
        end else begin : broadcast
            assign word = ring;
            wire unused = &{1'b0, unit};
        end
    endgenerate
endmodule
`default_nettype wire
