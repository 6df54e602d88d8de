// The generators that serve the units of one side of a core: a state per unit, or one whose word is rotated from unit to unit or goes to
// all. It brings the words of LANES units side by side. States form a scan ring: `shift` moves it by one state, `scan_in` enters at the
// top and state 0 shows at `scan_out`. Counterpart: step() and spread() in core/rng.py.
`default_nettype none
module nc_rng_bank #(
    parameter int KIND = neurochip_pkg::RNG_KIND,
    parameter int STEPS = 1,
    parameter int SHARING = neurochip_pkg::PER_UNIT,
    parameter int UNITS = 8,
    parameter int LANES = 1,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter [31:0] MASK = neurochip_pkg::RNG_MASK,
    parameter int LEFT = neurochip_pkg::RNG_LEFT,
    parameter int RIGHT = neurochip_pkg::RNG_RIGHT,
    parameter int LAST = neurochip_pkg::RNG_LAST,
    parameter int STATES = SHARING == neurochip_pkg::PER_UNIT ? UNITS : 1,
    parameter int GROUPS = (UNITS + LANES - 1) / LANES
) (
    input wire clk,
    input wire step,
    input wire shift,
    input wire [BITS-1:0] scan_in,
    output wire [BITS-1:0] scan_out,
    input wire [15:0] group,  // with one lane a unit
    output wire [LANES*BITS-1:0] words,
    output wire [STATES*BITS-1:0] states
);
    `include "nc_rng_next.svh"

    reg [STATES*BITS-1:0] ring;

    wire [STATES*BITS-1:0] stepped;
    genvar s;
    generate
        for (s = 0; s < STATES; s = s + 1) begin : state
            assign stepped[s*BITS+:BITS] = rng_next(ring[s*BITS+:BITS]);
        end
    endgenerate

    function automatic [STATES*BITS-1:0] moved(input [STATES*BITS-1:0] all, input [BITS-1:0] top);
        moved = (STATES * BITS)'({top, all} >> BITS);
    endfunction

    always_ff @(posedge clk) begin
        if (step) ring <= stepped;
        else if (shift) ring <= moved(ring, scan_in);
    end

    assign states = ring;
    assign scan_out = ring[BITS-1:0];

    generate
        if (SHARING == neurochip_pkg::PER_UNIT) begin : per_unit
            wire [GROUPS*LANES*BITS-1:0] padded = (GROUPS * LANES * BITS)'(ring);
            assign words = padded[32'(group)*(LANES*BITS)+:LANES*BITS];
        end else if (SHARING == neurochip_pkg::ROTATED) begin : rotated
            localparam int TURN_BITS = $clog2(BITS);
            wire [TURN_BITS-1:0] turn = TURN_BITS'(32'(group) * LANES);
            wire [2*BITS-1:0] twice = {ring, ring} << turn;
            function automatic [LANES*BITS-1:0] turned(input [BITS-1:0] word);
                integer l;
                for (l = 0; l < LANES; l = l + 1) turned[l*BITS+:BITS] = word << (l % BITS) | word >> (BITS - l % BITS);
            endfunction
            assign words = turned(twice[2*BITS-1:BITS]);
            wire unused = &{1'b0, group, twice[BITS-1:0]};
        end else begin : broadcast
            assign words = {LANES{ring}};
            wire unused = &{1'b0, group};
        end
    endgenerate
endmodule
`default_nettype wire
