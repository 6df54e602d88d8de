"""One run from experiment to results, in a directory that `neurochip run` could have made."""

import os
import time
from pathlib import Path

from rich.console import Console

from neurochip.api.experiments import loaded
from neurochip.api.results import Run
from neurochip.api.screen import Shown, console_of
from neurochip.common.errors import NeurochipError
from neurochip.common.progress import Progress
from neurochip.common.screen import show
from neurochip.experiment.setup import Setup
from neurochip.runfile.load import load_run
from neurochip.runfile.names import CHECKPOINT, EXTRAPOLATED, SUMMARY, TRAINED

MOST_THREADS = 256


def run(
    exp: Setup | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Shown = False,
    resume: bool = False,
    plots: bool = True,
    strict: bool = False,
) -> Run:
    """Train and evaluate an experiment, and leave a complete run directory.

    out: the directory, new or empty; default: runs/NAME below the working directory.
    threads: 1 .. 256, of evaluation; results do not depend on it. Default: all processors.
    progress: True prints lines, and bars on a terminal; a rich Console is written to. Else nothing is printed.
    resume: go on with what was interrupted there, if anything was; a run that is complete is opened.
    plots: leave the plots and report.html too, which takes some seconds; `Run.write_report` makes them later.
    strict: warnings are errors: those known before the run before it, others after it, when the directory is complete; a price that is
    extrapolated is none.
    Raises NeurochipError for a mistake, and KeyboardInterrupt, which says how to go on, after Ctrl-C.
    """
    started = time.monotonic()
    exp, (console, quiet) = loaded(exp), console_of(progress)
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise NeurochipError(f"threads = {threads}: must be from 1 to {MOST_THREADS}; leave it out for all processors")
    folder = folder_of(exp, out)
    _check_folder(folder, resume, exp.experiment.train is not None)
    if (folder / SUMMARY).exists():
        if load_run(folder).summary.experiment_sha256 != exp.sha256():
            raise NeurochipError(
                f"{folder}: holds a complete run of another experiment, rule, seed, chip or energy table; choose another --out"
            )
        if not quiet:
            show(console, f"{folder}: this run is already complete")
        return _judged(finished(folder, plots), strict)
    if not quiet:
        show(console, f"{exp.where} -> {folder}")
    begun = time.monotonic()
    load_kernels(console, quiet)
    from neurochip.runner.runner import Interrupted, Runner
    from neurochip.simulator.simulator import default_threads

    jit_s = time.monotonic() - begun
    try:
        runner = Runner(exp, folder, threads or default_threads(), console, quiet, started, jit_s)
        if strict and runner.warned:
            raise NeurochipError(f"{exp.where}: strict: {len(runner.warned)} warnings before the run, the first: {runner.warned[0]}")
        runner.go()
    except (Interrupted, KeyboardInterrupt):  # the second: in a training off the chip, or a second signal
        if not folder.exists():
            raise KeyboardInterrupt from None  # nothing to go on with
        raise KeyboardInterrupt(f"interrupted; go on with: run(exp, out={str(folder)!r}, resume=True)") from None
    return _judged(finished(folder, plots), strict)


def load_kernels(console: Console, quiet: bool) -> None:
    """Load the kernels that an earlier process compiled; else compile them, and say so."""
    from neurochip.core import compiled

    n, begun, bar = 0, time.process_time(), Progress(console, quiet)

    def told(name: str) -> None:
        nonlocal n
        if name == compiled.WAITING:
            bar.note(f"waiting for {name}")
            return
        if n == 0:
            bar.note("compiling the kernels, once on this machine; later runs load them")
            bar.start("kernels", 1, 0)
        n += 1
        bar.count(n, max(n, len(compiled.made)), name)

    with bar, compiled.watched(told):
        from neurochip.core import engine  # noqa: F401  the import compiles
    if n:
        bar.note(f"compiled {n} functions in {time.process_time() - begun:.0f} s of processor time")


def _judged(done: Run, strict: bool) -> Run:
    """Take the warnings of a run as errors, if that is asked for."""
    found = [line for line in done.stored.summary.warnings if EXTRAPOLATED not in line] if strict else []
    if found:
        raise NeurochipError(
            f"{done.folder}: the run is complete, and strict takes its {len(found)} warnings as errors, the first: {found[0]}"
        )
    return done


def folder_of(exp: Setup, out: str | os.PathLike[str] | None) -> Path:
    """Return the run directory that is asked for, or that of the experiment's name."""
    return Path(out) if out else Path("runs") / exp.experiment.name


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open a complete run directory, and check its files against the format. Raises NeurochipError with the file and the way out."""
    return Run(load_run(Path(folder)))


def finished(folder: Path, plots: bool) -> Run:
    """Open a run that has just ended, with its report if asked for; its checkpoint is no longer needed."""
    done = open_run(folder)
    if plots:
        done.write_report()
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return done


def _check_folder(folder: Path, resume: bool, has_training: bool) -> None:
    """Refuse a run directory that would be overwritten: only a new or empty folder starts a run, only a run can be resumed.

    With [train] a run begins in the folder of its training, and goes on with an unfinished one.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise NeurochipError(f"{folder}: is not a folder; choose another --out")
    found = {path.name for path in folder.iterdir()}
    if has_training and not found & {CHECKPOINT, SUMMARY} and (resume or TRAINED in found):
        return
    if found and not resume:
        raise NeurochipError(f"{folder}: exists already; choose another --out, or go on with an interrupted run with --resume")
    if found - {f".{CHECKPOINT}.part"} and not found & {CHECKPOINT, SUMMARY}:
        raise NeurochipError(f"{folder}: holds no run to go on with (no {CHECKPOINT}, no {SUMMARY}); choose another --out")
