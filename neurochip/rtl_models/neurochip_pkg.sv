// Generated from chips/reference.toml and experiments/mnist_local_bp.toml by `make rtl-package`; not to be edited.
`default_nettype none
/* verilator lint_off UNUSEDPARAM */
package neurochip_pkg;
    // states of a core
    localparam [3:0] IDLE = 4'd0;
    localparam [3:0] LOAD = 4'd1;
    localparam [3:0] START = 4'd2;
    localparam [3:0] INTEGRATE = 4'd3;
    localparam [3:0] BACK_INTEGRATE = 4'd4;
    localparam [3:0] ERROR_FIRE = 4'd5;
    localparam [3:0] FIRE = 4'd6;
    localparam [3:0] RECEIVE_ERRORS = 4'd7;
    localparam [3:0] DECIDE = 4'd8;
    localparam [3:0] LEARN_READ = 4'd9;
    localparam [3:0] LEARN_WRITE = 4'd10;
    localparam [3:0] ENCODE = 4'd11;
    localparam [3:0] HEAR = 4'd12;
    // the configuration port
    localparam [31:0] IDENTITY = 32'h4e430001;
    localparam [7:0] BARRIER_CORE = 8'd255;
    localparam int INDEX_BITS = 20;
    localparam int BARRIER_BITS = 3;
    localparam [3:0] REGION_REGISTERS = 4'd0;
    localparam [3:0] REGION_NEURON_RNG = 4'd1;
    localparam [3:0] REGION_AXON_RNG = 4'd2;
    localparam [3:0] REGION_LEARN_RNG = 4'd3;
    localparam [3:0] REGION_BIASES = 4'd4;
    localparam [3:0] REGION_COUNTERS = 4'd5;
    localparam [3:0] REGION_VOTES = 4'd6;
    localparam [3:0] REGION_MEMORY = 4'd8;
    localparam [3:0] REGION_RULE = 4'd9;
    localparam [3:0] REGION_AXON_STATES = 4'd10;
    localparam [3:0] REGION_NEURON_STATES = 4'd11;
    localparam [19:0] REGISTER_IDENTITY = 20'd0;
    localparam [19:0] REGISTER_AXONS = 20'd1;
    localparam [19:0] REGISTER_NEURONS = 20'd2;
    localparam [19:0] REGISTER_P_LEARN = 20'd3;
    localparam [19:0] REGISTER_BETA = 20'd4;
    localparam [19:0] REGISTER_ERROR_GAIN = 20'd5;
    localparam [19:0] REGISTER_READS_POTENTIALS = 20'd6;
    localparam [19:0] REGISTER_P_LEARN_IS_ONE = 20'd7;
    localparam [2:0] BARRIER_TICKS = 3'd0;
    localparam [2:0] BARRIER_LEARN_FROM = 3'd1;
    localparam [2:0] BARRIER_READ_FROM = 3'd2;
    localparam [2:0] BARRIER_TEACH = 3'd3;
    localparam [2:0] BARRIER_EXIT_MARGIN = 3'd4;
    localparam [2:0] BARRIER_EXIT_MIN_TICKS = 3'd5;
    localparam [2:0] BARRIER_JUDGED = 3'd6;
    localparam [2:0] BARRIER_REWARDED = 3'd7;
    localparam [2:0] BUS_IDENTITY = 3'd0;
    localparam [2:0] BUS_STATUS = 3'd1;
    localparam [2:0] BUS_CORES = 3'd2;
    localparam [2:0] BUS_POINTER = 3'd3;
    localparam [2:0] BUS_STEP = 3'd4;
    localparam [2:0] BUS_DATA = 3'd5;
    // events and phases: the vocabulary of the simulator
    localparam int INPUT_LOAD = 0;
    localparam int WORD_READ = 1;
    localparam int WORD_WRITE = 2;
    localparam int COLUMN_READ = 3;
    localparam int ACCUMULATE = 4;
    localparam int NEURON_UPDATE = 5;
    localparam int ERROR_UPDATE = 6;
    localparam int READOUT = 7;
    localparam int RNG_DRAW = 8;
    localparam int SPIKE_IN = 9;
    localparam int SPIKE_OUT = 10;
    localparam int ERROR_IN = 11;
    localparam int ERROR_OUT = 12;
    localparam int HOP = 13;
    localparam int WEIGHT_UPDATE = 14;
    localparam int BIAS_UPDATE = 15;
    localparam int BARRIER = 16;
    localparam int LEARN_DECISION = 17;
    localparam int ADDRESS = 18;
    localparam int STATE_READ = 19;
    localparam int STATE_WRITE = 20;
    localparam int BANK_ACCESS = 21;
    localparam int SOMA_CYCLE = 22;
    localparam int INPUT_CYCLE = 23;
    localparam int SIGN_CYCLE = 24;
    localparam int ERROR_GATED = 25;
    localparam int UPDATE_LOST = 26;
    localparam int ACC_SATURATED = 27;
    localparam int ERROR_SATURATED = 28;
    localparam int ERROR_CANCELLED = 29;
    localparam int N_EVENTS = 30;
    localparam int N_PHASES = 3;
    localparam [89:0] COUNTED = 90'h422c1066880e5688e127b3;
    // generators
    localparam int LFSR = 0;
    localparam int XORSHIFT = 1;
    localparam int PER_UNIT = 0;
    localparam int ROTATED = 1;
    localparam int BROADCAST = 2;
    localparam int RNG_KIND = XORSHIFT;
    localparam int RNG_BITS = 16;
    localparam [31:0] RNG_MASK = 32'hffff;
    localparam int RNG_LEFT = 7;
    localparam int RNG_RIGHT = 9;
    localparam int RNG_LAST = 8;
    localparam int RNG_STEPS = 1;
    localparam int RNG_SHARING = PER_UNIT;
    // memory and time
    localparam int WORD_BITS = 64;
    localparam int PLAIN = 0;
    localparam int TRANSPOSABLE = 1;
    localparam int SKEWED = 2;
    localparam int SIGNS = 3;
    localparam int PORT = PLAIN;
    // errors on their way back
    localparam int ALL_TERMS = 0;
    localparam int POSITIVE_TERMS = 1;
    localparam int NEGATIVE_TERMS = 2;
    localparam bit SPLIT_ERRORS = 0;
    // how cores learn: by own errors alone, or by what a rule's text is made into
    localparam int BY_ERRORS = 0;
    localparam int BY_SPIKES = 1;
    localparam int BY_ARRIVALS = 2;
    localparam int BY_REWARD = 3;
    localparam int VISIT_SPIKED = 0;
    localparam int VISIT_TRACED = 1;
    localparam int VISIT_ALL = 2;
    localparam bit GENERIC = 0;
    localparam bit TEACHERLESS = 0;
    localparam bit SYNAPSE_DRAWS = 0;
    localparam bit ALL_BIASES = 0;
    localparam bit GATED = 1;
    localparam bit REWARDS = 0;
    localparam bit SWEEPS = 0;
    localparam bit HAS_AXON_STATES = 0;
    localparam bit HAS_NEURON_STATES = 0;
    localparam bit COUNTS_AXON_STATES = 0;
    localparam int LEARNS_FROM = BY_ERRORS;
    localparam int VISITS = VISIT_SPIKED;
    localparam int RULE_BITS = 1;
    localparam int AXON_STATE_BITS = 1;
    localparam int NEURON_STATE_BITS = 1;
    localparam int TAG_BITS = 0;
    localparam [0:0] AXON_LASTS = 1'h0;
    localparam [0:0] NEURON_LASTS = 1'h0;
    localparam int SOMA_LANES = 8;
    localparam int SPIKE_BITS = 24;
    localparam int INPUT_LANES = 8;
    localparam bit SERIAL_ENCODER = 0;
    localparam bit DELTA = 0;
    localparam bit BETA_IS_SHIFT = 0;
    localparam int NETWORK_CYCLES = 4;
    localparam int BARRIER_CYCLES = 2;
    // what a chip may do without
    localparam bit COUNTERS = 1;
    localparam bit TRACE = 1;
    localparam bit CLOCK_GATE = 1;
    // the cores, 32 bits each, the first core in the lowest
    localparam int N_CORES = 2;
    localparam [63:0] N_AXONS = {32'd200, 32'd784};
    localparam [63:0] N_NEURONS = {32'd10, 32'd200};
    localparam [63:0] WEIGHT_BITS = {32'd16, 32'd16};
    localparam [63:0] WORDS = {32'd3, 32'd50};
    localparam [63:0] BANKS = {32'd64, 32'd64};
    localparam [63:0] COLUMN_WIDTH = {32'd1, 32'd1};
    localparam [63:0] COLUMN_BITS = {32'd64, 32'd64};
    localparam [63:0] FRAC_BITS = {32'd12, 32'd12};
    localparam [63:0] ACC_BITS = {32'd24, 32'd26};
    localparam [63:0] BACK_BITS = {32'd20, 32'd24};
    localparam [63:0] SIGN_SEED = {32'd0, 32'd0};
    localparam [63:0] FEEDBACK_SHIFT = {32'd0, 32'd0};
    localparam [63:0] FIELD_BITS = {32'd16, 32'd16};
    localparam [63:0] LOW_LEVEL = {32'd0, 32'd0};
    localparam [63:0] HIGH_LEVEL = {32'd0, 32'd0};
    localparam [63:0] TOLD_BITS = {32'd1, 32'd1};
    localparam [63:0] MEMORY_BITS = {32'd0, 32'd0};
    localparam [63:0] LEAKS = {32'd0, 32'd0};
    localparam [63:0] LEAK_SHIFT = {32'd0, 32'd0};
    localparam [63:0] LEAK_FACTOR = {32'd0, 32'd0};
    localparam [63:0] THRESHOLD = {32'd0, 32'd0};
    localparam [63:0] TAKEN = {32'd0, 32'd0};
    localparam [63:0] REFRACTORY = {32'd0, 32'd0};
    localparam [63:0] REST_BITS = {32'd1, 32'd1};
    localparam [1:0] RECURRENT = 2'b00;
    localparam [1:0] ACC_NARROW = 2'b00;
    localparam [1:0] BACK_NARROW = 2'b00;
    // noise of the winner-take-all, the first entry in the lowest bits
    localparam int BETA_FRAC_BITS = 4;
    localparam int GUMBEL_ADDRESS_BITS = 8;
    localparam int GUMBEL_BITS = 16;
    localparam [4095:0] GUMBEL = {
        16'h63cc, 16'h5230, 16'h49fc, 16'h4492, 16'h4084, 16'h3d46, 16'h3a92, 16'h383f,
        16'h3636, 16'h3467, 16'h32c4, 16'h3147, 16'h2fea, 16'h2ea6, 16'h2d79, 16'h2c5f,
        16'h2b57, 16'h2a5d, 16'h2971, 16'h2891, 16'h27bc, 16'h26f0, 16'h262d, 16'h2572,
        16'h24bf, 16'h2412, 16'h236c, 16'h22cc, 16'h2230, 16'h219a, 16'h2109, 16'h207c,
        16'h1ff3, 16'h1f6e, 16'h1eec, 16'h1e6e, 16'h1df3, 16'h1d7c, 16'h1d07, 16'h1c94,
        16'h1c25, 16'h1bb8, 16'h1b4d, 16'h1ae4, 16'h1a7e, 16'h1a19, 16'h19b7, 16'h1956,
        16'h18f8, 16'h189a, 16'h183f, 16'h17e5, 16'h178d, 16'h1736, 16'h16e0, 16'h168c,
        16'h1639, 16'h15e7, 16'h1596, 16'h1547, 16'h14f9, 16'h14ac, 16'h1460, 16'h1414,
        16'h13ca, 16'h1381, 16'h1339, 16'h12f1, 16'h12ab, 16'h1265, 16'h1220, 16'h11dc,
        16'h1198, 16'h1156, 16'h1114, 16'h10d3, 16'h1092, 16'h1052, 16'h1013, 16'hfd4,
        16'hf96, 16'hf58, 16'hf1b, 16'hedf, 16'hea3, 16'he68, 16'he2d, 16'hdf2,
        16'hdb9, 16'hd7f, 16'hd46, 16'hd0e, 16'hcd6, 16'hc9e, 16'hc67, 16'hc30,
        16'hbf9, 16'hbc3, 16'hb8e, 16'hb58, 16'hb23, 16'haef, 16'haba, 16'ha86,
        16'ha52, 16'ha1f, 16'h9ec, 16'h9b9, 16'h987, 16'h954, 16'h923, 16'h8f1,
        16'h8bf, 16'h88e, 16'h85d, 16'h82d, 16'h7fc, 16'h7cc, 16'h79c, 16'h76c,
        16'h73c, 16'h70d, 16'h6de, 16'h6af, 16'h680, 16'h651, 16'h623, 16'h5f4,
        16'h5c6, 16'h598, 16'h56a, 16'h53d, 16'h50f, 16'h4e2, 16'h4b4, 16'h487,
        16'h45a, 16'h42d, 16'h400, 16'h3d4, 16'h3a7, 16'h37a, 16'h34e, 16'h322,
        16'h2f6, 16'h2c9, 16'h29d, 16'h271, 16'h245, 16'h219, 16'h1ee, 16'h1c2,
        16'h196, 16'h16a, 16'h13f, 16'h113, 16'he8, 16'hbc, 16'h91, 16'h65,
        16'h3a, 16'he, 16'hffe3, 16'hffb7, 16'hff8c, 16'hff60, 16'hff34, 16'hff09,
        16'hfedd, 16'hfeb2, 16'hfe86, 16'hfe5a, 16'hfe2f, 16'hfe03, 16'hfdd7, 16'hfdab,
        16'hfd7f, 16'hfd53, 16'hfd27, 16'hfcfa, 16'hfcce, 16'hfca2, 16'hfc75, 16'hfc48,
        16'hfc1b, 16'hfbee, 16'hfbc1, 16'hfb94, 16'hfb67, 16'hfb39, 16'hfb0b, 16'hfadd,
        16'hfaaf, 16'hfa81, 16'hfa52, 16'hfa23, 16'hf9f4, 16'hf9c5, 16'hf995, 16'hf965,
        16'hf935, 16'hf905, 16'hf8d4, 16'hf8a3, 16'hf872, 16'hf840, 16'hf80e, 16'hf7db,
        16'hf7a8, 16'hf775, 16'hf741, 16'hf70d, 16'hf6d8, 16'hf6a2, 16'hf66c, 16'hf636,
        16'hf5ff, 16'hf5c7, 16'hf58e, 16'hf555, 16'hf51b, 16'hf4e0, 16'hf4a5, 16'hf468,
        16'hf42a, 16'hf3ec, 16'hf3ac, 16'hf36b, 16'hf329, 16'hf2e6, 16'hf2a1, 16'hf25a,
        16'hf212, 16'hf1c8, 16'hf17d, 16'hf12f, 16'hf0de, 16'hf08b, 16'hf036, 16'hefdd,
        16'hef80, 16'hef20, 16'heebb, 16'hee52, 16'hede2, 16'hed6c, 16'heced, 16'hec65,
        16'hebd1, 16'heb2f, 16'hea78, 16'he9a8, 16'he8b1, 16'he77c, 16'he5cf, 16'he2b5
    };
endpackage
/* verilator lint_on UNUSEDPARAM */
`default_nettype wire
