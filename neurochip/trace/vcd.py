"""Recorded samples as a value change dump (IEEE 1364), which waveform viewers such as GTKWave and Surfer open.

Per core: the phase it is in, lengths of its queues, spikes and error spikes sent; of layers with few units one wire per unit, high
while the layer's last core fires in a tick in which the unit spikes.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.trace.observe import QUEUES, Recording
from neurochip.trace.timeline import Stage

FEW = 64  # units of a layer that gets a wire for each
IDLE = 0  # the phase of a core that waits for the end of the tick; phase k of Stage is k + 1
SHOWN_FROM = {"spikes_out": Stage.FIRE, "errors_out": Stage.ERROR_FIRE, "own_errors": Stage.RECEIVE}  # others from the tick's beginning


class Signals:
    """The variables of a dump and what they become when."""

    def __init__(self) -> None:
        self.header: list[str] = []
        self.widths: dict[str, int] = {}
        self.changes: list[tuple[int, str, int]] = []

    def scope(self, name: str) -> None:
        """Open a scope for the variables that follow."""
        self.header.append(f"$scope module {identifier(name)} $end")

    def end(self) -> None:
        """Close the scope that was opened last."""
        self.header.append("$upscope $end")

    def variable(self, name: str, width: int) -> str:
        """Add a variable; return its code."""
        n, code = len(self.widths), ""
        while not code or n:
            n, digit = divmod(n, 94)
            code += chr(33 + digit)
        self.widths[code] = width
        self.header.append(f"$var {'wire' if width == 1 else 'reg'} {width} {code} {identifier(name)} $end")
        return code

    def set(self, time: int, code: str, value: int) -> None:
        """Set a variable to that value from then on; the later of two calls counts."""
        self.changes.append((time, code, value))

    def lines(self, comment: str) -> Iterator[str]:
        """Yield the lines of the file."""
        yield "$version neurochip $end"
        yield f"$comment {comment} $end"
        yield "$timescale 1 ps $end"
        yield from self.header
        yield "$enddefinitions $end"
        last: dict[str, int] = dict.fromkeys(self.widths, 0)
        yield "$dumpvars"
        yield from (self._value(code, 0) for code in self.widths)
        yield "$end"
        by_time: dict[int, dict[str, int]] = {}
        for time, code, value in self.changes:
            by_time.setdefault(time, {})[code] = value
        for time in sorted(by_time):
            changed = {code: value for code, value in by_time[time].items() if last[code] != value}
            if changed or time == max(by_time):
                yield f"#{time}"
                yield from (self._value(code, value) for code, value in changed.items())
                last |= changed

    def _value(self, code: str, value: int) -> str:
        return f"{value}{code}" if self.widths[code] == 1 else f"b{value:b} {code}"


def identifier(name: str) -> str:
    """Turn a name into one that every viewer takes."""
    return re.sub(r"\W", "_", name)


def write_vcd(path: Path, recordings: list[Recording], clock_mhz: float) -> int:
    """Write the file; return how many signals it has."""
    signals, facts = Signals(), recordings[0].facts
    cores, network = json.loads(facts["cores"]), json.loads(facts["network"])
    recorded = [i for i, (name, _) in enumerate(network) if name in json.loads(facts["recorded_layers"])]
    wired = [i for i in recorded if network[i][1] <= FEW and f"layers/{i}/spikes" in recordings[0].arrays]
    signals.scope("chip")
    sample_code, tick_code = signals.variable("sample", 32), signals.variable("tick", 17)
    codes, wires = [], {}
    for c, (name, _) in enumerate(cores):
        signals.scope(f"core{c}_{name}")
        codes.append({key: signals.variable(key, 4 if key == "phase" else 32) for key in ("phase", *QUEUES)})
        signals.end()
    for i in wired:
        signals.scope(f"layer{i}_{network[i][0]}")
        wires[i] = [signals.variable(f"unit{unit}", 1) for unit in range(network[i][1])]
        signals.end()
    signals.end()
    start = 0
    for recording in recordings:
        arrays, first = recording.arrays, recording.facts["first"]
        offset = start - int(arrays["tick_cycles"][0, 0])
        for k, (begin, length) in enumerate((arrays["tick_cycles"] + [offset, 0]).tolist()):
            at, end = begin, begin + length
            signals.set(ps(at, clock_mhz), tick_code, first + k)
            signals.set(ps(at, clock_mhz), sample_code, recording.facts["position"])
            fires: dict[int, tuple[int, int]] = {}  # layer: when its last core begins and ends to fire
            for c, stages in enumerate(arrays["stages"][k].tolist()):
                fires[cores[c][1]] = max(
                    (at + sum(stages[: Stage.FIRE]), at + sum(stages[: Stage.FIRE + 1])), fires.get(cores[c][1], (0, 0))
                )
                _core(signals, codes[c], at, end, stages, arrays["queues"][k, c], clock_mhz)
            for i in wired:
                rows = arrays[f"layers/{i}/spikes"]
                for unit in rows[rows[:, 0] == first + k, 1].tolist():
                    signals.set(ps(fires[i][0], clock_mhz), wires[i][unit], 1)
                    signals.set(ps(fires[i][1], clock_mhz), wires[i][unit], 0)
        start += int(arrays["tick_cycles"][:, 1].sum())
    signals.set(ps(start, clock_mhz), tick_code, recordings[-1].facts["last"])  # the dump lasts to the end of the last tick
    names = ", ".join(f"{stage + 1} {stage.name.lower()}" for stage in Stage)
    comment = f"phase: 0 idle, {names}. Recorded samples follow each other; {1e6 / clock_mhz:g} ps are one cycle."

    def write(part: Path) -> None:
        with open(part, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in signals.lines(comment))

    write_atomically(path, write, ELSEWHERE)
    return len(signals.widths)


def ps(cycle: int, clock_mhz: float) -> int:
    """Return the time of a cycle in ps."""
    return round(cycle * 1e6 / clock_mhz)


def _core(signals: Signals, codes: dict[str, str], begin: int, end: int, stages: list[int], queues: np.ndarray, clock_mhz: float) -> None:
    """One core's tick: phases one after another, then idle to its end."""
    for name, value in zip(QUEUES, queues.tolist(), strict=True):
        shown_from = begin + sum(stages[: SHOWN_FROM.get(name, 0)])
        if name in SHOWN_FROM:
            signals.set(ps(begin, clock_mhz), codes[name], 0)
        signals.set(ps(shown_from, clock_mhz), codes[name], value)
    at = begin
    for stage, cycles in zip(Stage, stages, strict=True):
        if cycles:
            signals.set(ps(at, clock_mhz), codes["phase"], stage + 1)
        at += cycles
    if at < end:
        signals.set(ps(at, clock_mhz), codes["phase"], IDLE)
