"""Neurons with a memory in hardware, in lock-step with the simulator's kernel: `python -m neurochip.cosim.leaky.lockstep`.

A small chip is built for each choice of options, its kernel run on drawn accumulators, and the RTL on the same ones. Compared for every
neuron and tick: spike, gate, clamp, potential and ticks of rest, each in its cycle, and that in all others there is nothing.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.core.vectors import P
from neurochip.cosim.leaky.rtl import ALL, Bank, BankRtl, Difference, Told, bank_library, chip_of, told_by_kernel

BANKS = (Bank(13, 16, 21, 8, 12), Bank(1, 4, 9, 1, 2), Bank(2, 8, 24, 3, 4), Bank(5, 32, 32, 8, 15), Bank(64, 12, 12, 2, 9))
LEAKS = ({}, *({"leak_shift": n} for n in (1, 2, 5, 15)), *({"leak_factor": n} for n in (0, 1, 100, 200, 255, 256)))


def choices(bank: Bank) -> Iterator[dict[str, Any]]:
    """Yield keys of a NeuronModel: every leak with every reset, refractory times up to the most, thresholds from one LSB to the highest.

    A threshold of which a part makes a spike comes as well.
    """
    most, one = (1 << bank.rest_bits) - 1, 1 << bank.frac_bits
    rests = sorted({0, 1, min(3, most), most})
    thresholds = sorted({1, min(one, (1 << bank.state_bits - 1) - 1), min(4096 * one, (1 << bank.state_bits - 1) - 1)})
    for leak, reset, rest, threshold in itertools.product(LEAKS, ("zero", "subtract"), rests, thresholds):
        neuron = {"model": "lif" if leak else "if", "reset": reset, "refractory_ticks": rest, "threshold": threshold / one, **leak}
        yield neuron
        if reset == "subtract" and threshold > 1:
            yield {**neuron, "fires_at": 0.5}


def random_drive(bank: Bank, threshold: int, ticks: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw accumulators int32 (ticks, neurons) around 0 and the threshold, at the rails, and anything; and where samples begin."""
    shape, high = (ticks, bank.neurons), (1 << bank.acc_bits - 1) - 1
    step = max(1, threshold // 3)
    kinds = np.stack([
        draw.integers(-1, 2, shape),
        draw.integers(-step, 2 * step + 1, shape),
        draw.integers(-step, 2 * step + 1, shape),
        threshold + draw.integers(-1, 2, shape),
        draw.choice([-high - 1, -high, high], shape),
        draw.integers(-high - 1, high + 1, shape),
        draw.integers(1, high + 1, shape),
        draw.integers(-high - 1, 0, shape),
    ])  # fmt: skip
    chosen = draw.integers(0, len(kinds), shape)
    leaning = draw.integers(0, len(kinds), shape[1])  # each neuron has a kind of its own half of the time
    drive = np.take_along_axis(kinds, np.where(draw.random(shape) < 0.5, leaning, chosen)[None], 0)[0]
    first = draw.random(ticks) < 0.02
    first[0] = True
    return drive.clip(-high - 1, high).astype(np.int32), first.astype(np.uint8)


@dataclass
class Compared:
    """Sums over choices of options that were compared, but for `choices` and `cycles` in neurons; and the first difference."""

    choices: int = 0
    updates: int = 0
    spikes: int = 0
    open_gates: int = 0
    clamps: int = 0
    at_rest: int = 0
    cycles: int = 0
    difference: Difference | None = None
    where: str = ""  # options of the difference

    def add(self, told: Told, cycles: int) -> None:
        """Add one choice more to the sums."""
        self.choices += 1
        self.updates += told.fired.size
        self.spikes += int(told.fired.sum())
        self.open_gates += int(told.gate.sum())
        self.clamps += int(told.clamped.sum())
        self.at_rest += int(np.count_nonzero(told.resting))
        self.cycles += cycles


def run_choices(bank: Bank, library: Path, ticks: int, options: Sequence[dict[str, Any]]) -> Compared:
    """Run `ticks` drawn ticks of each choice, one after the other on the same RTL; every second one with pauses and samples broken off."""
    sums = Compared()
    with BankRtl(bank, library) as rtl:
        for number, neuron in enumerate(options):
            chip, draw = chip_of(bank, neuron), np.random.default_rng([number, *bank])
            drive, first = random_drive(bank, int(chip.param[ALL, P.THRESHOLD]), ticks, draw)
            told = told_by_kernel(chip, drive, first)
            cycles, difference = rtl.run(chip.param[ALL], drive, first, told, 100 * (number % 2), int(draw.integers(1, 1 << 62)))
            sums.add(told, cycles)
            if difference is not None:
                sums.difference, sums.where = difference, ", ".join(f"{key} = {value}" for key, value in neuron.items())
                break
    return sums


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare drawn ticks of every choice on all of BANKS. Returns 0 without a difference, 1 with one, 2 if a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m neurochip.cosim.leaky.lockstep", description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=200, metavar="N", help="drawn ticks of every choice of options of each bank")
    ticks = parser.parse_args(arguments).ticks
    try:
        with ThreadPoolExecutor(2) as pool:
            libraries = list(pool.map(bank_library, BANKS))
    except NeurochipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    begun, whole = time.monotonic(), Compared()
    for bank, library in zip(BANKS, libraries, strict=True):
        sums = run_choices(bank, library, ticks, list(choices(bank)))
        title = f"{bank.neurons} neurons of {bank.state_bits} bits, sums of {bank.acc_bits}"
        if sums.difference is not None:
            print(f"{title}, {sums.where}: {sums.difference.text}")
            return 1
        counted = f"{sums.choices:4,} choices {sums.updates:11,} updates {sums.spikes:10,} spikes {sums.clamps:10,} clamps"
        print(f"{title:<40} {counted}: no difference")
        for name in ("choices", "updates", "spikes", "open_gates", "clamps", "at_rest", "cycles"):
            setattr(whole, name, getattr(whole, name) + getattr(sums, name))
    print(
        f"{whole.choices:,} choices of {ticks:,} ticks, {whole.updates:,} updates, {whole.spikes:,} spikes, {whole.open_gates:,} open "
        f"gates, {whole.clamps:,} clamps, {whole.at_rest:,} at rest, {whole.cycles:,} cycles: no difference, "
        f"{time.monotonic() - begun:.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
