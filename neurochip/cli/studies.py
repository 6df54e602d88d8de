"""The commands of studies, of runs that are tried on other chips, and of looking at either."""

from importlib import import_module
from typing import Any

import click

from neurochip.cli.options import QUIET, SETTING, STUDY, with_options


@click.command()
@click.argument("file")
@with_options(STUDY)
@SETTING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of each point's first run.")
@click.option("--parquet", is_flag=True, help="Also write the table as study.parquet (extra: parquet).")
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


@click.command()
@click.argument("folder", metavar="DIR", default="runs", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 shows it to the network, to anybody.")
@click.option("--port", type=click.IntRange(1, 65535), default=8347, show_default=True, help="Port to listen at.")
def serve(folder: str, host: str, port: int) -> None:
    """Show runs and studies of folder DIR (default: runs) in a browser, live while they run, until Ctrl-C."""
    from neurochip.cli import serving

    serving.serve(folder, host, port)
