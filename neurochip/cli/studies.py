"""The commands of studies, and of runs that are tried on other chips."""

from importlib import import_module
from typing import Any

import click

from neurochip.cli.options import QUIET, SETTING, STUDY, with_options


@click.command()
@click.argument("file")
@with_options(STUDY)
@SETTING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of each point's first run.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted study in the directory, if there is one.")
@QUIET
def sweep(**options: Any) -> None:
    """Run experiment FILE with many settings and seeds on several processors, and compare: a table, a page with fronts, a storage."""
    import_module("neurochip.cli.sweeping").sweep(**options)


@click.command()
@click.argument("folder", metavar="RUN")
@click.option("--out", metavar="DIR", help="Run directory; default: the run's with -rerun behind its name.")
@SETTING
@click.option("--threads", type=click.IntRange(1, 256), help="Threads of evaluation; results do not depend on it. Default: all processors.")
@QUIET
def rerun(**options: Any) -> None:
    """Evaluate the trained net of run directory RUN again, on another chip or with other ticks, without training."""
    import_module("neurochip.cli.commands").rerun(**options)
