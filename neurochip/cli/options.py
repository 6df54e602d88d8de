"""Options that are many: they stand here, beside the command line, which they would make too long."""

from collections.abc import Callable
from typing import Any

import click

STUDY = (
    click.option("--vary", multiple=True, metavar="KEY=VALUES", help="a,b,c or low..high or low..high:step; repeatable."),
    click.option("--seeds", type=click.IntRange(1, 1000), help="Runs of each point."),
    click.option("--objective", metavar="NAME,...", help="accuracy, energy, latency, area, training_energy, training_latency."),
    click.option("--method", type=click.Choice(["grid", "random", "nsga2", "tpe"]), help="All points, or --trials of them; default: grid."),
    click.option("--trials", type=click.IntRange(1), metavar="N", help="Points of random, nsga2 or tpe."),
    click.option("--generation", type=click.IntRange(2), metavar="N", help="Points that a search proposes at a time; default: 16."),
    click.option("--study-seed", type=click.IntRange(0, 2**32 - 1), help="Seed of what random and search draw."),
    click.option("--budget", metavar="samples=A,B,...", help="Cheap first: all points with A samples, the better ones with B, ..."),
    click.option("--keep", type=float, metavar="SHARE", help="Share of the points that goes on to the next budget; default: 0.5."),
    click.option("--out", metavar="DIR", help="Study directory; default: studies/NAME."),
    click.option("--workers", type=click.IntRange(1, 256), help="Processes; results do not depend on it. Default: one per processor."),
    click.option("--backend", type=click.Choice(["loky", "dask"]), default="loky", show_default=True, help="This machine, or a cluster."),
    click.option("--address", metavar="URL", help="The scheduler of --backend dask, as tcp://host:8786."),
)


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that a study has and a run has not."""
    for option in reversed(STUDY):
        command = option(command)
    return command
