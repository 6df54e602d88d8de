"""Speed as a ratio to a limit measured in the same run: synaptic operations per second against adding weight rows and nothing else.

`row_add_limit` is the best of three ways to add int16 rows of the main job's length into 32-bit sums, from a table as large as its
synapse memory, in lists as long as its spike lists: four and eight rows per pass as LLVM vectorises them, and our own `add_rows`.
`inference` and `training` run the main job's net on one thread with all counting on. It is no limit of a first layer that a picture feeds,
which adds fewer rows than spikes arrive (core/still.py): its operations are those of the chip. All are timed in turn, round after round, in
processor time, because machines drift and are shared; the best round of each counts. Only real weights are counted, padding is not.
"""

import platform
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from rich.console import Console
from rich.table import Table

from neurochip import datasets
from neurochip.common import random as host_random
from neurochip.core.events import Event, Phase
from neurochip.core.vector import add_rows
from neurochip.datasets import Dataset
from neurochip.experiment.setup import load_setup
from neurochip.simulator.memories import aligned
from neurochip.simulator.simulator import Simulator

LIT, SPIKES = 150, 104  # non-zero pixels of a mean MNIST image, and about how many of them spike per tick
LISTS, REPEATS = 64, 100
STOPS = 50  # samples of a training that are timed at least
WARM_SAMPLES = 5000  # trained before the clock starts: the first samples make far more errors than the rest
SCALING = {  # what must grow in proportion to the spikes
    "1x ticks": (),
    "2x ticks": ("run.ticks=64",),
    "4x ticks": ("run.ticks=128",),
    "800 hidden": ("network.layers.0.neurons=800", "chip.core.n_neurons=1024", "chip.core.memory_words=262144"),
}


@njit
def _four_rows(acc, weight, axons, n):
    for k in range(0, n - 3, 4):
        w0, w1, w2, w3 = weight[axons[k]], weight[axons[k + 1]], weight[axons[k + 2]], weight[axons[k + 3]]
        for j in range(acc.shape[0]):
            acc[j] += int(w0[j]) + int(w1[j]) + int(w2[j]) + int(w3[j])


@njit
def _eight_rows(acc, weight, axons, n):
    for k in range(0, n - 7, 8):
        w0, w1, w2, w3 = weight[axons[k]], weight[axons[k + 1]], weight[axons[k + 2]], weight[axons[k + 3]]
        w4, w5, w6, w7 = weight[axons[k + 4]], weight[axons[k + 5]], weight[axons[k + 6]], weight[axons[k + 7]]
        for j in range(acc.shape[0]):
            low = int(w0[j]) + int(w1[j]) + int(w2[j]) + int(w3[j])
            acc[j] += low + int(w4[j]) + int(w5[j]) + int(w6[j]) + int(w7[j])


@njit
def _own_rows(acc, weight, axons, n):
    add_rows(acc, weight, axons, n)


def _repeated(adder):
    @njit
    def run(acc, weight, lists, repeats):
        for _ in range(repeats):
            for k in range(lists.shape[0]):
                adder(acc, weight, lists[k], lists.shape[1])

    return run


class RowAdds:
    """The limit: useful additions per second in each of the three ways; all must give the same sums."""

    def __init__(self, rows: int, stride: int, neurons: int) -> None:
        self.neurons = neurons
        values = host_random.words(1, rows * stride) % np.uint64(201)
        self.weight = aligned((rows, stride), np.int16, values.astype(np.int16).reshape(rows, stride) - np.int16(100))
        lit = np.sort(host_random.permutation(2, rows)[:LIT])
        lists = [np.sort(lit[host_random.permutation(3 + k, LIT)[:SPIKES]]) for k in range(LISTS)]
        self.lists = np.array(lists, dtype=np.int32)
        self.ways = {name: _repeated(f) for name, f in (("four_rows", _four_rows), ("eight_rows", _eight_rows), ("add_rows", _own_rows))}
        wanted = self.weight[self.lists.ravel()].sum(axis=0, dtype=np.int32)
        for name, way in self.ways.items():
            sums = np.zeros(stride, dtype=np.int32)
            way(sums, self.weight, self.lists, 1)
            if not np.array_equal(sums, wanted):
                raise AssertionError(f"row adder {name} gives wrong sums")

    def measure(self) -> dict[str, float]:
        """Measure additions per second, per way."""
        result, sums = {}, aligned(self.weight.shape[1], np.int32)
        for name, way in self.ways.items():
            begun = time.process_time()
            way(sums, self.weight, self.lists, REPEATS)
            result[name] = self.lists.size * REPEATS * self.neurons / (time.process_time() - begun)
        return result


class Job:
    """An experiment's net (of images like MNIST's), part trained, and the speed of its next samples on one thread."""

    def __init__(self, data: Dataset, settings: tuple[str, ...], warm: int, experiment: str = "mnist_local_bp") -> None:
        self.data = data
        self.simulator = Simulator(load_setup(experiment, settings), data.image_shape, data.n_classes)
        self.chunks = self._chunks()
        self._run_chunks(warm)

    def _chunks(self) -> Iterator[int]:
        epoch = 0
        stops = range(STOPS, len(self.data.y_train), STOPS)
        while True:
            before = 0
            for position, _ in self.simulator.train(self.data.x_train, self.data.y_train, epoch, stops=stops):
                yield position - before
                before = position
            epoch += 1

    def _run_chunks(self, samples: int) -> int:
        done = 0
        while done < samples:
            done += next(self.chunks)
        return done

    def train(self, samples: int) -> tuple[float, float]:
        """Train on the next samples; return (SOP/s, samples/s)."""
        self.simulator.take_counts(0)
        begun = time.process_time()
        done = self._run_chunks(samples)
        elapsed = time.process_time() - begun
        return _sops(self.simulator.take_counts(done)) / elapsed, done / elapsed

    def infer(self, samples: int) -> tuple[float, float]:
        """Evaluate the first test samples; return (SOP/s, samples/s)."""
        begun = time.process_time()
        cost = self.simulator.evaluate(self.data.x_test[:samples], self.data.y_test[:samples], threads=1).cost
        elapsed = time.process_time() - begun
        return _sops(cost) / elapsed, samples / elapsed


def _sops(cost) -> int:
    return int(cost.counts[:, Phase.FORWARD, Event.ACCUMULATE].sum())


def images() -> Dataset:
    """Return MNIST if it is on this machine, else made-up images with as many lit pixels, and a name that says so."""
    if any(entry.name == "mnist" and entry.where for entry in datasets.available()):
        return datasets.load("mnist", train_samples=20000, test_samples=2000)
    bright = host_random.words(5, 4000 * 784).astype(np.uint8).reshape(4000, 784)
    dark = host_random.words(6, 4000 * 784).reshape(4000, 784) % np.uint64(784) >= np.uint64(LIT)
    bright[dark] = 0
    labels = (host_random.words(7, 4000) % np.uint64(10)).astype(np.int32)
    parts = (bright[:3000], labels[:3000], bright[3000:], labels[3000:])
    return Dataset("made up", *parts, (28, 28), 10, "made-up images: MNIST is not on this machine", True, "speed only")


def measure(quick: bool) -> dict[str, Any]:
    """Measure all figures; `neurochip bench --json` prints this."""
    data, rounds = images(), 4 if quick else 12
    job = Job(data, (), 1000 if quick else WARM_SAMPLES)
    place = job.simulator.placements[0]
    limit = RowAdds(place.axons, place.stride, place.neurons)
    best: dict[str, tuple[float, float]] = {}
    ways: dict[str, float] = {}
    for _ in range(rounds):
        ways = {name: max(ways.get(name, 0.0), rate) for name, rate in limit.measure().items()}
        for name, run in (("inference", job.infer), ("training", job.train)):
            best[name] = max(best.get(name, (0.0, 0.0)), run(1000))
    row_add = max(ways.values())
    result: dict[str, Any] = {"row_add_limit": {"sops_per_s": row_add, "ways": ways}}
    for name, (sops, samples) in best.items():
        result[name] = {"sops_per_s": sops, "ratio_to_limit": sops / row_add, "samples_per_s": samples}
    result["network"] = "784-200-10, 16-bit weights, 32 ticks, one thread, all counting on"
    result["data"], result["machine"] = data.source, f"{platform.machine()}, {platform.processor() or platform.system()}"
    if not quick:
        result["scaling"] = {name: scale(data, settings) for name, settings in SCALING.items()}
        result["growth_with_ticks"] = {what: growth(result["scaling"], what) for what in ("training", "inference")}
    return result


def scale(data: Dataset, settings: tuple[str, ...]) -> dict[str, float]:
    """Measure microseconds and SOP per sample of training and inference for one variation of the net, best of eight."""
    job, result = Job(data, settings + _test_ticks(settings), 1000), {}
    for name, run in (("training", job.train), ("inference", job.infer)):
        sops, samples = max(run(500) for _ in range(8))
        result |= {f"{name}_us_per_sample": 1e6 / samples, f"{name}_sops_per_sample": sops / samples}
    return result


def growth(scaling: dict[str, dict[str, float]], what: str) -> dict[str, float]:
    """Fit a line of the time through 1, 2 and 4 times the ticks, and find the exponent with which it grows."""
    factors = np.array([1.0, 2.0, 4.0])
    us = np.array([scaling[name][f"{what}_us_per_sample"] for name in ("1x ticks", "2x ticks", "4x ticks")])
    slope, start = np.polyfit(factors, us, 1)
    exponent, _ = np.polyfit(np.log(factors), np.log(us), 1)
    return {"us_per_32_ticks": float(slope), "us_at_none": float(start), "exponent": float(exponent)}


def _test_ticks(settings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(setting.replace("run.ticks", "run.test_ticks") for setting in settings if setting.startswith("run.ticks"))


def print_result(result: dict[str, Any]) -> None:
    """Print what `measure` found as a table."""
    console = Console()
    table = Table("", "10^9 SOP/s", "ratio to limit", "samples/s", title=result["network"], title_justify="left")
    for name, rate in result["row_add_limit"]["ways"].items():
        table.add_row(f"rows added: {name}", f"{rate / 1e9:.2f}", "", "")
    table.add_row("row_add_limit", f"{result['row_add_limit']['sops_per_s'] / 1e9:.2f}", "1.00", "")
    for name in ("inference", "training"):
        row = result[name]
        table.add_row(name, f"{row['sops_per_s'] / 1e9:.2f}", f"{row['ratio_to_limit']:.2f}", f"{row['samples_per_s']:,.0f}")
    console.print(table)
    if "scaling" in result:
        _print_scaling(console, result["scaling"])
        for what, line in result["growth_with_ticks"].items():
            told = f"{what}: {line['us_at_none']:.1f} us + {line['us_per_32_ticks']:.1f} us per 32 ticks"
            console.print(f"{told}; grows with ticks ** {line['exponent']:.2f}", highlight=False, soft_wrap=True)
    console.print(f"images: {result['data']}", highlight=False, soft_wrap=True)


def _print_scaling(console: Console, scaling: dict[str, dict[str, float]]) -> None:
    table = Table("", "training us", "kSOP", "ns/kSOP", "inference us", "kSOP", "ns/kSOP", title="cost per sample", title_justify="left")
    for name, row in scaling.items():
        cells = []
        for what in ("training", "inference"):
            us, sops = row[f"{what}_us_per_sample"], row[f"{what}_sops_per_sample"]
            cells += [f"{us:.1f}", f"{sops / 1e3:,.0f}", f"{us * 1e6 / sops:.1f}"]
        table.add_row(name, *cells)
    console.print(table)
