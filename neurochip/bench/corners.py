"""Settings in which simulating is slow, or was: each beside the main job, round by round in the same run, in SOP/s."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from neurochip.bench.speed import Job, images

WARM = 300  # samples trained before the clock starts


class Corner(NamedTuple):
    """An experiment with changed settings, and how many samples are timed at once."""

    experiment: str
    settings: tuple[str, ...]
    samples: int


MAIN = "main job"
CORNERS = {
    MAIN: Corner("mnist_local_bp", (), 500),
    "rotated words": Corner("mnist_local_bp", ("chip.rng.sharing=rotated",), 250),
    "sums of 20 bits": Corner("mnist_local_bp", ("chip.core.acc_bits=20",), 250),
    "edge16, hidden on one core": Corner("mnist_local_bp", ("chip.preset=edge16",), 100),
    "convolution": Corner("mnist_conv_local_bp", (), 50),
    "STDP": Corner("mnist_stdp", (), 50),
}


def measure(quick: bool) -> dict[str, Any]:
    """Measure training and inference of the main job and of every corner; best rounds, processor time, one thread."""
    data, best = images(), {name: {"training": (0.0, 0.0), "inference": (0.0, 0.0)} for name in CORNERS}
    jobs = {name: Job(data, corner.settings, WARM, corner.experiment) for name, corner in CORNERS.items()}
    for _ in range(2 if quick else 8):
        for name, corner in CORNERS.items():
            runs: dict[str, Callable[[int], tuple[float, float]]] = {"training": jobs[name].train, "inference": jobs[name].infer}
            for what, run in runs.items():
                best[name][what] = max(best[name][what], run(corner.samples))
    result: dict[str, Any] = {"corners": {}, "data": data.source}
    for name, found in best.items():
        row = {}
        for what, (sops, samples) in found.items():
            row[what] = {"sops_per_s": sops, "us_per_sample": 1e6 / samples, "slower_than_main": best[MAIN][what][0] / sops}
        result["corners"][name] = row
    return result


def print_result(result: dict[str, Any]) -> None:
    """Print what `measure` found as a table."""
    head = ("", "inference us", "10^9 SOP/s", "slower by", "training us", "10^9 SOP/s", "slower by")
    table, console = Table(*head, title="per sample, one thread, processor time", title_justify="left"), Console()
    for name, row in result["corners"].items():
        cells = []
        for what in ("inference", "training"):
            one = row[what]
            cells += [f"{one['us_per_sample']:.1f}", f"{one['sops_per_s'] / 1e9:.2f}", f"{one['slower_than_main']:.1f}"]
        table.add_row(name, *cells)
    console.print(table)
    console.print(f"images: {result['data']}", highlight=False, soft_wrap=True)
