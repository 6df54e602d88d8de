"""A netlist run on recorded pins by the project's own simulator: every output compared in every cycle, toggles counted per net and row.

As `replay` with Icarus Verilog, which is its second opinion, but for netlists of any size: it compiles nothing and touches only what moves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurochip.calibrate.delays import WIRE_PF
from neurochip.calibrate.gate_arrays import ONE, GateArrays, gate_arrays
from neurochip.calibrate.gate_kernel import DIFFERS, settle, simulate
from neurochip.calibrate.netlist import Netlist, Wire
from neurochip.calibrate.pins import PinWaves
from neurochip.calibrate.replay import INPUT_DELAY_PS
from neurochip.common.errors import NeurochipError

CHUNK = 4096  # cycles whose pins are unpacked at once


@dataclass(frozen=True)
class Toggles:
    """Toggles per row of work and net, with delays (glitches included) and without."""

    nets: np.ndarray  # (nets,) the netlist's own numbers; -1: not one of it
    delayed: np.ndarray  # int64 (rows, nets)
    settled: np.ndarray  # int64 (rows, nets)

    @cached_property
    def _at(self) -> dict[int, int]:
        return {int(net): i for i, net in enumerate(self.nets) if net >= 0}

    def energy_pj(self, toggle_pj: Mapping[int, float], only: Collection[int] | None = None, glitches: bool = True) -> np.ndarray:
        """Return the energy of each row in pJ, (rows,); with `only`, of those nets alone; without glitches, of settled values."""
        price = np.zeros(len(self.nets))
        for net, pj in toggle_pj.items():
            if net in self._at and (only is None or net in only):
                price[self._at[net]] = pj
        return (self.delayed if glitches else self.settled) @ price


def run_gates(
    netlist: Netlist, waves: PinWaves, rows: np.ndarray | None = None, not_compared: Collection[str] = (),
    wire_pf: Wire = WIRE_PF,
) -> Toggles:  # fmt: skip
    """Simulate `netlist` on `waves`, delays at loads with `wire_pf`. rows: row of work of each cycle, -1: not counted; None: each its own.

    Raises NeurochipError at the first output that differs, but for those in `not_compared`, left out of the netlist on purpose.
    """
    if missing := [p.name for p in netlist.ports.values() if p.name not in (*waves.ports, waves.clock, *not_compared)]:
        raise NeurochipError(f"netlist of {netlist.top}: no record of port {missing[0]}; the RTL that was recorded has other ports")
    arrays = gate_arrays(netlist, wire_pf)
    rows = np.arange(len(waves)) if rows is None else rows
    n_rows = int(rows.max(initial=-1)) + 1
    delayed, settled = (np.zeros((n_rows, len(arrays.nets)), dtype=np.int64) for _ in range(2))
    given = [pin for pin in arrays.inputs if pin[0] != waves.clock]
    wanted = [pin for pin in arrays.outputs if pin[0] not in not_compared]
    values, late = _at_rest(arrays, waves, given), np.zeros(len(arrays.flip_flops.output), dtype=np.uint8)
    numbers = [np.array([net for _, _, net in pins], dtype=np.int32) for pins in (given, wanted)]
    for begin in range(0, len(waves), CHUNK):
        part = slice(begin, begin + CHUNK)
        levels = [waves.levels([(port, bit) for port, bit, _ in pins], part) for pins in (given, wanted)]
        levels[0][levels[0] > 1] = 0
        code, cycle, pin = simulate(
            _fields(arrays.gates), _fields(arrays.flip_flops), arrays.readers, arrays.reader_start, numbers[0], INPUT_DELAY_PS, numbers[1],
            levels[0], levels[1], rows[part].astype(np.int64), values, late, delayed, settled,
        )  # fmt: skip
        if code == DIFFERS:
            port, bit, net = wanted[pin]
            raise NeurochipError(
                f"netlist of {netlist.top}: not the RTL: cycle {begin + cycle}, output {port}[{bit}] is {values[net]}, the RTL has "
                f"{levels[1][cycle, pin]}; the library's functions or the synthesis are wrong, nothing was written"
            )
    return Toggles(arrays.nets, delayed, settled)


def _fields(part: object) -> tuple[np.ndarray, ...]:
    return tuple(vars(part).values())


def _at_rest(arrays: GateArrays, waves: PinWaves, given: list[tuple[str, int, int]]) -> np.ndarray:
    """Values of all nets at the start: flip-flops at 0, inputs as in the first cycle."""
    values = np.zeros(len(arrays.nets), dtype=np.uint8)
    values[ONE] = 1
    inverse = arrays.flip_flops.inverse
    values[inverse[inverse >= 0]] = 1
    first = waves.levels([(port, bit) for port, bit, _ in given], slice(0, 1))
    for (_, _, net), level in zip(given, first[0] if len(first) else [], strict=False):
        values[net] = level & 1
    gates = arrays.gates
    settle(gates.inputs, gates.n_inputs, gates.table, gates.output, values)
    return values
