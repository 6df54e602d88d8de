"""Neurons with a memory: rtl_models/neuron, verilated, and the simulator's kernel on the same accumulators, neuron by neuron."""

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numba import njit

from neurochip.common.errors import NeurochipError
from neurochip.core.cores import cut_core
from neurochip.core.events import Event
from neurochip.core.leaky import FORWARD, fire_with_memory
from neurochip.core.state import ChipState
from neurochip.core.vectors import Model, P
from neurochip.cosim import asserted
from neurochip.cosim.verilator import RTL, Design, build_design
from neurochip.energy.table import EnergyTable, load_table
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.setup import Experiment, Setup
from neurochip.mapping.place import place
from neurochip.simulator.build import build_chip

NEURON_RTL = RTL / "neuron"
TOP = "nc_leaky_bank"
WRAPPER = Path(__file__).with_name("leaky.cpp")
FIELDS = ("neuron in hand", "spike", "gate", "clamped", "neuron written", "potential", "ticks of rest")  # enum Field of leaky.cpp
ALL, ONE = 0, 1  # cores of the chip: all neurons, and one of the same kind, which tells which neuron a clamp was


class Bank(NamedTuple):
    """Widths and size of an nc_leaky_bank, and the fraction bits of the layer that it stands for."""

    neurons: int
    state_bits: int
    acc_bits: int
    rest_bits: int
    frac_bits: int


@dataclass(frozen=True)
class Difference:
    """The first thing in which the RTL is not the simulator."""

    tick: int
    neuron: int
    field: str  # of FIELDS
    expected: int
    got: int
    violation: str = ""  # of an assertion, in whatever tick

    @property
    def text(self) -> str:
        """The difference as a line."""
        return self.violation or f"tick {self.tick}, neuron {self.neuron}, {self.field}: expected {self.expected}, got {self.got}"


class Told(NamedTuple):
    """What the kernel made of the accumulators: (ticks, neurons) each."""

    fired: np.ndarray  # uint8, as all but `membrane`
    gate: np.ndarray
    clamped: np.ndarray
    membrane: np.ndarray  # int32
    resting: np.ndarray


class _Run(ctypes.Structure):
    """struct Run of leaky.cpp."""

    _fields_: ClassVar[Any] = (
        [(name, ctypes.c_int64) for name in ("ticks", "neurons", "state_bits", "acc_bits", "leaks", "leak_shift", "leak_factor")]
        + [(name, ctypes.c_int64) for name in ("threshold", "taken", "refractory", "seed", "pauses_of_256")]
        + [(name, ctypes.c_void_p) for name in ("drive", "first", *Told._fields)]
        + [(name, ctypes.c_int64) for name in ("cycles", "tick", "neuron", "field", "expected", "got")]
    )


def bank_library(bank: Bank, rtl: Path = NEURON_RTL, lenient: bool = False) -> Path:
    """Build the verilated bank, or take an earlier build. lenient: warnings are no errors, for faults put in on purpose."""
    parameters = (("N_NEURONS", bank.neurons), ("STATE_BITS", bank.state_bits), ("ACC_BITS", bank.acc_bits), ("REST_BITS", bank.rest_bits))
    sources = (RTL / "nc_saturating_add.sv", *sorted(rtl.glob("nc_*.sv")))
    return build_design(Design(TOP, sources, WRAPPER, parameters, lenient))


@functools.cache
def _presets() -> tuple[Chip, EnergyTable]:
    chip = load_chip("serial64", {"rng": {"kind": "xorshift32"}}, "leaky")  # whose seeds are found fast; these neurons do not draw
    return chip, load_table("loihi_sanafe")


def chip_of(bank: Bank, neuron: dict[str, Any]) -> ChipState:
    """Build a chip, as every experiment has it built, whose core ALL has as many such neurons as the bank, and its core ONE has one."""
    layer = {"neuron": {**neuron, "state_bits": bank.state_bits}, "frac_bits": bank.frac_bits, "weight_bits": min(bank.acc_bits, 16)}
    experiment = Experiment.model_validate({
        "name": "leaky",
        "data": {"name": "npz", "path": "made from a seed"},
        "chip": {"preset": "serial64"},
        "network": {"layers": [{"neurons": bank.neurons, **layer}, {"neurons": 1, **layer}, {"neurons": 2}]},
        "rule": {"name": "frozen"},
        "run": {"epochs": 1, "ticks": 8},
        "energy": {"table": "loihi_sanafe"},
    })  # fmt: skip
    chip, table = _presets()
    return build_chip(chip, experiment, place(Setup(experiment=experiment, chip=chip, energy_table=table, where="leaky"), 3, 2))


@njit(cache=True)
def _tell(chip, drive, first, fired, gate, clamped, membrane, resting):  # type: ignore[no-untyped-def]
    """Run the kernel on every tick. Return the first tick in which core ONE, given a neuron's state, is not what core ALL says; or -1."""
    core, one = cut_core(chip, 0, 0), cut_core(chip, 1, 0)
    clamps = FORWARD + Event.ACC_SATURATED
    for t in range(drive.shape[0]):
        if first[t]:
            core.membrane[:] = 0
            core.resting[:] = 0
        same = True
        for j in range(drive.shape[1]):
            one.acc[0], one.membrane[0], one.resting[0], one.counts[clamps] = drive[t, j], core.membrane[j], core.resting[j], 0
            fire_with_memory(one)
            fired[t, j], gate[t, j], clamped[t, j] = one.fired[0], one.gate[0], one.counts[clamps]
            membrane[t, j], resting[t, j] = one.membrane[0], one.resting[0]
            core.acc[j] = drive[t, j]
        core.counts[clamps] = 0
        fire_with_memory(core)
        for j in range(drive.shape[1]):
            same &= fired[t, j] == core.fired[j] and gate[t, j] == core.gate[j]
            same &= membrane[t, j] == core.membrane[j] and resting[t, j] == core.resting[j]
        if not same or core.counts[clamps] != clamped[t].sum():
            return t
    return -1


def told_by_kernel(chip: ChipState, drive: np.ndarray, first: np.ndarray) -> Told:
    """Run the kernel on drive int32 (ticks, neurons), the accumulators; first uint8 (ticks,): a sample begins."""
    told = Told(*(np.zeros(drive.shape, np.int32 if name == "membrane" else np.uint8) for name in Told._fields))
    if (tick := _tell(chip, drive, first, *told)) >= 0:
        raise NeurochipError(f"leaky: tick {tick}: the kernel makes something else of one neuron alone than of the same among all")
    return told


class BankRtl:
    """A verilated bank. It may run one choice of options after the other, without a reset."""

    def __init__(self, bank: Bank, library: Path) -> None:
        self.bank = bank
        self._lib = ctypes.CDLL(str(library))
        self._lib.leaky_new.restype = ctypes.c_void_p
        self._rtl = ctypes.c_void_p(self._lib.leaky_new())

    def __enter__(self) -> "BankRtl":
        return self

    def __exit__(self, *_: Any) -> None:
        self._lib.leaky_free(self._rtl)

    def run(
        self, param: np.ndarray, drive: np.ndarray, first: np.ndarray, told: Told, pauses: int, seed: int
    ) -> tuple[int, Difference | None]:
        """Run the bank; return cycles, and the first difference, after which the bank is of no more use. param: the core's.

        pauses: how many of 256 cycles pass without an update, and samples are broken off before others; 0: neither.
        """
        leaks = param[P.MODEL] == Model.LIF
        factor = param[P.LEAK_FACTOR] if leaks else 0  # the kernel's for no leak is one; the RTL must not look at it
        sizes = (len(drive), *self.bank[:3], leaks, param[P.LEAK_SHIFT], factor, param[P.THRESHOLD])
        arrays = (array.ctypes.data for array in (drive, first, *told))
        run = _Run(*map(int, (*sizes, param[P.TAKEN], param[P.REFRACTORY], seed, pauses)), *arrays)
        if self._lib.leaky_run(self._rtl, ctypes.byref(run)):
            return run.cycles, Difference(run.tick, run.neuron, FIELDS[run.field], run.expected, run.got)
        if violation := asserted.violation(self._lib):
            return run.cycles, Difference(-1, -1, "an assertion", 0, 1, violation)
        return run.cycles, None
