// A clock gate: `gated` has the pulses of `clk` that begin while `enable` is high. Behavioural, a latch and an AND: a cell of the library
// goes in its place. With NC_NO_CLOCK_GATE defined, as for an FPGA, the clock goes through: what is behind it does the same with every pulse.
// Counterpart: `clock_gate` in experiment/chip.py; the simulator has no clock.
`default_nettype none
module nc_clock_gate (
    input wire clk,
    input wire enable,
    output wire gated
);
`ifdef NC_NO_CLOCK_GATE
    assign gated = clk;
    wire unused = enable;
`else
    reg passes;  // holds while the clock is high: an enable that changes then makes no pulse of its own
    always_latch if (!clk) passes = enable;
    assign gated = clk & passes;
`endif
endmodule
`default_nettype wire
