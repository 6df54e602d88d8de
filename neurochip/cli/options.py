"""Options of several commands, and those of one that are many."""

from collections.abc import Callable, Sequence
from typing import Any

import click

SETTING = click.option("--set", "settings", multiple=True, metavar="TABLE.KEY=VALUE", help="Override a key of the experiment; repeatable.")

QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")

EVALUATION = (
    click.option("--resume", "trained", required=True, metavar="PATH", help="A checkpoint.pt, a trained.h5, or the folder of a training."),
    click.option("--out", metavar="DIR", help="Folder of evaluation.json and evaluation.png; default: where PATH is."),
    click.option("--inspect", metavar="DIR", help="Also draw potentials, spikes and gradients of one image there."),
    click.option("--image", type=click.IntRange(0), default=0, show_default=True, help="Number of that test image."),
    click.option("--units", metavar="LAYER:N,...", multiple=True, help="Units whose potentials are drawn; default: the busiest."),
)

RUN = (
    click.option("--out", metavar="DIR", help="Run directory; default: runs/NAME."),
    SETTING,
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of weights, generators and sample order."),
    click.option("--threads", type=click.IntRange(1, 256), help="Threads of evaluation; results depend on none. Default: all processors."),
    click.option("--resume", is_flag=True, help="Go on with an interrupted run in the run directory, if there is one."),
    click.option(
        "--no-plots", is_flag=True, help="Leave out plots and page, which take some seconds; `neurochip report` makes them later."
    ),
    click.option("--strict", is_flag=True, help="Take warnings as errors: exit code 2, before the run if they are known then."),
    QUIET,
)

CHECKS = (
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    click.option("--dt", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Of a NIR graph: a tick. Default: as it tells."),
    click.option("--integration", type=click.Choice(["euler", "exact"]), default="euler", show_default=True, help="Of a NIR graph."),
    click.option("--reset", type=click.Choice(["zero", "subtract"]), default="zero", show_default=True, help="Of a NIR graph's neurons."),
    click.option("--layers", metavar="FILE", help="Of a NIR graph: also write its layers, for network.preset."),
)

STUDY = (
    click.option("--vary", multiple=True, metavar="KEY=VALUES", help="a,b,c or low..high or low..high:step; repeatable."),
    click.option("--seeds", type=click.IntRange(1, 1000), help="Runs of each point."),
    click.option("--objective", metavar="NAME,...", help="accuracy, energy, latency, area, twin, training_energy, training_latency."),
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


def with_options(options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """Return a decorator that adds options to a command, in their order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add
