"""Speed as a ratio to a limit measured in the same run: synaptic operations per second against adding weight rows and nothing else.

`row_add_limit` is the best of three ways to add int16 rows of the main job's length into 32-bit sums, from a table as large as its
synapse memory, in lists as long as its spike lists: four and eight rows per pass as LLVM vectorises them, and our own `add_rows`.
`inference` and `training` run the main job's net on one thread with all counting on. All are timed in turn, round after round, because
machines drift; the best round of each counts. Only real weights are counted as operations, padding is not.
"""

import json
import platform
import time
from collections.abc import Callable

import numpy as np
from numba import njit
from rich.console import Console
from rich.table import Table

from neurochip import datasets, host_random
from neurochip.core.events import Event
from neurochip.core.vector import add_rows
from neurochip.datasets import Dataset
from neurochip.experiment import load_setup
from neurochip.mapping import place
from neurochip.simulator import Simulator

LIT, SPIKES = 150, 102  # non-zero pixels of a mean MNIST image, and how many of them spike per tick
LISTS, REPEATS = 64, 100


@njit(cache=True)
def _four_rows(acc, weight, axons, n):
    for k in range(0, n - 3, 4):
        w0, w1, w2, w3 = weight[axons[k]], weight[axons[k + 1]], weight[axons[k + 2]], weight[axons[k + 3]]
        for j in range(acc.shape[0]):
            acc[j] += int(w0[j]) + int(w1[j]) + int(w2[j]) + int(w3[j])


@njit(cache=True)
def _eight_rows(acc, weight, axons, n):
    for k in range(0, n - 7, 8):
        w0, w1, w2, w3 = weight[axons[k]], weight[axons[k + 1]], weight[axons[k + 2]], weight[axons[k + 3]]
        w4, w5, w6, w7 = weight[axons[k + 4]], weight[axons[k + 5]], weight[axons[k + 6]], weight[axons[k + 7]]
        for j in range(acc.shape[0]):
            low = int(w0[j]) + int(w1[j]) + int(w2[j]) + int(w3[j])
            acc[j] += low + int(w4[j]) + int(w5[j]) + int(w6[j]) + int(w7[j])


@njit(cache=True)
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
    """The limit: rows added per second in each of the three ways."""

    def __init__(self, stride: int, rows: int, neurons: int) -> None:
        self.neurons = neurons
        self.weight = (host_random.words(1, rows * stride) % np.uint64(201)).astype(np.int16).reshape(rows, stride) - np.int16(100)
        lit = np.sort(host_random.permutation(2, rows)[:LIT])
        lists = [np.sort(lit[host_random.permutation(3 + k, LIT)[: SPIKES // 8 * 8]]) for k in range(LISTS)]
        self.lists = np.array(lists, dtype=np.int32)
        self.acc = np.zeros(stride, dtype=np.int32)
        self.ways = {name: _repeated(f) for name, f in (("four_rows", _four_rows), ("eight_rows", _eight_rows), ("add_rows", _own_rows))}
        for way in self.ways.values():
            way(self.acc, self.weight, self.lists, 1)

    def measure(self) -> dict[str, float]:
        """Useful additions per second, per way."""
        result = {}
        for name, way in self.ways.items():
            begun = time.perf_counter()
            way(self.acc, self.weight, self.lists, REPEATS)
            result[name] = self.lists.size * REPEATS * self.neurons / (time.perf_counter() - begun)
        return result


class Job:
    """The main job's net, part trained, and the speed of its next samples."""

    def __init__(self, data: Dataset, settings: tuple[str, ...], warm: int) -> None:
        self.data = data
        self.simulator = Simulator(load_setup("mnist_local_bp", settings), data.x_train.shape[1], data.n_classes)
        self.trained = self.simulator.train(data.x_train, data.y_train, 0)
        for reached, _ in self.trained:
            if reached >= warm:
                break
        self.simulator.take_counts(0)

    def train(self, samples: int) -> tuple[float, float]:
        """(SOP/s, samples/s) of the next training samples, one thread by nature."""
        done, begun = 0, time.perf_counter()
        before = None
        for reached, _ in self.trained:
            before = reached if before is None else before
            done = reached
            if done - before >= samples:
                break
        elapsed = time.perf_counter() - begun
        cost = self.simulator.take_counts(0)
        return cost.counts[:, 0, Event.ACCUMULATE].sum() / elapsed, (done - before + 250) / elapsed

    def infer(self, samples: int) -> tuple[float, float]:
        """(SOP/s, samples/s) of the first test samples on one thread."""
        begun = time.perf_counter()
        cost = self.simulator.evaluate(self.data.x_test[:samples], self.data.y_test[:samples], 1).cost
        elapsed = time.perf_counter() - begun
        return cost.counts[:, 0, Event.ACCUMULATE].sum() / elapsed, samples / elapsed
