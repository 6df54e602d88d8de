// The accumulators, an access's worth of fields side by side, up to one for each neuron: what is read by row is added in the cycle in
// which it arrives. A tick starts from the biases: an entry that was not yet added to reads as its biases. Biases live here too and step
// when the rule says so. `neuron_word` and `neuron_field` stand still while nobody wants a potential: the choice toggles for nobody.
// Counterpart: integrate() in core/soma.py, step_biases() in core/memory.py.
`default_nettype none
module nc_integrate #(
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FIELDS = 4,
    parameter int ACC_BITS = 21,
    parameter bit ACC_NARROW = 0,
    parameter int SOMA_LANES = 1,
    parameter bit DELTA = 0,
    parameter bit ALL_BIASES = 0,  // an event can change them all
    parameter int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS
) (
    input wire clk,
    input wire clear,  // a tick starts
    input wire add,
    input wire [15:0] word,
    input wire [FIELDS*WEIGHT_BITS-1:0] row,
    // of a delta core: sums of the likelier inputs, upon which the others come and go
    input wire new_base,  // with clear
    input wire is_base,  // the row belongs to the base
    input wire minus,  // the row is taken away
    input wire follow,  // a row of the base has changed from `row` to `row_after`
    input wire [FIELDS*WEIGHT_BITS-1:0] row_after,
    output wire [15:0] additions,
    output wire [15:0] saturations,
    input wire [15:0] neuron_word,  // of the potential in hand
    input wire [15:0] neuron_field,
    input wire [15:0] soma,  // or group of them
    output wire [SOMA_LANES*ACC_BITS-1:0] potentials,  // of the somas in hand
    input wire bias_write,
    input wire [15:0] bias_neuron,
    input wire signed [WEIGHT_BITS-1:0] bias_new,
    output wire signed [WEIGHT_BITS-1:0] bias_old,
    input wire biases_write,  // ALL_BIASES
    input wire [N_NEURONS*WEIGHT_BITS-1:0] biases_new,
    output wire [N_NEURONS*WEIGHT_BITS-1:0] biases_old
);
    localparam int WORD_BITS = ROW_ACCESSES > 1 ? $clog2(ROW_ACCESSES) : 1;
    localparam int FIELD_BITS = FIELDS > 1 ? $clog2(FIELDS) : 1;
    localparam int TERM_BITS = WEIGHT_BITS + (DELTA ? 1 : 0);
    localparam int LAST_FIELDS = N_NEURONS - (ROW_ACCESSES - 1) * FIELDS;

    reg [FIELDS*ACC_BITS-1:0] acc[0:ROW_ACCESSES-1];
    reg [FIELDS*WEIGHT_BITS-1:0] bias[0:ROW_ACCESSES-1];
    reg [ROW_ACCESSES-1:0] is_added;

    wire is_last = 32'(word) == ROW_ACCESSES - 1;
    wire [FIELDS-1:0] used = is_last ? {FIELDS{1'b1}} >> (FIELDS - LAST_FIELDS) : {FIELDS{1'b1}};
    assign additions = is_last ? 16'(LAST_FIELDS) : 16'(FIELDS);

    wire [FIELDS*ACC_BITS-1:0] entry = acc[word[WORD_BITS-1:0]];
    wire has_sum = is_added[word[WORD_BITS-1:0]];
    wire [FIELDS*ACC_BITS-1:0] totals;
    wire [FIELDS-1:0] is_saturated;

    wire [19:0] bias_place, bias_rest;  // access and field
    nc_divide #(.LIMIT(N_NEURONS), .DIVISOR(FIELDS)) bias_at (.value(20'(bias_neuron)), .quotient(bias_place), .remainder(bias_rest));

    // a sum begins at the base, biases included, if there is one, else at the biases
    wire [ROW_ACCESSES*FIELDS*ACC_BITS-1:0] starts;
    wire [FIELDS*ACC_BITS-1:0] begun = starts[32'(word[WORD_BITS-1:0])*FIELDS*ACC_BITS+:FIELDS*ACC_BITS];
    wire [ROW_ACCESSES*FIELDS*ACC_BITS-1:0] bases;
    wire [ROW_ACCESSES-1:0] has_base;
    wire [ROW_ACCESSES*FIELDS*WEIGHT_BITS-1:0] padded_old;
    genvar e, f;
    generate
        if (DELTA) begin : deltas
            nc_base_sums #(
                .FIELDS(FIELDS),
                .WEIGHT_BITS(WEIGHT_BITS),
                .SUM_BITS(ACC_BITS),
                .ENTRIES(ROW_ACCESSES)
            ) base_sums (
                .clk(clk),
                .clear(clear && new_base),
                .add(add && is_base),
                .follow(follow),
                .at(word),
                .totals(totals),
                .bias_write(bias_write),
                .bias_at(bias_place[15:0]),
                .bias_field(bias_rest[15:0]),
                .bias_new(bias_new),
                .bias_old(bias_old),
                .bases(bases),
                .has_base(has_base)
            );
        end else begin : none
            assign bases = '0;
            assign has_base = '0;
            wire unused_base = &{1'b0, new_base, minus, row_after, bases, has_base};
        end
        for (e = 0; e < ROW_ACCESSES; e = e + 1) begin : entry_start
            wire [FIELDS*WEIGHT_BITS-1:0] biases = bias[e];  // once: tools read a whole entry for every field that is picked out of it
            assign padded_old[e*FIELDS*WEIGHT_BITS+:FIELDS*WEIGHT_BITS] = ALL_BIASES ? biases : '0;
            for (f = 0; f < FIELDS; f = f + 1) begin : field_start
                wire signed [WEIGHT_BITS-1:0] from_bias = biases[f*WEIGHT_BITS+:WEIGHT_BITS];
                assign starts[(e*FIELDS+f)*ACC_BITS+:ACC_BITS] =
                    DELTA && has_base[e] ? bases[(e*FIELDS+f)*ACC_BITS+:ACC_BITS] : ACC_BITS'(from_bias);
            end
        end
        for (f = 0; f < FIELDS; f = f + 1) begin : field
            wire signed [ACC_BITS-1:0] from_start = begun[f*ACC_BITS+:ACC_BITS];
            wire signed [ACC_BITS-1:0] from_sum = entry[f*ACC_BITS+:ACC_BITS];
            wire signed [WEIGHT_BITS-1:0] weight = row[f*WEIGHT_BITS+:WEIGHT_BITS];
            wire signed [TERM_BITS-1:0] term;
            if (DELTA) begin : signed_term
                wire signed [WEIGHT_BITS-1:0] after = row_after[f*WEIGHT_BITS+:WEIGHT_BITS];
                assign term = follow ? TERM_BITS'(after) - TERM_BITS'(weight) : minus ? -(TERM_BITS'(weight)) : TERM_BITS'(weight);
            end else begin : plain_term
                assign term = weight;
            end
            wire clamped;
            nc_saturating_add #(
                .SUM_BITS(ACC_BITS),
                .TERM_BITS(TERM_BITS),
                .SATURATES(ACC_NARROW)
            ) adder (
                .sum(has_sum && !is_base && !follow ? from_sum : from_start),
                .term(term),
                .total(totals[f*ACC_BITS+:ACC_BITS]),
                .saturated(clamped)
            );
            assign is_saturated[f] = clamped & used[f];
        end
    endgenerate

    function automatic [15:0] ones(input [FIELDS-1:0] flags);
        integer i;
        ones = '0;
        for (i = 0; i < FIELDS; i = i + 1) ones = ones + 16'(flags[i]);
    endfunction
    assign saturations = ones(is_saturated);

    genvar n;
    generate
        if (SOMA_LANES == 1) begin : one_soma
            wire [FIELDS*ACC_BITS-1:0] held = acc[neuron_word[WORD_BITS-1:0]];
            wire [FIELDS*ACC_BITS-1:0] held_start = starts[32'(neuron_word[WORD_BITS-1:0])*FIELDS*ACC_BITS+:FIELDS*ACC_BITS];
            wire [FIELDS*ACC_BITS-1:0] held_either = is_added[neuron_word[WORD_BITS-1:0]] ? held : held_start;
            assign potentials = held_either[32'(neuron_field)*ACC_BITS+:ACC_BITS];
            wire unused_soma = &{1'b0, soma};
        end else begin : soma_group
            wire [ROW_ACCESSES*FIELDS*ACC_BITS-1:0] sums;
            wire [N_NEURONS-1:0] has_sums;
            wire unused_sums = &{1'b0, sums};
            for (n = 0; n < ROW_ACCESSES; n = n + 1) begin : entry_sums
                assign sums[n*FIELDS*ACC_BITS+:FIELDS*ACC_BITS] = acc[n];
            end
            for (n = 0; n < N_NEURONS; n = n + 1) begin : neuron
                assign has_sums[n] = is_added[n/FIELDS];
            end
            nc_potentials #(
                .N_NEURONS(N_NEURONS),
                .LANES(SOMA_LANES),
                .ACC_BITS(ACC_BITS)
            ) choice (
                .group(soma),
                .sums(sums[N_NEURONS*ACC_BITS-1:0]),
                .starts(starts[N_NEURONS*ACC_BITS-1:0]),
                .is_added(has_sums),
                .potentials(potentials)
            );
        end
    endgenerate

    integer b;
    wire [ROW_ACCESSES*FIELDS*WEIGHT_BITS-1:0] padded_new = (ROW_ACCESSES * FIELDS * WEIGHT_BITS)'(biases_new);
    assign biases_old = padded_old[N_NEURONS*WEIGHT_BITS-1:0];
    wire unused_biases = &{1'b0, biases_write, padded_new, padded_old};
    wire [FIELDS*WEIGHT_BITS-1:0] bias_entry = bias[bias_place[WORD_BITS-1:0]];
    assign bias_old = bias_entry[32'(bias_rest[FIELD_BITS-1:0])*WEIGHT_BITS+:WEIGHT_BITS];

    function automatic [FIELDS*WEIGHT_BITS-1:0] replaced(input [FIELDS*WEIGHT_BITS-1:0] old, input [FIELD_BITS-1:0] at,
                                                         input [WEIGHT_BITS-1:0] value);
        replaced = old;
        replaced[32'(at)*WEIGHT_BITS+:WEIGHT_BITS] = value;
    endfunction

    always_ff @(posedge clk) begin
        if (clear) is_added <= '0;
        else if (add && !is_base) is_added <= is_added | ROW_ACCESSES'(1) << word[WORD_BITS-1:0];
        if (add && !is_base) acc[word[WORD_BITS-1:0]] <= totals;
        if (bias_write) bias[bias_place[WORD_BITS-1:0]] <= replaced(bias_entry, bias_rest[FIELD_BITS-1:0], bias_new);
        else if (ALL_BIASES && biases_write) for (b = 0; b < ROW_ACCESSES; b = b + 1) bias[b] <= padded_new[b*FIELDS*WEIGHT_BITS+:FIELDS*WEIGHT_BITS];
    end

    wire unused = &{1'b0, word, neuron_word, neuron_field, bias_place, bias_rest, bias_neuron};
endmodule
`default_nettype wire
