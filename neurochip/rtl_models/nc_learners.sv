// Who learns in a pass of the learn walk, and which words hold them: noted decision by decision, then asked row by row. A rule that draws for
// every synapse visits the rows of one learner after those of another, in the order of decisions, so that an access needs one draw: ALONE.
// Counterpart: `learners` of Synapses in core/state.py.
`default_nettype none
(* section *)
module nc_learners #(
    parameter int N_NEURONS = 8,
    parameter int FIELDS = 4,  // of a row's access
    parameter int WORDS = 1,  // side by side, that hold them
    parameter bit ALONE = 0,
    parameter int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS
) (
    input wire clk,
    input wire clear,  // a pass begins
    input wire decide,
    input wire learns,
    input wire [15:0] neuron,
    input wire decided_minus,
    input wire read,  // LEARN_READ, LEARN_WRITE
    input wire write,
    input wire advance,  // ALONE: the rows of the learner in hand are done, and there is another
    output wire any,  // the one that is decided on now included
    output wire more,  // ALONE: another one waits
    output wire [ROW_ACCESSES*WORDS-1:0] touched,  // words
    output wire word_any,  // an access to the row in hand is left
    output wire [15:0] learn_word,
    output wire [N_NEURONS-1:0] learners,
    output reg [N_NEURONS-1:0] minus
);
    localparam int WORD_FIELDS = FIELDS / WORDS;
    localparam int NEURON_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;
    wire [NEURON_BITS-1:0] decided_neuron = neuron[NEURON_BITS-1:0];
    wire [N_NEURONS-1:0] decided = N_NEURONS'(learns) << decided_neuron;

    generate
        if (ALONE) begin : one_by_one
            reg [N_NEURONS-1:0] waiting;
            reg has_hand;
            reg [15:0] hand;
            wire [N_NEURONS-1:0] rest;
            wire [15:0] following;
            nc_find_first #(.N(N_NEURONS)) next_learner (.bits(waiting), .any(more), .index(following), .rest(rest));
            always_ff @(posedge clk) begin
                if (clear) begin
                    has_hand <= 1'b0;
                    waiting <= '0;
                end else if (decide && learns) begin
                    has_hand <= 1'b1;
                    if (has_hand) waiting <= waiting | decided;
                end else if (advance) waiting <= rest;
                if (decide && learns && !has_hand) hand <= neuron;
                else if (advance) hand <= following;
            end
            wire [NEURON_BITS-1:0] hand_bits = hand[NEURON_BITS-1:0];
            assign learners = N_NEURONS'(1) << hand_bits;
            assign touched = (ROW_ACCESSES * WORDS)'(1) << 32'(hand_bits) / WORD_FIELDS;
            assign any = has_hand | learns;
            wire unused_hand = &{1'b0, hand};
        end else begin : together
            wire [NEURON_BITS-1:0] decided_word = NEURON_BITS'(32'(decided_neuron) / WORD_FIELDS);
            reg [ROW_ACCESSES*WORDS-1:0] words;
            reg [N_NEURONS-1:0] learning;
            always_ff @(posedge clk) begin
                if (clear) begin
                    words <= '0;
                    learning <= '0;
                end else if (decide) begin
                    if (learns) words <= words | (ROW_ACCESSES * WORDS)'(1) << decided_word;
                    learning <= learning | decided;
                end
            end
            assign touched = words;
            assign learners = learning;
            assign any = |touched | learns;
            assign more = 1'b0;
            wire unused_advance = advance;
        end
    endgenerate
    always_ff @(posedge clk) if (decide && !clear) minus <= decided_minus ? minus | decided : minus & ~decided;

    reg [ROW_ACCESSES-1:0] words_left;
    reg is_row_begun;
    wire [ROW_ACCESSES-1:0] touched_accesses, words_rest;
    genvar a;
    generate
        for (a = 0; a < ROW_ACCESSES; a = a + 1) begin : touched_access
            assign touched_accesses[a] = |touched[a*WORDS+:WORDS];
        end
    endgenerate
    nc_find_first #(
        .N(ROW_ACCESSES)
    ) next_word (
        .bits(is_row_begun ? words_left : touched_accesses),
        .any(word_any),
        .index(learn_word),
        .rest(words_rest)
    );
    always_ff @(posedge clk) begin
        if (clear) is_row_begun <= 1'b0;
        else if (read) begin
            words_left <= words_rest;
            is_row_begun <= 1'b1;
        end else if (write && !word_any) is_row_begun <= 1'b0;
    end
    wire unused = &{1'b0, neuron};
endmodule
`default_nettype wire
