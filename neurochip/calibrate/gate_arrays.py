"""A netlist as arrays that a compiled simulator walks: gates sorted by level, look-up tables of their functions, delays, flip-flops."""

from dataclasses import dataclass

import numpy as np

from neurochip.calibrate.cells import Pin
from neurochip.calibrate.delays import WIRE_PF, delay_ps, is_inverse
from neurochip.calibrate.functions import truth_table, variables
from neurochip.calibrate.netlist import Bit, Instance, Netlist, Wire
from neurochip.common.errors import NeurochipError

MOST_INPUTS = 6  # of a gate: its function is 64 bits
ZERO, ONE = 0, 1  # nets that never move


@dataclass(frozen=True)
class Gates:
    """Gates in order of their level: everything a gate reads is driven by one before it, by a flip-flop or by an input."""

    inputs: np.ndarray  # int32 (gates, MOST_INPUTS) nets; ZERO where there are fewer
    n_inputs: np.ndarray  # int8
    table: np.ndarray  # uint64, bit i is the output for inputs of value i
    output: np.ndarray  # int32 net
    delay_ps: np.ndarray  # int32
    level: np.ndarray  # int32
    level_start: np.ndarray  # int32 (levels + 1)


@dataclass(frozen=True)
class FlipFlops:
    """Flip-flops sorted by the clock gate before them: those of gate g are `start[g]:start[g + 1]`; group 0 is clocked in every cycle."""

    inputs: np.ndarray  # int32 (flip-flops, MOST_INPUTS) nets; its own state is one of them where it reads it
    n_inputs: np.ndarray
    table: np.ndarray
    output: np.ndarray  # int32 net that shows the state; of its own where no pin does
    inverse: np.ndarray  # int32 net that shows its inverse, -1: none
    delay_ps: np.ndarray  # int32 (flip-flops, 2) of the two
    start: np.ndarray  # int32 (gates + 2)
    enable: np.ndarray  # int32 net that enables a group, -1: always; (gates + 1)
    gated_clock: np.ndarray  # int32 net of the gated clock, -1: group 0
    outer: np.ndarray  # int32 group whose clock the gate takes


@dataclass(frozen=True)
class GateArrays:
    """A whole netlist; nets are numbered from 0, `nets` has the netlist's own numbers (-1 for the constants and inner states)."""

    nets: np.ndarray  # int64
    gates: Gates
    flip_flops: FlipFlops
    readers: np.ndarray  # int32, gates that read a net: those of net n are reader_start[n]:reader_start[n + 1]
    reader_start: np.ndarray
    inputs: list[tuple[str, int, int]]  # port, bit, net
    outputs: list[tuple[str, int, int]]


def gate_arrays(netlist: Netlist, wire_pf: Wire = WIRE_PF) -> GateArrays:
    """Return the arrays of `netlist`, with delays at loads that include `wire_pf`: per pin, or per net.

    Raises NeurochipError for what the simulator does not know: more than six inputs, asynchronous clears, falling edges, loops of gates.
    """
    return _Builder(netlist, wire_pf).arrays()


class _Builder:
    def __init__(self, netlist: Netlist, wire_pf: Wire) -> None:
        self.netlist = netlist
        self.wire_pf = wire_pf
        self.number: dict[int, int] = {}
        self.nets = [-1, -1]
        self.tables: dict[tuple[str, str, tuple[str, ...]], int] = {}

    def arrays(self) -> GateArrays:
        netlist = self.netlist
        inputs = self._port_bits("input", set(netlist.clock_nets))
        flip_flops = self._flip_flops()
        rows = [row for instance in netlist.instances if self._is_gate(instance) for row in self._gate_rows(instance)]
        outputs = self._port_bits("output", set())
        gates = _sorted_by_level(rows, len(self.nets), netlist.top)
        reader_start, readers = _readers(gates, len(self.nets))
        return GateArrays(np.array(self.nets, dtype=np.int64), gates, flip_flops, readers, reader_start, inputs, outputs)

    def net(self, bit: Bit) -> int:
        """The simulator's number of a net."""
        if isinstance(bit, str):
            return ONE if bit == "1" else ZERO
        if bit not in self.number:
            self.number[bit] = len(self.nets)
            self.nets.append(bit)
        return self.number[bit]

    def _port_bits(self, direction: str, without: set[int]) -> list[tuple[str, int, int]]:
        ports = (port for port in self.netlist.ports.values() if port.direction == direction)
        bits = ((port.name, i, bit) for port in ports for i, bit in enumerate(port.bits) if bit not in without)
        return [(name, i, self.net(bit)) for name, i, bit in bits if direction == "output" or isinstance(bit, int)]

    @staticmethod
    def _is_gate(instance: Instance) -> bool:
        return not instance.cell.flip_flop and not instance.cell.clock_gate

    def _table(self, instance: Instance, function: str, pins: tuple[str, ...]) -> int:
        key = instance.cell.name, function, pins
        if key not in self.tables:
            if len(pins) > MOST_INPUTS:
                raise NeurochipError(f"cell {instance.cell.name}: {len(pins)} inputs; at most {MOST_INPUTS} are simulated: --dont-use it")
            self.tables[key] = truth_table(function, pins, f"cell {instance.cell.name}")
        return self.tables[key]

    def _input_nets(self, instance: Instance, pins: tuple[str, ...]) -> list[int]:
        if missing := [pin for pin in pins if pin not in instance.nets]:
            raise NeurochipError(f"cell {instance.cell.name}: its function reads '{missing[0]}', no pin of it; mend the Liberty file")
        return [self.net(instance.nets[pin]) for pin in pins]

    def _gate_rows(self, instance: Instance) -> list[tuple[list[int], int, int, int]]:
        rows = []
        for output in instance.cell.outputs:
            if isinstance(bit := instance.nets.get(output.name), int):
                pins = tuple(variables(output.function))
                table = self._table(instance, output.function, pins)
                delay = self._delay(instance, output)
                rows.append((self._input_nets(instance, pins), table, self.net(bit), delay))
        return rows

    def _delay(self, instance: Instance, output: Pin) -> int:
        return delay_ps(self.netlist, instance, output.name, self.wire_pf) if output.delays else 0

    def _flip_flops(self) -> FlipFlops:
        gates = self.netlist.clock_gates
        of_clock = {gate.nets[gate.cell.clock_gate.output]: i + 1 for i, gate in enumerate(gates) if gate.cell.clock_gate}
        groups: list[list[Instance]] = [[] for _ in range(len(gates) + 1)]
        for instance in self.netlist.flip_flops:
            groups[self._group(instance, of_clock)].append(instance)
        rows = [self._flip_flop(instance) for group in groups for instance in group]
        enable, gated, outer = [-1], [-1], [0]
        for gate in gates:
            pins = gate.cell.clock_gate
            assert pins is not None
            enable.append(self.net(gate.nets[pins.enable]))
            gated.append(self.net(gate.nets[pins.output]))
            outer.append(self._group(gate, of_clock))
        inputs, counts, tables, outputs, inverses, delays = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 6
        starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
        return FlipFlops(
            _padded(inputs), np.array(counts, np.int8), np.array(tables, np.uint64), np.array(outputs, np.int32),
            np.array(inverses, np.int32), np.array(delays, np.int32).reshape(-1, 2), starts.astype(np.int32), np.array(enable, np.int32),
            np.array(gated, np.int32), np.array(outer, np.int32),
        )  # fmt: skip

    def _group(self, instance: Instance, of_clock: dict[Bit, int]) -> int:
        pin = instance.cell.clock_pin
        bit = instance.nets[pin.name] if pin else "x"
        if bit in of_clock:
            return of_clock[bit]
        if bit not in self.netlist.clock_nets:
            raise NeurochipError(f"netlist of {self.netlist.top}: the clock of {instance.name} comes from a gate; give the RTL one clock")
        return 0

    def _flip_flop(self, instance: Instance) -> tuple[list[int], int, int, int, int, tuple[int, int]]:
        ff = instance.cell.flip_flop
        assert ff is not None
        where = f"cell {instance.cell.name}"
        if ff.clocked_on.strip("() ") not in instance.cell.pins:
            raise NeurochipError(f"{where}: clocked on '{ff.clocked_on}': only rising edges are simulated; --dont-use it")
        for function in (ff.clear, ff.preset):
            if function and not self._is_tied_off(instance, function):
                raise NeurochipError(f"{where} of {instance.name}: cleared by a net without the clock: not simulated; reset with the clock")
        shown, delays = [-1, -1], [0, 0]
        for output in instance.cell.outputs:
            if isinstance(bit := instance.nets.get(output.name), int):
                at = int(is_inverse(instance, output))
                shown[at], delays[at] = self.net(bit), self._delay(instance, output)
        if shown[0] < 0:
            shown[0] = len(self.nets)
            self.nets.append(-1)
        pins = tuple(variables(ff.next_state))
        states = {ff.state: shown[0]}
        nets = [states[pin] if pin in states else self._input_nets(instance, (pin,))[0] for pin in pins]
        return nets, len(nets), self._table(instance, ff.next_state, pins), shown[0], shown[1], (delays[0], delays[1])

    def _is_tied_off(self, instance: Instance, function: str) -> bool:
        """Whether an asynchronous clear or preset can never act: its pins stand at constants, or at cells that give one."""
        pins = tuple(variables(function))
        levels = [self._constant(instance.nets.get(pin, "0")) for pin in pins]
        if None in levels:
            return False
        index = sum(1 << i for i, level in enumerate(levels) if level)
        return not truth_table(function, pins, f"cell {instance.cell.name}") >> index & 1

    def _constant(self, bit: Bit) -> bool | None:
        if isinstance(bit, str):
            return bit == "1"
        driver = self.netlist.drivers.get(bit)
        function = driver[1].function.strip("() ") if driver else ""
        return function == "1" if function in ("0", "1") else None


def _padded(rows: list[list[int]]) -> np.ndarray:
    padded = np.full((len(rows), MOST_INPUTS), ZERO, dtype=np.int32)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded


def _sorted_by_level(rows: list[tuple[list[int], int, int, int]], n_nets: int, top: str) -> Gates:
    """Levels by repeated sweeps over the gates whose inputs are all known."""
    inputs = _padded([row[0] for row in rows])
    tables, outputs, delays = (np.array([row[i] for row in rows], dtype=t) for i, t in ((1, np.uint64), (2, np.int32), (3, np.int32)))
    driver = np.full(n_nets, -1, dtype=np.int64)
    driver[outputs] = np.arange(len(rows))
    level, waiting = np.zeros(len(rows), dtype=np.int32), np.arange(len(rows))
    known = driver < 0
    at = 0
    while len(waiting):
        ready = known[inputs[waiting]].all(axis=1)
        if not ready.any():
            raise NeurochipError(f"netlist of {top}: a loop of gates through {len(waiting)} of them; break it in the RTL")
        level[waiting[ready]] = at
        known[outputs[waiting[ready]]] = True
        waiting = waiting[~ready]
        at += 1
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(at + 1)).astype(np.int32)
    counts = np.array([len(row[0]) for row in rows], dtype=np.int8)
    return Gates(inputs[order], counts[order], tables[order], outputs[order], delays[order], level[order], starts)


def _readers(gates: Gates, n_nets: int) -> tuple[np.ndarray, np.ndarray]:
    used = np.arange(MOST_INPUTS) < gates.n_inputs[:, None]
    nets, gate = gates.inputs[used], np.broadcast_to(np.arange(len(gates.output))[:, None], used.shape)[used]
    pairs = np.unique(np.stack([nets, gate], axis=1), axis=0)
    start = np.searchsorted(pairs[:, 0], np.arange(n_nets + 1)).astype(np.int32)
    return start, np.ascontiguousarray(pairs[:, 1]).astype(np.int32)
