"""The commands of studies, of runs that are tried on other chips, and of looking into either."""

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
@click.option("--out", metavar="DIR", help="Run directory; default: the run's with -rerun, -rerun-2, ... behind its name.")
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


@click.command()
@click.argument("folder", metavar="RUN")
@click.option("--perfetto", metavar="FILE", help="Timeline (Chrome trace events, JSON): cores and phases, packets as flows.")
@click.option("--vcd", metavar="FILE", help="Waveforms: phase, queues and spikes of every core, and of each unit of small layers.")
@click.option("--sample", type=click.IntRange(0), help="Only this recorded sample, by its number in record.samples.")
def trace(folder: str, perfetto: str | None, vcd: str | None, sample: int | None) -> None:
    """Write the samples recorded in run directory RUN ([record] samples) as a timeline or as waveforms."""
    from neurochip.cli import commands

    commands.trace(folder, perfetto, vcd, sample)


@click.command()
@click.argument("folder", metavar="RUN")
@click.option("--layer", required=True, metavar="NAME", help="The layer.")
@click.option("--weight", required=True, metavar="I,J", help="Row (unit of the layer's sources, or tap) and neuron or feature map.")
@click.option("--sample", type=click.IntRange(0), help="Only this recorded sample, by its number in record.samples.")
@click.option("--all", "is_all", is_flag=True, help="In all of the training, which is done again: long; needs the data, not [record].")
def why(folder: str, layer: str, weight: str, sample: int | None, is_all: bool) -> None:
    """List the spikes, error spikes and draws that changed one weight in the samples recorded in run directory RUN."""
    from neurochip.cli import commands

    commands.why(folder, layer, weight, sample, is_all)
