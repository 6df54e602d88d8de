// Read-out registers of an output core: summed potentials, or wins counted. A sample starts from zero: a register that was not yet added
// to reads as zero. With them the comparator of an early exit: best and second best of the registers, found as they are updated, so that it
// takes no cycle. Counterpart: read_out() in core/soma.py, lead_of() in core/exits.py.
`default_nettype none
module nc_read_out #(
    parameter int N_NEURONS = 10,
    parameter int ACC_BITS = 21
) (
    input wire clk,
    input wire clear,
    input wire add,
    input wire [15:0] neuron,
    input wire signed [ACC_BITS-1:0] term,
    input wire all_change,  // potentials: every register is added to in a tick, from 0 up; else one, by a win
    input wire [30:0] margin,
    output wire settled,  // two cycles after the last register was added to: one is ahead of the others by the margin, of at least 1
    input wire [15:0] read_neuron,
    output wire [31:0] votes,
    input wire [15:0] label,
    output wire is_right  // the largest register, the first on a tie, is that of the label
);
    localparam int INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;
    reg [31:0] sum[0:N_NEURONS-1];
    reg [N_NEURONS-1:0] is_added;
    wire [INDEX_BITS-1:0] at = neuron[INDEX_BITS-1:0];
    wire [INDEX_BITS-1:0] read_at = read_neuron[INDEX_BITS-1:0];

    wire [31:0] total = (is_added[at] ? sum[at] : '0) + 32'(term);

    always_ff @(posedge clk) begin
        if (clear) is_added <= '0;
        else if (add) is_added <= is_added | N_NEURONS'(1) << at;
        if (add) sum[at] <= total;
    end
    assign votes = is_added[read_at] ? sum[read_at] : '0;

    // A new sum is compared in the cycle after it was added: adder and comparator are not one path. Potentials all change in a tick, in
    // which best and second are found anew; wins only rise, so both are kept from tick to tick, and whose the best is.
    reg is_new, is_first;
    reg signed [31:0] value, best, second;
    reg [INDEX_BITS-1:0] value_at, best_at;
    always_ff @(posedge clk) begin
        is_new <= add;
        if (add) begin
            value <= total;
            value_at <= at;
            is_first <= all_change && at == '0;
        end
        if (clear) begin
            best <= '0;
            second <= '0;
            best_at <= '0;
        end else if (is_new) begin
            if (is_first || value > best) begin
                best <= value;
                best_at <= value_at;
            end
            if (is_first) second <= 32'sh80000000;
            else if (value > best) begin
                if (value_at != best_at) second <= best;
            end else if (value > second) second <= value;
        end
    end
    wire signed [32:0] lead = 33'(best) - 33'(second);
    assign settled = N_NEURONS == 1 ? is_added[0] : lead >= $signed({2'b00, margin});

    // wins meet at the comparator in any order: whose the largest is, the lowest of equals, is found anew where it is asked for
    genvar n;
    generate
        if (neurochip_pkg::REWARDS) begin : judged
            wire [32*N_NEURONS-1:0] largest;
            wire [16*N_NEURONS-1:0] answer;
            for (n = 0; n < N_NEURONS; n = n + 1) begin : candidate
                wire signed [31:0] own = is_added[n] ? sum[n] : '0;
                if (n == 0) begin : first
                    assign largest[31:0] = own;
                    assign answer[15:0] = '0;
                end else begin : others
                    wire signed [31:0] rival = largest[(n-1)*32+:32];
                    assign largest[n*32+:32] = own > rival ? own : rival;
                    assign answer[n*16+:16] = own > rival ? 16'(n) : answer[(n-1)*16+:16];
                end
            end
            assign is_right = answer[16*N_NEURONS-1-:16] == label;
            wire unused_largest = &{1'b0, largest};
        end else begin : unjudged
            assign is_right = 1'b0;
            wire unused_label = &{1'b0, label};
        end
    endgenerate

    wire unused = &{1'b0, neuron, read_neuron};
endmodule
`default_nettype wire
