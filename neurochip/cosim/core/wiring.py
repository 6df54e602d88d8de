"""What lies between the simulator's arrays and the RTL's configuration port: how words are packed, what is written, what is read back."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from neurochip.core.rng import RngParam, Sharing
from neurochip.core.state import ChipState
from neurochip.core.vectors import Model, P, Run
from neurochip.cosim.core.bridge import Rtl
from neurochip.cosim.core.package import BARRIER_CYCLES, words_in_line
from neurochip.cosim.core.record import P_LEARN
from neurochip.cosim.core.register_map import BARRIER_CORE, IDENTITY, Barrier, Region, Register, port_address
from neurochip.cosim.core.rule_views import CoreView, register_slices, state_slices
from neurochip.cosim.rule.core_modules import RuleHardware
from neurochip.experiment.chip import Chip
from neurochip.mapping.place import Placement
from neurochip.simulator.memories import core_weights


class Wiring:
    """What the RTL must be told of a chip beside its arrays: how words are packed, how long the barrier takes."""

    def __init__(self, state: ChipState, placements: Sequence[Placement], chip: Chip, hardware: RuleHardware | None = None) -> None:
        """Take a chip's widths; hardware: its rule, if that is made from its text."""
        self.hardware = hardware
        self.chip = chip
        self.placements = placements
        self.word_bits = chip.core.word_bits
        self.slices = -(-self.word_bits // 32)
        self.weight_bits = np.array([place.weight_bits for place in placements], dtype=np.int64)
        self.quiet = chip.cycles_per_tick.network + chip.cycles_per_tick.barrier - BARRIER_CYCLES
        self.input_lanes = chip.core.input_lanes
        self.shared = state.rng_param[RngParam.SHARING] != Sharing.PER_UNIT


def pack(weight: np.ndarray, weight_bits: int, word_bits: int, beside: int = 1) -> np.ndarray:
    """Pack weights (axons, neurons) into lines of `beside` words, as slices of 32 bits: uint32 (axons, words, slices)."""
    axons, neurons = weight.shape
    fields = word_bits // weight_bits
    rows, slices = -(-neurons // (fields * beside)) * beside, -(-word_bits // 32)
    padded = np.zeros((axons, rows * fields), dtype=np.int64)
    padded[:, :neurons] = weight
    bits = (padded[..., None] >> np.arange(weight_bits)) & 1
    words = np.zeros((axons, rows, slices * 32), dtype=np.uint8)
    words[..., : fields * weight_bits] = bits.reshape(axons, rows, fields * weight_bits)
    packed = np.packbits(words, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u4").astype(np.uint32).reshape(axons, rows, slices)


class Port(Protocol):
    """Something that takes configuration writes: the RTL, or a list of them."""

    def write(self, core: int, address: int, values: np.ndarray, increment: int = 1) -> None:
        """Write values to successive addresses."""


def port_words(core: int, address: int, values: np.ndarray, increment: int) -> np.ndarray:
    """Return accesses to the port as uint64 (values,): core in the upper 8 bits, address in the next 24, data in the lower 32."""
    addresses = np.uint64(address) + np.arange(len(values), dtype=np.uint64) * np.uint64(increment)
    return np.uint64(core) << np.uint64(56) | addresses << np.uint64(32) | values.astype(np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF)


class Writes:
    """A port that keeps what is written."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def write(self, core: int, address: int, values: np.ndarray, increment: int = 1) -> None:
        """Note writes of values to successive addresses."""
        self._parts.append(port_words(core, address, np.asarray(values), increment))

    def words(self) -> np.ndarray:
        """Return all writes in order, as port_words."""
        return np.concatenate(self._parts)


def load(rtl: Port, state: ChipState, wiring: Wiring, run: np.ndarray) -> None:
    """Write everything that the chip holds into the RTL, by its configuration port."""
    rtl.write(BARRIER_CORE, Barrier.TICKS, barrier_registers(run, wiring))
    for c in range(len(wiring.placements)):
        rtl.write(c, port_address(Region.REGISTERS, Register.P_LEARN), registers(state, c, wiring))
        neurons, axons = generators(state, wiring, c)
        rtl.write(c, port_address(Region.NEURON_RNG), neurons, 0)
        rtl.write(c, port_address(Region.AXON_RNG), axons)  # a ring moves by one state, a memory takes the address
        rtl.write(c, port_address(Region.LEARN_RNG), state.rng_learn[c : c + 1])
        rtl.write(c, port_address(Region.BIASES), core_weights(state, c)[1].view(np.uint32))
        rtl.write(c, port_address(Region.MEMORY), memory_slices(state, wiring, c))
        for region, values in kept_slices(state, wiring, c).items():
            rtl.write(c, port_address(region), values)


def memory_slices(state: ChipState, wiring: Wiring, c: int) -> np.ndarray:
    """Return what core c's memory holds, weights with the tags of a rule above them, as the configuration port shows it."""
    place, hardware = wiring.placements[c], wiring.hardware
    if hardware is None:
        fields, bits = core_weights(state, c)[0], place.weight_bits
    else:
        tag_bits = sum(slot.bits for slot in hardware.tags)
        view = CoreView(state, c, hardware.description, place.field_bits - tag_bits != place.weight_bits)
        fields, bits = view.fields(place.weight_bits, hardware.tags), place.field_bits
    return pack(fields, bits, wiring.word_bits, words_in_line(place)).ravel()


def kept_slices(state: ChipState, wiring: Wiring, c: int) -> dict[Region, np.ndarray]:
    """Return, by region, registers and states of a rule that is made from its text; {} of any other."""
    hardware = wiring.hardware
    if hardware is None:
        return {}
    view = CoreView(state, c, hardware.description)
    found = {
        Region.RULE: register_slices(state, c, hardware), Region.AXON_STATES: state_slices(view.axon, hardware.axon),
        Region.NEURON_STATES: state_slices(view.neuron, hardware.neuron),
    }  # fmt: skip
    return {region: values for region, values in found.items() if len(values)}


def registers(state: ChipState, c: int, wiring: Wiring) -> np.ndarray:
    """Return core c's configuration registers from p_learn on, in order of their addresses; p_learn is 0 where a rule has others."""
    param, bits = state.param[c], int(state.rng_param[RngParam.BITS])
    p_learn = int(state.rule_param[c, P_LEARN]) if state.rule_param.shape[1] and wiring.hardware is None else 0
    values = {
        Register.P_LEARN: p_learn & (1 << bits) - 1,
        Register.BETA: param[P.BETA],
        Register.ERROR_GAIN: param[P.ERROR_GAIN],
        Register.READS_POTENTIALS: param[P.READOUT],
        Register.P_LEARN_IS_ONE: p_learn >> bits,
    }
    return np.array([values[register] for register in Register if register >= Register.P_LEARN])


def barrier_registers(run: np.ndarray, wiring: Wiring) -> np.ndarray:
    """Return the barrier's registers of a run vector, in order of their addresses: those of a reward where the rule hears one."""
    values = {
        Barrier.TICKS: run[Run.TICKS],
        Barrier.LEARN_FROM: run[Run.LEARN_FROM],
        Barrier.READ_FROM: run[Run.READ_FROM],
        Barrier.TEACH: run[Run.TEACH],
        Barrier.EXIT_MARGIN: run[Run.EXIT_MARGIN],
        Barrier.EXIT_MIN_TICKS: run[Run.EXIT_MIN_TICKS],
        Barrier.JUDGED: run[Run.JUDGED],
        Barrier.REWARDED: run[Run.REWARDED],
    }
    hears = wiring.hardware is not None and wiring.hardware.description.hears_reward
    return np.array([values[register] for register in Barrier if hears or register < Barrier.JUDGED]) & 0xFFFFFFFF


def generators(state: ChipState, wiring: Wiring, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the states of core c's soma and axon generators, as many as there are."""
    place, param = wiring.placements[c], state.param[c]
    neurons, axons = (1, 1) if wiring.shared else (place.neurons, place.axons - place.own_axons)
    neurons = neurons if param[P.MODEL] == Model.STOCHASTIC else 0  # those with a memory draw no words
    at, from_axon = param[P.NEURON_AT], param[P.AXON_AT]
    return state.rng_neuron[at : at + neurons], state.rng_axon[from_axon : from_axon + axons]


class Readable(NamedTuple):
    """Registers that can be read back, and what must stand in them."""

    core: int
    what: str
    address: int
    increment: int
    expected: np.ndarray  # uint32


def readable(state: ChipState, wiring: Wiring, run: np.ndarray, votes: np.ndarray) -> Iterator[Readable]:
    """Yield everything that the configuration port shows, with the simulator's values; `votes` are those of the last sample."""
    for c, place in enumerate(wiring.placements):
        neurons, axons = generators(state, wiring, c)
        bias, words = core_weights(state, c)[1], memory_slices(state, wiring, c)
        counts = state.counts[c]
        halves = np.stack([counts & 0xFFFFFFFF, counts >> 32], axis=1).ravel() * wiring.chip.core.counters  # those left out read zero
        for what, address, increment, expected in (
            ("identity, axons, neurons", port_address(Region.REGISTERS), 1, np.array([IDENTITY, place.axons, place.neurons])),
            (
                "configuration register",
                port_address(Region.REGISTERS, Register.P_LEARN),
                1,
                registers(state, c, wiring),
            ),
            ("neuron generator", port_address(Region.NEURON_RNG), 0, neurons),
            ("axon generator", port_address(Region.AXON_RNG), 1, axons),
            ("learn generator", port_address(Region.LEARN_RNG), 1, state.rng_learn[c : c + 1]),
            ("bias", port_address(Region.BIASES), 1, bias.view(np.uint32)),
            ("memory slice", port_address(Region.MEMORY), 1, words),
            ("counter half", port_address(Region.COUNTERS), 1, halves),
        ):
            yield Readable(c, what, address, increment, np.asarray(expected).astype(np.uint32))
        for region, values in kept_slices(state, wiring, c).items():
            yield Readable(c, f"{region.name.lower().replace('_', ' ')}, slice", port_address(region), 1, values)
    yield Readable(BARRIER_CORE, "register", Barrier.TICKS, 1, barrier_registers(run, wiring).astype(np.uint32))
    yield Readable(len(wiring.placements) - 1, "read-out register", port_address(Region.VOTES), 1, votes.astype(np.int32).view(np.uint32))


def read_back(rtl: Rtl, state: ChipState, wiring: Wiring, run: np.ndarray, votes: np.ndarray) -> list[str]:
    """Compare all that can be read back with the simulator; one line per kind of register that differs."""
    faults = []
    for entry in readable(state, wiring, run, votes):
        got = rtl.read(entry.core, entry.address, len(entry.expected), entry.increment)
        wrong = np.flatnonzero(got != entry.expected)
        if len(wrong):
            at, n = wrong[0], len(entry.expected)
            faults.append(
                f"core {entry.core} {entry.what} {at}: expected 0x{entry.expected[at]:x}, got 0x{got[at]:x} ({len(wrong)} of {n} differ)"
            )
    return faults
