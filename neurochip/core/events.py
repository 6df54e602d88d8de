"""The vocabulary: one member per hardware action. Kernels count events, `chips/*.toml` times them, `energy_tables/*.toml` prices them.

A new action is one line here (and one in COMPONENT); every chip and energy table that does not time and price it is then refused.
"""

from enum import IntEnum


class Phase(IntEnum):
    """The part of a tick an event belongs to; counters are kept per core and phase."""

    FORWARD = 0  # encode, integrate, fire, read out
    ERROR = 1  # back-integrate, error fire, receive errors
    LEARN = 2  # draws, reads and writes of the learning rule


class Event(IntEnum):
    """A counted hardware action (or, in the last block, an observed loss, which takes no cycle and no energy)."""

    INPUT_LOAD = 0  # one input intensity written into an axon's register, once per sample
    WORD_READ = 1  # one word of the synapse memory read by row
    WORD_WRITE = 2  # one word of the synapse memory written
    COLUMN_READ = 3  # one word read on the column port of a transposable memory
    ACCUMULATE = 4  # one weight added to one accumulator: forward it is a synaptic operation (SOP)
    NEURON_UPDATE = 5  # one soma evaluated: potential against a draw, gate bit set (or one term of the winner-take-all)
    ERROR_UPDATE = 6  # one error soma with a non-zero sum evaluated
    READOUT = 7  # one potential or spike added to a read-out register of the output core
    RNG_DRAW = 8  # one generator stepped: one fresh random word, however many units share it
    SPIKE_IN = 9  # one spike taken from the core's input queue
    SPIKE_OUT = 10  # one spike sent
    ERROR_IN = 11  # one error spike taken from the core's input queue
    ERROR_OUT = 12  # one error spike sent
    HOP = 13  # one packet moved over one link
    WEIGHT_UPDATE = 14  # one weight changed by one step in the update logic
    BIAS_UPDATE = 15  # one bias changed by one step
    BARRIER = 16  # the end of one tick, once per core
    LEARN_DECISION = 17  # one own error spike offered to the learning rule: drawn, and its bias stepped
    ADDRESS = 18  # one location of a layer with shared weights looked up: its drawn position, and the address of the row under its tap
    STATE_READ = 19  # the state of one neuron with a memory read
    STATE_WRITE = 20  # the state of one neuron with a memory written
    BANK_ACCESS = 21  # one access to the memory's banks side by side, whatever number of words it reads or writes
    SOMA_CYCLE = 22  # one step of the soma units: as many neurons as there are soma lanes
    INPUT_CYCLE = 23  # one step of the input: as many intensities loaded, or axons encoded one after another, as there are input lanes
    SIGN_CYCLE = 24  # one step of random feedback: as many fixed signs made from a word, and added, as a word of weights has fields
    # observed, never timed or priced:
    ERROR_GATED = 25  # an error spike that met a closed gate
    UPDATE_LOST = 26  # an update without effect: weight or bias already at its rail
    ACC_SATURATED = 27  # an addition clamped at the accumulator's rail
    ERROR_SATURATED = 28  # an error sum above what a probability of one can express
    ERROR_CANCELLED = 29  # an error spike that met one of the opposite sign, from another core or the other stream, on its neuron


N_EVENTS = len(Event)
N_PHASES = len(Phase)
STEP_OF = {
    Event.WORD_READ: Event.BANK_ACCESS,
    Event.WORD_WRITE: Event.BANK_ACCESS,
    Event.NEURON_UPDATE: Event.SOMA_CYCLE,
    Event.INPUT_LOAD: Event.INPUT_CYCLE,
}
"""The event that names a cycle in which several of each happen at once."""
STEPS = (*dict.fromkeys(STEP_OF.values()), Event.SIGN_CYCLE)
"""These, and the one of fixed signs; an energy table that does not know them gives them nothing, nor does a chip but for the last."""
OBSERVED = (Event.ERROR_GATED, Event.UPDATE_LOST, Event.ACC_SATURATED, Event.ERROR_SATURATED, Event.ERROR_CANCELLED)

COMPONENT = {
    "synapse_memory": (Event.WORD_READ, Event.WORD_WRITE, Event.COLUMN_READ, Event.ADDRESS, Event.BANK_ACCESS),
    "neuron": (
        *(Event.INPUT_LOAD, Event.ACCUMULATE, Event.NEURON_UPDATE, Event.ERROR_UPDATE, Event.READOUT, Event.BARRIER),
        *(Event.STATE_READ, Event.STATE_WRITE, Event.SOMA_CYCLE, Event.INPUT_CYCLE, Event.SIGN_CYCLE),
    ),
    "random": (Event.RNG_DRAW,),
    "learning": (Event.WEIGHT_UPDATE, Event.BIAS_UPDATE, Event.LEARN_DECISION),
    "network": (Event.SPIKE_IN, Event.SPIKE_OUT, Event.ERROR_IN, Event.ERROR_OUT, Event.HOP),
}  # which line of the energy report an event belongs to; leakage is a line of its own
