"""Recorded samples as a timeline in the Chrome trace event format, which the Perfetto viewer (ui.perfetto.dev) and chrome://tracing open.

Every core is a process. Its thread "phases" has one slice per tick, and in it one per phase. On a mesh two more threads show the cycle in
which each packet enters and leaves the network. A packet is a flow: from there to there, or without a mesh from the cycle in which it is
made to the next tick of the core that takes it. Times are whole nanoseconds of the chip's clock; recorded samples follow each other.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.trace.observe import Recording
from neurochip.trace.timeline import HOST, Column, Kind, Stage

PHASES, OUT, IN = 1, 2, 3  # threads
CHIP = 0  # the process of the chip; core c is c + 1, the host comes after the last


class Timeline:
    """Makes the events of a run's recordings."""

    def __init__(self, recordings: list[Recording], clock_mhz: float) -> None:
        self.recordings = recordings
        self.clock_mhz = clock_mhz
        self.cores: list[tuple[str, int]] = json.loads(recordings[0].facts["cores"])
        self.layers = [name for name, _ in json.loads(recordings[0].facts["network"])]
        self.has_mesh = any((one.arrays["packets"][:, Column.INJECTED] >= 0).any() for one in recordings if "packets" in one.arrays)
        self.flows = 0

    def ns(self, cycle: float) -> int:
        """Return the time of a cycle in ns: rounded once, so that what touches in cycles touches in time."""
        return round(cycle * 1000.0 / self.clock_mhz)

    def pid(self, core: int) -> int:
        """Return the process of a core, or of the host."""
        return len(self.cores) + 1 if core == HOST else core + 1

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield all events: names first, then sample by sample."""
        yield from self._names()
        start = 0
        for recording in self.recordings:
            yield from self._sample(recording, start - int(recording.arrays["tick_cycles"][0, 0]))
            start += int(recording.arrays["tick_cycles"][:, 1].sum())

    def _names(self) -> Iterator[dict[str, Any]]:
        threads = {PHASES: "phases"} | ({OUT: "packets out", IN: "packets in"} if self.has_mesh else {})
        processes = {CHIP: ("chip", {PHASES: "samples and ticks"})}
        processes |= {c + 1: (f"core {c}: {name}", threads) for c, (name, _) in enumerate(self.cores)}
        if self.has_mesh:
            processes[self.pid(HOST)] = ("host", {OUT: "packets out", IN: "packets in"})
        for pid, (name, of_process) in processes.items():
            yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}}
            for tid, thread in of_process.items():
                yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": thread}}
                yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}}

    def _slice(self, name: str, cat: str, pid: int, tid: int, begin: int, end: int, **args: Any) -> dict[str, Any]:
        at = self.ns(begin)
        times = {"ts": at / 1000, "dur": (self.ns(end) - at) / 1000}
        return {"ph": "X", "name": name, "cat": cat, "pid": pid, "tid": tid, **times, "args": {"cycles": end - begin} | args}

    def _sample(self, recording: Recording, start: int) -> Iterator[dict[str, Any]]:
        """Start: the cycle in which the sample's first tick, recorded or not, would begin."""
        facts, arrays = recording.facts, recording.arrays
        begins, lengths = (start + arrays["tick_cycles"][:, 0]).tolist(), arrays["tick_cycles"][:, 1].tolist()
        about = {key: facts[key] for key in ("epoch", "position", "sample", "label")}
        name = f"sample {facts['position']}" + (f" of epoch {facts['epoch']}" if facts["epoch"] != "final" else ", trained chip")
        yield self._slice(name, "sample", CHIP, PHASES, begins[0], begins[-1] + lengths[-1], **about)
        for k, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
            tick = facts["first"] + k
            yield self._slice(f"tick {tick}", "tick", CHIP, PHASES, begin, begin + length)
            yield from self._counters(arrays["queues"][k], self.ns(begin) / 1000)
            for c in range(len(self.cores)):
                yield self._slice(f"tick {tick}", "tick", c + 1, PHASES, begin, begin + length)
                at = begin
                for stage, cycles in zip(Stage, arrays["stages"][k, c].tolist(), strict=True):
                    if cycles:
                        yield self._slice(stage.name.lower().replace("_", " "), "phase", c + 1, PHASES, at, at + cycles, tick=tick)
                    at += cycles
        for row in arrays.get("packets", np.zeros((0, len(Column)), dtype=np.int64)).tolist():
            k = row[Column.TICK] - facts["first"]
            yield from self._packet(row, begins[k], begins[k + 1] if k + 1 < len(begins) else None)

    def _counters(self, queues: np.ndarray, ts: float) -> Iterator[dict[str, Any]]:
        """Spikes and error spikes sent in a tick, by layer."""
        for name, column in (("spikes per tick", 3), ("error spikes per tick", 4)):
            sums = dict.fromkeys(self.layers, 0)
            for (_, layer), n in zip(self.cores, queues[:, column].tolist(), strict=True):
                sums[self.layers[layer]] += n
            yield {"ph": "C", "name": name, "pid": CHIP, "tid": 0, "ts": ts, "args": sums}

    def _packet(self, row: list[int], begin: int, following: int | None) -> Iterator[dict[str, Any]]:
        """A packet of the tick that begins in cycle `begin`; the next one begins in cycle `following`, if it is recorded."""
        _, kind, source, dest, unit, sign, ready, injected, ejected = row
        name = f"{Kind(kind).name.lower()} {unit}" + {1: " +", -1: " -", 0: ""}[sign]
        if injected >= 0:
            about = {"ready": ready, "from": source, "to": dest}
            for core, tid, at in ((source, OUT, begin + injected), (dest, IN, begin + ejected)):
                yield self._slice(name, "packet", self.pid(core), tid, at, at + 1, **about)
            ends = ((self.pid(source), OUT, begin + injected + 0.5), (self.pid(dest), IN, begin + ejected + 0.5))
        elif following is None:
            return
        else:
            ends = ((self.pid(source), PHASES, begin + max(ready - 0.5, 0)), (self.pid(dest), PHASES, following + 0.5))
        self.flows += 1
        for ph, (pid, tid, cycle) in zip("sf", ends, strict=True):
            where = {"pid": pid, "tid": tid, "ts": self.ns(cycle) / 1000} | ({"bp": "e"} if ph == "f" else {})
            yield {"ph": ph, "id": self.flows, "name": Kind(kind).name.lower(), "cat": "packet", **where}


def write_perfetto(path: Path, recordings: list[Recording], clock_mhz: float, name: str) -> tuple[int, int]:
    """Write the file; return how many events and flows it has."""
    timeline, n = Timeline(recordings, clock_mhz), 0

    def write(part: Path) -> None:
        nonlocal n
        with open(part, "w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit": "ns", "otherData": ' + json.dumps({"run": name, "clock_mhz": clock_mhz}) + ', "traceEvents": [')
            for event in timeline.events():
                file.write((",\n" if n else "\n") + json.dumps(event))
                n += 1
            file.write("\n]}\n")

    write_atomically(path, write, ELSEWHERE)
    return n, timeline.flows
