// The record of a core's cycle, 256 bits; zero while it is idle. docs/rtl.md has the fields. Combinational; it only observes. A section of
// nc_core. Counterpart: FIELDS in cosim/core/record.py.
`default_nettype none
(* section *)
module nc_trace #(
    parameter int N_AXONS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int LINE_BITS = 64,
    parameter bit BY_COLUMN = 1,
    parameter int WIDTH = 4,
    parameter int COLUMN_BITS = 64,
    parameter int ACC_BITS = 21,
    parameter int BACK_BITS = 20,
    parameter int N_NEURONS = 8,
    parameter int SOMA_LANES = 1,
    parameter int INPUT_LANES = 1,
    parameter int KEPT_BITS = 0,  // of potentials that outlive a tick
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire [3:0] state,
    // memory
    input wire row_read,
    input wire row_write,
    input wire [19:0] row_address,
    input wire [LINE_BITS-1:0] row_rdata,  // words that were not asked for are zero
    input wire [LINE_BITS-1:0] row_wdata,
    input wire column_read,
    input wire [15:0] column_neuron,
    input wire [15:0] column_access,
    input wire [COLUMN_BITS-1:0] column_rdata,
    // in hand
    input wire [15:0] axon,
    input wire [15:0] sum_axon,
    input wire [15:0] neuron,
    input wire [15:0] soma,
    input wire [15:0] inbox_neuron,
    input wire [15:0] walk_neuron,
    input wire [15:0] word,
    input wire [15:0] access,
    input wire [15:0] learn_word,
    input wire [INPUT_LANES*BITS-1:0] axon_words,
    input wire [SOMA_LANES*BITS-1:0] neuron_words,
    input wire [BITS-1:0] learn_draw,
    input wire learn_step,
    input wire [63:0] rule_states,  // what the rule keeps, or tells, folded
    input wire [(KEPT_BITS>0?KEPT_BITS : 1)-1:0] kept,
    input wire [31:0] resting,
    input wire [INPUT_LANES*8-1:0] intensities,
    input wire [SOMA_LANES*ACC_BITS-1:0] potentials,
    input wire signed [BACK_BITS-1:0] sum,
    input wire signed [WEIGHT_BITS-1:0] bias,
    input wire signed [WEIGHT_BITS-1:0] bias_stepped,
    // what it comes to
    input wire spike_out_valid,
    input wire [15:0] spike_out_unit,
    input wire [SOMA_LANES-1:0] spikes,
    input wire error_out_valid,
    input wire error_minus,
    input wire inbox_minus,
    input wire walk_minus,
    input wire [SOMA_LANES-1:0] gate_bits,
    input wire gate_open,
    input wire learns,
    input wire is_base,
    input wire takes_away,
    input wire [neurochip_pkg::N_EVENTS*16-1:0] increments,
    output wire [255:0] trace
);
    wire loads = |increments[neurochip_pkg::INPUT_LOAD*16+:16] || state == neurochip_pkg::ENCODE;
    wire integrates = state == neurochip_pkg::INTEGRATE;
    wire backs = state == neurochip_pkg::BACK_INTEGRATE;
    wire error_fires = state == neurochip_pkg::ERROR_FIRE;
    wire fires = state == neurochip_pkg::FIRE;
    wire receives = state == neurochip_pkg::RECEIVE_ERRORS;
    wire decides = state == neurochip_pkg::DECIDE;
    wire learn_reads = state == neurochip_pkg::LEARN_READ;
    wire learn_writes = state == neurochip_pkg::LEARN_WRITE;

    wire [31:0] inputs_folded, input_words, potentials_folded, soma_words;
    nc_fold_units #(
        .UNITS(N_AXONS),
        .LANES(INPUT_LANES),
        .BITS(8)
    ) fold_intensities (
        .group(axon),
        .values(intensities),
        .folded(inputs_folded)
    );
    nc_fold_units #(
        .UNITS(N_AXONS),
        .LANES(INPUT_LANES),
        .BITS(BITS)
    ) fold_axon_words (
        .group(loads ? axon : sum_axon),
        .values(axon_words),
        .folded(input_words)
    );
    nc_fold_units #(
        .UNITS(N_NEURONS),
        .LANES(SOMA_LANES),
        .BITS(ACC_BITS),
        .SIGNED(1)
    ) fold_potentials (
        .group(soma),
        .values(potentials),
        .folded(potentials_folded)
    );
    nc_fold_units #(
        .UNITS(N_NEURONS),
        .LANES(SOMA_LANES),
        .BITS(BITS)
    ) fold_neuron_words (
        .group(soma),
        .values(neuron_words),
        .folded(soma_words)
    );
    // of several somas side by side: their spikes lie where the memory's word does, their gate bits where else the address of a spike lies
    wire [63:0] side_by_side = SOMA_LANES > 1 && fires ? 64'(spikes) : KEPT_BITS > 0 && fires ? {resting, potentials_folded} : '0;
    wire [63:0] gates = 64'(gate_bits);
    wire [15:0] spike_number = SOMA_LANES > 1 && fires ? gates[15:0] ^ gates[31:16] ^ gates[47:32] ^ gates[63:48] :
        spike_out_valid ? spike_out_unit : '0;

    wire [15:0] unit = loads | integrates | learn_reads | learn_writes ? axon : error_fires ? sum_axon : receives ? inbox_neuron :
        decides ? walk_neuron : backs ? neuron : fires ? soma : '0;
    wire [15:0] number = integrates | learn_writes ? word : backs ? access : learn_reads ? learn_word :
        spike_number;
    wire [31:0] random_word = loads | error_fires ? input_words : fires && KEPT_BITS == 0 ? soma_words :
        learn_step ? 32'(learn_draw) : '0;
    wire signed [WEIGHT_BITS-1:0] bias_after = learns ? bias_stepped : bias;
    wire [31:0] value = integrates | backs | learn_reads ? 32'(increments[neurochip_pkg::WORD_READ*16+:16]) :
        learn_writes ? 32'(increments[neurochip_pkg::WORD_WRITE*16+:16]) : loads ? inputs_folded : error_fires ? 32'(sum) : fires ? (KEPT_BITS > 0 ? 32'($signed(kept)) : potentials_folded) : decides ? 32'(bias_after) : '0;
    wire [19:0] address = row_read | row_write ? row_address :
        column_read ? 20'(32'(column_neuron) * ((N_AXONS + WIDTH - 1) / WIDTH) + 32'(column_access)) : '0;
    wire sign = error_out_valid ? error_minus : receives ? inbox_minus : integrates ? takes_away : decides && walk_minus;
    wire flag = fires ? ^gate_bits : receives ? gate_open : integrates ? is_base : decides && learns;

    wire [63:0] data_read, data_written;
    wire [63:0] row_folded, column_folded;
    nc_fold #(
        .BITS(LINE_BITS)
    ) fold_row (
        .word(row_rdata),
        .folded(row_folded)
    );
    nc_fold #(
        .BITS(COLUMN_BITS)
    ) fold_column (
        .word(column_rdata),
        .folded(column_folded)
    );
    assign data_read = integrates | learn_writes | (backs && !BY_COLUMN) ? row_folded : backs ? column_folded : '0;
    nc_fold #(
        .BITS(LINE_BITS)
    ) fold_written (
        .word(learn_writes ? row_wdata : '0),
        .folded(data_written)
    );

    wire [15:0] added_or_stepped = increments[neurochip_pkg::ACCUMULATE*16+:16] | increments[neurochip_pkg::WEIGHT_UPDATE*16+:16]
        | increments[neurochip_pkg::BIAS_UPDATE*16+:16];
    wire [15:0] clamped_or_lost = increments[neurochip_pkg::ACC_SATURATED*16+:16] | increments[neurochip_pkg::UPDATE_LOST*16+:16];
    wire [15:0] drawn = increments[neurochip_pkg::RNG_DRAW*16+:16];
    wire [15:0] events = {
        1'b0,
        increments[neurochip_pkg::READOUT*16],
        increments[neurochip_pkg::ERROR_SATURATED*16],
        increments[neurochip_pkg::ERROR_GATED*16],
        increments[neurochip_pkg::BARRIER*16],
        increments[neurochip_pkg::LEARN_DECISION*16],
        increments[neurochip_pkg::ERROR_OUT*16],
        increments[neurochip_pkg::ERROR_IN*16],
        |increments[neurochip_pkg::SPIKE_OUT*16+:16],
        increments[neurochip_pkg::SPIKE_IN*16],
        increments[neurochip_pkg::ERROR_UPDATE*16],
        |increments[neurochip_pkg::NEURON_UPDATE*16+:16],
        increments[neurochip_pkg::COLUMN_READ*16],
        |increments[neurochip_pkg::WORD_WRITE*16+:16],
        |increments[neurochip_pkg::WORD_READ*16+:16],
        |increments[neurochip_pkg::INPUT_LOAD*16+:16]
    };
    wire [255:0] fields = {
        events, drawn, clamped_or_lost, added_or_stepped, value, random_word, data_read ^ {data_written[62:0], data_written[63]} ^ side_by_side ^ rule_states,
        number, unit, flag, sign, error_out_valid, spike_out_valid, address, 1'b0, column_read, row_write, row_read, state
    };
    assign trace = state == neurochip_pkg::IDLE ? '0 : fields;
    wire unused = &{1'b0, increments, kept, resting, soma_words, learn_draw};
endmodule
`default_nettype wire
