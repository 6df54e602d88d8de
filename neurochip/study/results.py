"""What a study keeps of a run that has ended, read from the run's own directory."""

from pathlib import Path

from neurochip.report.chance import is_at_chance
from neurochip.runfile.load import load_run
from neurochip.study.metrics import METRICS
from neurochip.study.trials import RunResult


def result_of(study: Path, folder: str, seed: int, budget: str, error: str) -> RunResult:
    """Read the figures of a run; of one that failed keep its error, with paths as they are told in it."""
    if error:
        return RunResult(folder, seed, budget, error=error)
    run = load_run(study / folder)
    figures = {name: None if (value := metric.of(run.summary)) is None else float(value) for name, metric in METRICS.items()}
    return RunResult(folder, seed, budget, figures, is_at_chance(run))
