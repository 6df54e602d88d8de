"""The command of studies."""

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
