"""`make cosim-long`: random programs on all small chips until enough cycles are compared, on chips drawn at random from what a chip file
can say, full generator periods, and the first samples of every shipped experiment, learning included. Ends with exit code 1 at the
first difference.
"""

import sys
import time

import click
from rich.console import Console

from neurochip.common.toml import shipped
from neurochip.cosim.core import cases
from neurochip.cosim.core.lockstep import Lockstep, Outcome
from neurochip.cosim.core.package import NotInRtl
from neurochip.cosim.core.random_cases import random_case
from neurochip.cosim.core.rule_cases import RULE_CASES, random_rule_case
from neurochip.cosim.core.session import Options, print_coverage, run_verilator
from neurochip.cosim.core.setup import cosim_job
from neurochip.cosim.core.wiring import Wiring
from neurochip.experiment.setup import load_setup
from neurochip.simulator.simulator import run_vector

PERIOD_CASES = ("broadcast_lfsr", "broadcast_plain")  # 16-bit generators on chips of a few dozen cycles per tick
PERIOD_TICKS = 66000


def programs_of(case: cases.Case, wanted: int) -> Outcome:
    """Run programs 0, 1, 2, ... of a case until `wanted` core cycles are compared."""
    total = Outcome()
    library = cases.case_library(case)
    for seed, outcome in cases.run_programs(case, library, range(10**9), samples=12):
        total.add(outcome)
        if outcome.divergence is not None:
            outcome.divergence.text = f"{case.name}, program {seed}: {outcome.divergence.text}"
        if outcome.divergence is not None or total.compared_cycles >= wanted:
            return total
    return total


def whole_period(case: cases.Case) -> Outcome:
    """Run one program of so many ticks that the free-running generators go through their whole period."""
    setup, mapping = cases.case_setup(case)
    made = cases.program(case, 1, samples=PERIOD_TICKS // 1000 + 1)
    wiring, run = Wiring(made.state, mapping.cores, setup.chip), run_vector(1000, 0, 0, True, len(mapping.layers) - 1)
    step = Lockstep(made.state, wiring, cases.case_library(case), run, setup.experiment.learning_rule)
    return step.run(made.pixels, made.labels)


def first_samples(name: str, samples: int, console: Console) -> Outcome:
    """Run the first samples of a shipped experiment."""
    return run_verilator(cosim_job(load_setup(name), samples, None, lambda text: None), Options(), console, True)


def report(console: Console, name: str, outcome: Outcome, started: float) -> None:
    """Print one line per case."""
    speed = outcome.chip_cycles / max(outcome.seconds, 1e-9) / 1e6
    end = "no difference" if outcome.divergence is None else "DIFFERS"
    console.print(
        f"{name:<26}{outcome.samples:>9,} samples{outcome.compared_cycles:>14,} core cycles{speed:>8.2f} M chip cycles/s"
        f"{time.monotonic() - started:>8.0f} s  {end}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


@click.command()
@click.option("--cycles", type=click.IntRange(1), default=20_000_000, show_default=True, help="Core cycles of random programs to compare.")
@click.option("--chips", type=click.IntRange(0), default=40, show_default=True, help="Chips drawn at random, beside the cases.")
@click.option("--samples", type=click.IntRange(0), default=2, show_default=True, help="Samples of each shipped experiment.")
@click.option("--faults", is_flag=True, help="Programs on broken chips alone, whose faults wrappers put into the RTL.")
@click.option("--rules", is_flag=True, help="Programs on chips whose rules are made from their texts, or with other neurons, alone.")
@click.option("--periods/--no-periods", default=True, help="Also run whole generator periods.")
def main(cycles: int, chips: int, samples: int, faults: bool, rules: bool, periods: bool) -> None:
    """Compare the RTL with the simulator at length."""
    console, total = Console(), Outcome()
    chosen = [*cases.CASES, *map(random_case, range(chips))]
    if faults or rules:
        chosen = [*(cases.BROKEN if faults else ()), *([*RULE_CASES, *map(random_rule_case, range(chips))] if rules else ())]
    wanted = -(-cycles // len(chosen))
    jobs = [(f"programs of {case.name}", lambda case=case: programs_of(case, wanted)) for case in chosen]
    if periods:
        jobs += [(f"period of {case.name}", lambda case=case: whole_period(case)) for case in cases.CASES if case.name in PERIOD_CASES]
    if samples:
        jobs += [(name, lambda name=name: first_samples(name, samples, console)) for name in shipped("experiments")]
    for name, run in jobs:
        started = time.monotonic()
        try:
            outcome = run()
        except NotInRtl as reason:
            console.print(f"{name:<26}not compared: {reason}", markup=False, highlight=False, soft_wrap=True)
            continue
        report(console, name, outcome, started)
        total.add(outcome)
        if outcome.divergence is not None:
            console.print(outcome.divergence.text, markup=False, highlight=False, soft_wrap=True)
            sys.exit(1)
    report(console, "all", total, time.monotonic() - total.seconds)
    print_coverage(total, console)


if __name__ == "__main__":
    main()
