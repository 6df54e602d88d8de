"""`neurochip cosim` and `neurochip export-rtl`: an experiment's chip in lock-step with its RTL, and what is told of it."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurochip.common.errors import NeurochipError
from neurochip.common.progress import Progress
from neurochip.core.rules import Rule
from neurochip.core.state import ChipState
from neurochip.cosim import verilator
from neurochip.cosim.core import faulty
from neurochip.cosim.core.export import export
from neurochip.cosim.core.lockstep import Divergence, Lockstep, Outcome, copy_of
from neurochip.cosim.core.setup import CosimJob

MOST_LINT = 10  # warnings that are printed
CYCLES_BEFORE, CYCLES_AFTER = 200, 20  # of the waveform, around a divergence
UNTRACED = (
    "[core] trace = false: no record of a cycle is compared, but the cycle in which a sample is taken, every winner in its cycle, and at "
    "the end all that can be read back"
)
ICARUS = "install Icarus Verilog (Debian package iverilog)"


@dataclass
class Options:
    """Options of a comparison: the RTL's folder, stalls, and where a waveform goes."""

    rtl: Path = verilator.RTL
    stalls_of_256: int = 0
    vcd: Path = Path("divergence.vcd")


def run_verilator(job: CosimJob, options: Options, console: Console, quiet: bool) -> Outcome:
    """Run in lock-step on the verilated RTL. At a difference the session is repeated with a waveform of the cycles around it."""
    if not quiet:
        if not job.wiring.chip.core.trace:
            console.print(Text(f"chip {job.wiring.chip.name}: {UNTRACED}"), soft_wrap=True)
        console.print("building the RTL (or loading an earlier build)", highlight=False)
    library = faulty.library_of(job.package, job.faults is not None, options.rtl)
    if not quiet:
        _print_lint(verilator.lint_of(library), console)
    rule, before = job.setup.experiment.learning_rule, copy_of(job.state)
    seed = job.setup.experiment.seed + 1 if options.stalls_of_256 else 0
    ticks_in_all = len(job.labels) * int(job.run[0])
    with Progress(console, quiet) as progress:
        progress.start("lock-step, ticks", ticks_in_all, 0)
        step, done = Lockstep(job.state, job.wiring, library, job.run, rule), 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            progress.at(done, None)

        outcome = step.run(job.pixels, job.labels, seed, options.stalls_of_256, advance)
        step.rtl.close()
    if outcome.divergence is not None and outcome.divergence.cycle >= 0:
        _waveform(job, options, before, rule, seed, outcome.divergence)
    return outcome


def _print_lint(lines: list[str], console: Console) -> None:
    """What the linter says of RTL that is not ours, which does not stop the comparison."""
    for line in lines[:MOST_LINT]:
        console.print(Text(f"lint: {line}"), soft_wrap=True)
    if len(lines) > MOST_LINT:
        console.print(Text(f"lint: and {len(lines) - MOST_LINT} more warnings"), soft_wrap=True)


def _waveform(job: CosimJob, options: Options, before: ChipState, rule: Rule, seed: int, divergence: Divergence) -> None:
    """The same session once more, in a build that writes a waveform."""
    library = faulty.library_of(job.package, job.faults is not None, options.rtl, vcd=True)
    window = (options.vcd, max(0, divergence.cycle - CYCLES_BEFORE), divergence.cycle + CYCLES_AFTER)
    step = Lockstep(before, job.wiring, library, job.run, rule, window)
    step.run(job.pixels[: divergence.sample + 1], job.labels[: divergence.sample + 1], seed, options.stalls_of_256)
    step.rtl.wander(CYCLES_AFTER, -1, job.pixels[0], job.wiring.input_lanes)
    step.rtl.close()
    divergence.text += f"\n  waveform of cycles {window[1]} to {window[2]}: {options.vcd}"


def run_icarus(job: CosimJob, console: Console, quiet: bool, rtl: Path = verilator.RTL) -> str:
    """Run the golden export in a temporary folder by Icarus Verilog. Return its last line; NeurochipError without Icarus."""
    if shutil.which("iverilog") is None:
        raise NeurochipError(f"no iverilog on this machine; {ICARUS}")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "golden"
        if not quiet:
            console.print("Icarus Verilog: exporting and running (about 1,000 times slower than Verilator at full size)", highlight=False)
        export(job, folder, rtl)
        done = subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)
    lines = [text for text in (done.stdout + done.stderr).splitlines() if text.strip()]
    if done.returncode or not lines or not lines[-1].startswith("PASS"):
        shown = [text for text in lines if "FAIL" in text or "expected" in text or "got" in text] or lines[-3:]
        return "FAIL: " + " ".join(" ".join(shown).split()) if not shown or "FAIL" not in shown[0] else "\n".join(shown)
    return lines[-1]


def print_outcome(outcome: Outcome, job: CosimJob, console: Console) -> None:
    """Print what was compared, and which cases the comparison has met."""
    table = Table(title="lock-step with the RTL", title_style="bold", title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    rows = [
        ("samples, ticks", f"{outcome.samples:,}, {outcome.ticks:,}"),
        ("chip cycles", f"{outcome.chip_cycles:,}"),
        ("core cycles compared", f"{outcome.compared_cycles:,}"),
        ("  of them busy", f"{outcome.busy_cycles:,}"),
        ("events counted", f"{outcome.events:,}"),
        ("chip cycles per second, simulator and RTL", f"{outcome.chip_cycles / max(outcome.seconds, 1e-9):,.0f}"),
        ("differences", "none" if outcome.divergence is None else "at least one"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table, "")
    print_coverage(outcome, console)
    if outcome.divergence is not None:
        console.print(Text(f"first divergence: {outcome.divergence.text}"), soft_wrap=True)


def print_coverage(outcome: Outcome, console: Console) -> None:
    """Print coverage points with how often they were met; what was not met is named."""
    seen = {name: n for name, n in outcome.cover.items() if n}
    table = Table(title="met in this run", title_style="bold", title_justify="left", box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(no_wrap=True, overflow="ignore")
        table.add_column(justify="right", no_wrap=True)
    cells = [cell for name, n in seen.items() for cell in (name.replace("_", " "), f"{n:,}  ")]
    for i in range(0, len(cells), 6):
        table.add_row(*cells[i : i + 6])
    console.print(table)
    missing = [name.replace("_", " ") for name, n in outcome.cover.items() if not n]
    console.print(Text(f"not met: {', '.join(missing) or 'nothing'}"), "", soft_wrap=True)
