// Refuses a core whose parameters are out of range, when it is elaborated; no logic. Counterpart: refuse_if_not_rtl() in cosim/core/package.py.
`default_nettype none
module nc_core_limits #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FRAC_BITS = 12,
    parameter int ACC_BITS = 21,
    parameter int BACK_BITS = 20,
    parameter int WORD_BITS = 64,
    parameter int FIELDS = 4,  // of a row's access
    parameter int ROW_ACCESSES = 2,
    parameter int SLICES = 2
) ();
    localparam bit FITS = N_AXONS >= 1 && N_AXONS <= 32767 && N_NEURONS >= 1 && N_NEURONS <= 32767 && WEIGHT_BITS >= 2 && WEIGHT_BITS <= 16
        && WEIGHT_BITS <= WORD_BITS && FRAC_BITS >= 1 && FRAC_BITS <= 15 && ACC_BITS >= WEIGHT_BITS && ACC_BITS <= 32 && BACK_BITS >= 4
        && BACK_BITS <= 32 && FIELDS <= 4096 && N_AXONS * ROW_ACCESSES <= 1048576 && N_AXONS * ROW_ACCESSES * SLICES <= 1048576;
    generate
        if (!FITS) begin : refused
`ifdef __ICARUS__
            initial $fatal(1, "nc_core: a parameter is out of range");
`else
            $error("nc_core: a parameter is out of range");
`endif
        end
    endgenerate
endmodule
`default_nettype wire
