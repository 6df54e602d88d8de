"""Vectors and tables of a chip: the order of their entries and columns, and the codes that some entries hold."""

from enum import IntEnum

from neurochip.core.events import N_EVENTS, N_PHASES


class P(IntEnum):
    """Order of a core's int64 parameter vector. Widths and flags come from `Chip`, sizes from the network."""

    N_AXONS = 0
    N_NEURONS = 1  # units: locations * channels
    STRIDE = 2  # channels rounded up for vector loads; the padding is zero and never counted
    FRAC_BITS = 3
    WEIGHT_MIN = 4
    WEIGHT_MAX = 5
    FIELDS_PER_WORD = 6
    ROW_WORDS = 7  # words of one row
    COLUMN_ACCESSES = 8  # to read one column: words on the column port, accesses to skewed banks, or one row access per axon
    TRANSPOSABLE = 9
    ACC_MIN = 10
    ACC_MAX = 11
    ACC_NARROW = 12  # 1: a sum can leave acc_bits, so every addition saturates
    BACK_MIN = 13
    BACK_MAX = 14
    BACK_NARROW = 15
    ERROR_GAIN = 16  # left shift of an error sum
    BETA = 17  # gain of the winner-take-all, in 1 / 2**BETA_FRAC_BITS
    READOUT = 18  # of the output core; 0: winners are counted, 1: potentials are summed
    LAYOUT = 19  # of its weights: Layout
    ROWS = 20  # of the synapse memory; as many as axons unless they are shared
    LOCATIONS = 21
    CHANNELS = 22
    CANDIDATES = 23  # positions of which a location draws one per tick
    MOST_ROWS = 24  # that one position can have under its taps
    IS_FIRST = 25  # takes the input
    ERROR_SOURCES = 26  # cores that can send errors here
    MODEL = 27  # of the neurons
    THRESHOLD = 28  # from which a neuron spikes
    LEAK_SHIFT = 29  # 0: none
    LEAK_FACTOR = 30  # of 256
    TAKEN = 31  # of the potential by a spike; 0: all of it
    REFRACTORY = 32  # ticks
    STATE_MIN = 33
    STATE_MAX = 34
    LAYER = 35
    ROUTER = 36  # of the mesh
    POOL_WEIGHT = 37  # of pooled units
    INHIBITS = 38  # 1: one neuron of a location silences the others
    LEARNS = 39  # 1: its rule is at work in this epoch
    TRACE_PEAK = 40  # of a rule that learns from spikes: what a spike sets an axon's trace to,
    TRACE_FACTOR = 41  # and what is left of it after a tick, of 256
    # where this core's arrays start in ChipState
    WEIGHT_AT = 42
    BIAS_AT = 43
    NEURON_AT = 44  # slots
    AXON_AT = 45
    QUEUE_AT = 46
    QUEUE_ROOM = 47
    LOCATION_AT = 48
    FAN_AT = 49
    PLACE_AT = 50
    FIELD_AT = 51
    OWN_AT = 52
    OWN_ROOM = 53
    INBOX_AT = 54
    INBOX_ROOM = 55
    ROUTE_AT = 56
    ROUTES = 57  # 0: every unit has targets of its own
    INPUT_AT = 58  # of a first core: where the input's numbers become axons
    HOST_HOPS = 59  # to where the read-out is
    UNIT_AT = 60
    TARGET_AT = 61
    # what is done side by side
    WORDS_PER_ACCESS = 62  # of a row, in banks side by side
    ROW_ACCESSES = 63
    WORD_BITS = 64
    COLUMN_WIDTH = 65  # rows of which an access reads the fields of one column
    SOMA_LANES = 66  # somas evaluated per cycle; 1 in the output core
    INPUT_LANES = 67  # intensities loaded, or encoded, per cycle
    SERIAL_ENCODER = 68  # 1: encodes at the head of every tick, 0: all axons at the barrier
    DELTA = 69  # 1: rows of the first layer are added where an input deviates from what is likelier, upon a base sum
    # of a rule that keeps states
    AXON_STATES = 70  # numbers kept of each axon,
    NEURON_STATES = 71  # of each neuron,
    TAGS = 72  # beside each weight
    VISITS = 73  # rows that its events visit: Visit
    SWEEP_TICKS = 74  # from one sweep over all synapses to the next; 0: none
    # how errors find their way back
    SENDS_ERRORS = 75  # 1: back-integrates its own errors and sends error spikes
    SPLIT = 76  # 1: positive and negative terms of an error sum are added up apart, each sum with a draw of its own
    FEEDBACK = 77  # what errors go back through: Feedback
    FEEDBACK_AT = 78  # where this core's signs start in ChipState
    FEEDBACK_ROWS = 79  # of signs: an axon's each, of direct feedback a class's each; 0: its errors go back through its weights
    SIGN_WIDTH = 80  # signs that one word of the generator gives
    FEEDBACK_SHIFT = 81  # random feedback: weights are plus and minus 2**FEEDBACK_SHIFT LSB
    TOLD_ONE_IN = 82  # direct feedback: one neuron of so many is told in a tick,
    TOLD_BY_CLASS = 83  # 1: of the class alone, 0: of the class if another one has won
    # how the simulator makes sums; nothing that the chip has
    STILL_AT = 84  # where a first core's base of sums starts in ChipState, of BASES slots
    BLOCKED = 85  # 1: its rule's steps do not depend on the weight, and may wait until a sample's end
    # faults (core/faults.py); 0: none
    STUCK_CELLS = 86  # 1: the memory has stuck bits
    STUCK_NEURON_WORDS = 87  # 1: words of somas' generators have stuck bits,
    STUCK_AXON_WORDS = 88  # those of the axons' generators
    LEARN_CLEAR = 89  # bits of the learning generator's word that are stuck at 0,
    LEARN_SET = 90  # and at 1
    DEAD = 91  # 1: neurons are silent
    UPSETS = 92  # FLIPS and LOSSES
    # neurons with a synaptic current
    CURRENTS = 93  # 1: they have one; 0: none of the following is looked at
    GUARD_BITS = 94  # fraction bits of current and potential beyond those of the sums
    CURRENT_SHIFT = 95  # its leak, as that of the potential: 0: none
    CURRENT_FACTOR = 96  # of 256
    CURRENT_MIN = 97
    CURRENT_MAX = 98
    # how the simulator finds shared rows (core/stretches.py); nothing that the chip has
    STRETCH_AT = 99  # where this core's stretches start in ChipState,
    STRETCH_STEP = 100  # rows from one axon of a stretch to the next; 0: there are no stretches
    PIECE_AT = 101  # where its pieces start, of whose rows all partial sums can be kept in a table,
    PIECES = 102
    TABLE_AT = 103  # where that starts,
    TABLE_BITS = 104  # and how many rows a piece can have
    # a recurrent layer (core/recurrence.py)
    FED_AXONS = 105  # axons that others feed, or the input; behind them a recurrent layer has those of its own units
    GATES_OPEN = 106  # 1: the rule hears error spikes whatever the drive: gates are not asked
    # how the simulator keeps steps that wait (core/blocked.py)
    PENDING_AT = 107  # where a first core's start in ChipState, PENDING of each column of its rows
    BASES = 108  # slots of the base; 0: there is none


BETA_FRAC_BITS = 4


class Run(IntEnum):
    """Order of the int64 vector that describes one call of `run_samples`."""

    TICKS = 0
    LEARN_FROM = 1  # first tick with learning
    READ_FROM = 2  # first tick that counts in the read-out
    TEACH = 3  # 1: teacher and error spikes
    TEACH_FROM = 4  # first tick in which the output core has input from every layer
    MESH = 5  # 1: packets travel over the network, which takes its time
    FROM_SPIKES = 6  # 1: a rule that learns from spikes is at work: no teacher, axons have traces
    LAST = 7  # last tick of a sample, in which an accumulating output answers; TICKS may end before it
    INPUT_TICKS = 8  # from this tick on images are dark: their encoder fires no more
    EXIT_MARGIN = 9  # lead of the largest read-out register over the second largest with which a sample ends; 0: it never ends early
    EXIT_MIN_TICKS = 10  # and not before so many ticks
    EXIT_SKIPS = 11  # 1: free-running generators then step on to where TICKS ticks would have brought them
    WALK = 12  # what a rule that keeps states learns from: Walk
    JUDGED = 13  # tick after which the answer is judged, and
    REWARDED = 14  # tick in which the reward for it is broadcast; -1: there is none


class Walk(IntEnum):
    """Events of a rule that keeps states."""

    NONE = 0  # no such rule is at work
    ERRORS = 1  # own error spikes
    SPIKES = 2  # own spikes
    ARRIVALS = 3  # arriving spikes
    REWARD = 4  # none but rewards and sweeps


class Visit(IntEnum):
    """Rows that an event visits."""

    SPIKED = 0  # whose axon spiked in this tick
    TRACED = 1  # whose axon has a state that is not 0
    ALL = 2


class Ask(IntEnum):
    """Calls of the hook of a rule that keeps states."""

    BEGIN = 0  # a sample begins
    AXONS = 1  # rows: axons that spiked; bring all axons' states up to date
    NEURONS = 2  # traces: potential of every slot, neurons: units that fired; bring all neurons' states up to date
    EVENTS = 3  # rows, traces: their axons, neurons: channels with an event, signs: their signals; of one location


class Call(IntEnum):
    """Order of the int64 vector that a rule that keeps states is called with."""

    ASK = 0  # Ask
    SLOT = 1  # of the first channel of the location
    REWARD = 2  # +1 or -1 as it is broadcast; 0: none
    SWEEP = 3  # 1: a sweep over all synapses
    TAUGHT = 4  # unit that the teacher names; -1: no teacher
    JUDGEMENT = 5  # of the sample's answer, until it is broadcast as the reward


class Model(IntEnum):
    """Models of a layer's neurons: how they fire."""

    STOCHASTIC = 0
    IF = 1
    LIF = 2
    ACCUMULATE = 3  # an output that adds up and never fires
    CUBA_LIF = 4  # LIF behind a synaptic current


class Layout(IntEnum):
    """Kinds of a core's weights."""

    OWN = 0  # a row for each axon
    SHARED = 1  # rows are shared by locations, addresses come from the fan and field tables
    POOLED = 2  # one constant, no memory: each axon goes to one unit, which the fan names


class Feedback(IntEnum):
    """Kinds of weights through which errors find their way back."""

    TRANSPOSED = 0  # those of the way forward
    RANDOM = 1  # fixed ones, plus and minus the same value
    DIRECT = 2  # none: every hidden layer has fixed signs of the class, and of the class that wins


class Queue(IntEnum):
    """Order of a core's queue lengths."""

    SPIKES = 0  # spikes that arrived for this tick
    OWN_ERRORS = 1  # error spikes that passed the gate: learned from in this tick, sent back in the next
    ERRORS_EVEN = 2  # error spikes that arrived for an even tick, and for an odd one
    ERRORS_ODD = 3
    ARRIVED_EVEN = 4  # spikes that arrived for an even tick, and for an odd one
    ARRIVED_ODD = 5
    SENT = 6  # units that spiked in this tick
    RETURNED = 7  # axons whose error soma fired in this tick
    PACKET = 8  # scratch: group of somas whose packet was last counted on its way here
    LIKELY = 9  # of a delta core: axons that are likelier to spike than not, in this sample,
    BASE = 10  # as long as their rows are still to be added to the base sum,
    ROWS = 11  # and rows that are added in this tick
    WON_EVEN = 12  # direct feedback: the winner, and one, of which a hidden core was told for an even tick, and for an odd one; 0: none
    WON_ODD = 13
    TOLD = 14  # scratch: how many own errors a rule learns from in this tick


class Still(IntEnum):
    """Order of what the simulator keeps of a first core's picture (core/still.py); of any core, of its weights: REACH."""

    USED = 0  # 1: sums are made from a base in this sample
    LISTED = 1  # 1: the list of the spikes of each tick is wanted
    N_LIT = 2  # lit axons of this sample, and those that can spike in this tick
    LIT = 3
    LIKELY = 4  # axons that are likelier to spike than not
    MORE = 5  # others that spiked in this tick,
    LESS = 6  # and those of them that did not
    REACH = 7  # no weight is larger in size
    SEEN = 8  # the largest that there was when they were last looked at
    SPOILED = 9  # samples to go without a base
    ROOM = 10  # LSB that weights may step before one could meet its rail, or an accumulator clamp
    STEPS = 11  # that they step by once what waits is written
    WAITING = 12  # ticks of which steps wait: bit t of the t-th of PENDING
    TABLED = 13  # not 0: in this call, sums of shared rows come from tables; 2: which are to be made
    ROW = 14  # of the bits of this tick's spikes
    LOOKED = 15  # of shared rows at fixed places: locations that likely axons reach,
    ROWS = 16  # and rows that they add there


N_STILL = len(Still)
N_PARAMS, N_QUEUES, N_COUNTS, N_CALLS = len(P), len(Queue), N_PHASES * N_EVENTS, len(Call)


class Stretch(IntEnum):
    """Columns of ChipState.stretch: axons one after another under the taps of a place, and their rows, at equal steps."""

    AXON = 0  # the first one,
    ROW = 1  # its row,
    LENGTH = 2
    ENTRY = 3  # of the table: sum of no rows of its piece


class Piece(IntEnum):
    """Columns of ChipState.piece: the rows of a stretch, wherever that lies."""

    ROW = 0
    LENGTH = 1


N_STRETCH, N_PIECE = len(Stretch), len(Piece)


class Route(IntEnum):
    """Columns of ChipState.route, from one core to one other that wants all its units; and of ChipState.target, from one unit."""

    DEST = 0
    AXON = 1  # there: of unit 0, those of the others follow; of this unit
    HOPS = 2


N_WAYS = len(Route)


class Trace(IntEnum):
    """Columns of a row of ChipState.trace."""

    TICK = 0
    CORE = 1  # of the unit; -1 for the inputs, which the encoders drive
    UNIT = 2
    SIGN = 3  # 0: a spike; +1, -1: an error spike that the unit learns from
