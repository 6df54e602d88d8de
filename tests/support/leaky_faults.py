"""Faults put into the RTL of neurons with a memory."""

from neurochip.cosim.leaky.lockstep import BANKS
from neurochip.cosim.leaky.rtl import NEURON_RTL
from neurochip.cosim.verilator import RTL

ADDER = RTL / "nc_saturating_add.sv"


OWN = sorted(NEURON_RTL.glob("nc_*.sv"))


SOURCES = [ADDER, *OWN]


SMALL = BANKS[2]


MUTANTS = {
    "states outlive their sample": ("nc_leaky_bank.sv", ("if (start & first) fresh <= 1'b1;\n            else if", "if")),
    "states outlive a reset": ("nc_leaky_bank.sv", ("            fresh <= 1'b1;\n            written", "            written")),
    "states are zero for ever": ("nc_leaky_bank.sv", ("else if (update & is_last) fresh <= 1'b0;", "")),
    "old states from the second neuron on": ("nc_leaky_bank.sv", ("update & is_last) fresh", "update) fresh")),
    "the next neuron's state is zero": ("nc_leaky_bank.sv", ("fresh ? '0 : word", "fresh | written ? '0 : word")),
    "the state of the neuron in hand is read": ("nc_leaky_bank.sv", ("address(following)", "address(start ? '0 : neuron)")),
    "pauses move on": ("nc_leaky_bank.sv", ("start | (update & ~is_last)", "start | ~is_last")),
    "written to the neuron in hand": ("nc_leaky_bank.sv", (".write_address(written_neuron)", ".write_address(neuron)")),
    "the ticks of rest are not kept": ("nc_leaky_bank.sv", ("{written_resting, written_v}", "{REST_BITS'(0), written_v}")),
    "spikes without an update": ("nc_leaky_bank.sv", ("spike = update & would_spike", "spike = would_spike")),
    "one place for all": ("nc_state_memory.sv", ("array[write_address] <=", "array[0] <=")),
    "leaks without being told": ("nc_leaky.sv", ("!leaks ? v : ", "")),
}  # fmt: skip
