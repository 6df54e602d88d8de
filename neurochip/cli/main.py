"""The command line. Bodies are under ten lines: what they call, most of it in commands.py and listing.py, is imported on use."""

import errno
import resource
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from neurochip import __version__
from neurochip.cli.options import CHECKS, EVALUATION, QUIET, RUN, SETTING, with_options
from neurochip.cli.studies import rerun, serve, sweep, trace, why
from neurochip.common.errors import NeurochipError
from neurochip.common.stop import terminable

NO_MEMORY = "not enough memory; use fewer or smaller layers, or fewer samples (data.train_samples, data.test_samples)"
WANTS = ("can't start new thread", "failed to map segment", "cannot allocate memory", "error return without exception set")
"""What libraries say that found no memory and raise something else."""
LEAST_BYTES = 640 << 20
"""Address space without which nothing here can run: measured, with some room."""


class OneLineErrors(click.Group):
    """Every mistake a user can make ends as one line on stderr and exit code 2; an interrupt as one line and 130."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run the command line and exit."""
        _refuse_little_memory()
        try:
            sys.exit(super().main(*args, **{**kwargs, "standalone_mode": False}) or 0)
        except click.UsageError as error:
            if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # since click 8.2
                error.show()
                sys.exit(2)
            command = error.ctx.command_path if error.ctx else "neurochip"
            _fail(f"{error.format_message().rstrip('.')} (see: {command} --help)")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user or the machine did wrong becomes its text."""
        try:
            with terminable():
                return super().invoke(ctx)
        except NeurochipError as error:
            _fail(str(error))
        except KeyboardInterrupt as interrupt:
            _fail(str(interrupt) or "interrupted", 130)  # as a shell gives it for SIGINT
        except MemoryError:
            _fail(NO_MEMORY)
        except (RuntimeError, SystemError, ImportError) as error:
            if not _is_for_want_of_memory(error):
                raise
            _fail(NO_MEMORY)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # a reader that went away, as `| head` does: click ends quietly
            _fail(f"{error.filename or 'input or output'}: {error.strerror or error}; free space or choose a place that can be written")


def _is_for_want_of_memory(error: BaseException) -> bool:
    """Tell whether a MemoryError, or what libraries make of one, is behind an error."""
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, MemoryError) or any(text in str(reason).lower() for text in WANTS):
            return True
        reason = reason.__cause__ or reason.__context__
    return False


def _refuse_little_memory() -> None:
    """End under a limit (`ulimit -v`) in which the libraries below NumPy and Numba do not load: they spin, or blame something else."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_BYTES:
        _fail(
            f"this process may have {limit >> 20} MiB of memory (ulimit -v), its libraries alone need {LEAST_BYTES >> 20}; raise the limit"
        )


def _fail(text: str, code: int = 2) -> NoReturn:
    click.echo(f"neurochip: {' '.join(text.split())}", err=True)
    sys.exit(code)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="neurochip")
def main() -> None:
    """Simulate neuromorphic chips that learn on chip, with spikes only: accuracy, cycles and energy from one execution."""


@main.command()
@click.argument("file")
@with_options(RUN)
def run(**options: Any) -> None:
    """Run experiment FILE (a path, or the name of a shipped one): train, evaluate, report."""
    import_module("neurochip.cli.commands").run(**options)


@main.command()
@click.argument("file")
@click.option("--out", metavar="DIR", help="Run directory; default: runs/NAME.")
@SETTING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of initial weights, order, spikes and what is held out.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training in the run directory, if there is one.")
@QUIET
def train(file: str, out: str | None, settings: tuple[str, ...], seed: int | None, resume: bool, quiet: bool) -> None:
    """Train the net of experiment FILE off the chip ([train]; needs PyTorch). `neurochip run FILE` then puts it on the chip."""
    import_module("neurochip.cli.commands").train(file, out, settings, seed, resume, quiet)


@main.command()
@click.argument("file")
@with_options(EVALUATION)
@SETTING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of the encoded spikes.")
@QUIET
def evaluate(**options: Any) -> None:
    """Evaluate a trained net of experiment FILE as a float spiking net: accuracy after 1 .. T ticks, spikes by layer."""
    import_module("neurochip.cli.commands").evaluate(**options)


@main.command()
@click.argument("folder", metavar="RUN")
@click.option("--accelergy", metavar="DIR", help="Also write an Accelergy ERT and action counts, from which an outside tool can sum up.")
def report(folder: str, accelergy: str | None) -> None:
    """Print the report of run directory RUN and make its plots and page anew."""
    import_module("neurochip.cli.commands").report(folder, accelergy)


@main.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True)
@click.option("--html", metavar="FILE", help="Also write the comparison as a page, with a plot of accuracy against ticks and energy.")
@click.option(
    "--at",
    type=float,
    metavar="PERCENT",
    help="Accuracy at which ticks and energy are compared; default: the lowest final one - 0.5.",
)
@click.option("--published", is_flag=True, help="Also put each run beside published chips that learn, with the source of every figure.")
@click.option("--csv", metavar="FILE", help="Also write a row per run: figures with all of their digits, settings in which they differ.")
def compare(**options: Any) -> None:
    """Compare run directories, of any learning system, in one table."""
    import_module("neurochip.cli.commands").compare(**options)


@main.command("map")
@click.argument("file")
@SETTING
@click.option("--out", metavar="PNG", help="Also draw the placement: cores on their mesh, and how full they are (.png, .svg or .pdf).")
def show_map(file: str, settings: tuple[str, ...], out: str | None) -> None:
    """Show on which cores the layers of experiment FILE go, and how full these are, without running it."""
    import_module("neurochip.cli.commands").show_map(file, settings, out)


@main.group()
def data() -> None:
    """List, fetch and locate data sets."""


@data.command("list")
def data_list() -> None:
    """List the data sets that can be named, and which are on this machine."""
    from neurochip.cli import listing

    listing.data_list()


@data.command("fetch")
@click.argument("name")
def data_fetch(name: str) -> None:
    """Download data set NAME into the user's cache."""
    from neurochip.cli import listing

    listing.data_fetch(name)


@data.command("path")
def data_path() -> None:
    """Print the folders that are searched, in order."""
    from neurochip.cli import listing

    listing.data_path()


@main.command()
@click.option("--summary", "of_summary", is_flag=True, help="Of the summary.json of a run instead.")
@click.option("--out", metavar="FILE", help="Write there instead of to the screen.")
def schema(of_summary: bool, out: str | None) -> None:
    """Print the JSON Schema of experiment files (for completion in an editor), or of a run's summary."""
    from neurochip.cli import listing

    listing.schema(of_summary, out)


@main.command()
@click.option("--liberty", required=True, metavar="CELLS", help="Liberty file of standard cells (.lib or .lib.gz).")
@click.option("--sram", multiple=True, required=True, metavar="MACRO", help="Liberty file of one memory macro; repeatable.")
@click.option("--chip", default="plain_sram", show_default=True, help="Chip whose RTL is calibrated (a name or a path).")
@click.option("--out", metavar="TABLE", help="Energy table to write; default: NAME.toml.")
@click.option("--name", metavar="NAME", help="Name of the table; default: that of the cell library.")
@click.option("--node-nm", type=click.FloatRange(0, min_open=True), help="Feature size; Liberty files do not say it.")
@click.option("--dont-use", multiple=True, metavar="PATTERN", help="Cells that synthesis must not use, as '*_iso_*'; repeatable.")
@click.option("--keep", metavar="DIR", help="Keep netlists, recordings and traces there.")
@click.option("--experiment", "experiments", multiple=True, metavar="FILE", help="Measure its cores at their own size, too; repeatable.")
@SETTING
@click.option("--into", metavar="TABLE", help="Measure the cores of the experiments alone, and put their entries into this table.")
@QUIET
def calibrate(**options: Any) -> None:
    """Make an energy table from your own cells: synthesise the RTL, simulate its netlist, price every event."""
    import_module("neurochip.cli.hardware").calibrate(**options)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quick", is_flag=True, help="Fewer repeats and no scaling table.")
@click.option("--noc", is_flag=True, help="Measure the network-on-chip instead: packet hops per second on a 16 x 16 mesh.")
@click.option("--scale", is_flag=True, help="Measure scaling instead: time per tick against spikes, 100,000 neurons on 128 cores.")
@click.option("--corners", is_flag=True, help="Measure slow settings instead: other chips, words, sums and layers, beside the main job.")
def bench(as_json: bool, quick: bool, **asked: bool) -> None:
    """Measure synaptic operations per second against the best this machine does at adding weight rows."""
    chosen = [what for what, is_asked in asked.items() if is_asked]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(f'--{what}' for what in chosen)} are different measurements; ask for one")
    import_module("neurochip.cli.commands").bench(as_json, quick, *(chosen or ["speed"]))


@main.command()
@click.argument("file")
@click.option("--samples", type=click.IntRange(1), default=2, show_default=True, help="Training samples to present.")
@click.option("--ticks", type=click.IntRange(2, 65536), help="Ticks per sample; default: the experiment's.")
@click.option("--stalls", type=click.IntRange(0, 90), default=0, help="Percent of cycles in which the network holds packets back.")
@click.option("--icarus", is_flag=True, help="Run Icarus Verilog on the golden export too: a second opinion, slow.")
@click.option("--rtl", metavar="DIR", help="Compare the modules in DIR instead of those shipped.")
@click.option("--vcd", metavar="FILE", default="divergence.vcd", show_default=True, help="Waveform around the first difference.")
@SETTING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of weights, generators and sample order.")
@QUIET
def cosim(**options: Any) -> None:
    """Train on experiment FILE's first samples in the simulator and in its RTL, and compare every cycle. Exit code 1 at a difference."""
    import_module("neurochip.cli.hardware").cosim(**options)


@main.command("export-rtl")
@click.argument("file")
@click.argument("folder", metavar="DIR")
@click.option("--samples", type=click.IntRange(1), default=1, show_default=True, help="Training samples to present.")
@click.option("--ticks", type=click.IntRange(2, 65536), help="Ticks per sample; default: the experiment's.")
@SETTING
@click.option("--coverage", is_flag=True, help="More samples, as long as they meet a case that was not met (at most 64).")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of weights, generators and sample order.")
def export_rtl(**options: Any) -> None:
    """Write RTL, memory images, stimulus, expected trace and a self-checking test bench of experiment FILE into DIR."""
    import_module("neurochip.cli.hardware").export_rtl(**options)


@main.command()
@click.argument("file")
@click.option("--family", default="ecp5", show_default=True, help="FPGA family.")
@click.option("--device", metavar="NAME", help="LFE5U-25F, LFE5U-45F or LFE5U-85F; default: the smallest that holds the chip.")
@click.option("--out", metavar="DIR", help="Folder of sources, netlist, logs and report; default: fpga/NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Seed of the placement.")
@SETTING
@QUIET
def fpga(**options: Any) -> None:
    """Put the chip of experiment FILE on an FPGA: look-up tables, flip-flops, block RAMs, multipliers and largest clock, per module."""
    import_module("neurochip.cli.hardware").fpga(**options)


@main.command("export-nir")
@click.argument("file")
@click.argument("trained", metavar="TRAINED")
@click.argument("out", metavar="OUT.nir")
@SETTING
def export_nir(file: str, trained: str, out: str, settings: tuple[str, ...]) -> None:
    """Write the net of experiment FILE with the weights of TRAINED (a trained.h5, or its folder) as a NIR graph, for other frameworks."""
    import_module("neurochip.cli.commands").export_nir(file, trained, out, settings)


@main.command()
@click.argument("name", metavar="FILE")
@with_options(CHECKS)
def check(**options: Any) -> None:
    """Check your own FILE (or a name) as the tests check what ships: rule, chip, NIR graph, data set, ... Exit code 1 if a check fails."""
    sys.exit(import_module("neurochip.cli.checking").check(**options))


@main.command()
@click.argument("file", metavar="RULE")
@click.option("--chip", default="reference", show_default=True, help="Chip whose widths the rule has (a name or a path).")
@click.option("--liberty", metavar="CELLS", help="Liberty file of standard cells: area, longest path and energy of each function.")
@click.option("--dont-use", multiple=True, metavar="PATTERN", help="Cells that synthesis must not use, as '*_iso_*'; repeatable.")
@click.option("--rtl", metavar="DIR", help="Also write the rule's SystemVerilog there, a file per function.")
@click.option("--out", metavar="FILE", help="Also write all figures there, as JSON.")
@QUIET
def rule(**options: Any) -> None:
    """Tell what learning rule RULE (a name, or a file) needs as hardware: state, traffic, operators, gates; with cells area and energy."""
    import_module("neurochip.cli.rule_hardware").rule(**options)


@main.command()
@click.argument("kind", type=click.Choice(["rule", "chip", "table", "dataset", "experiment"]))
@click.argument("name")
@click.option("--out", metavar="DIR", help="Folder to write it into; default: here.")
def new(kind: str, name: str, out: str | None) -> None:
    """Write a commented, working start of your own KIND into NAME.py or NAME.toml. Never overwrites a file."""
    from neurochip.cli import listing

    listing.new(kind, name, out)


@main.command()
def info() -> None:
    """List what an experiment can name, and the experiments: chips, energy tables, learning rules, random generators, networks."""
    import_module("neurochip.cli.listing").info()


main.add_command(sweep)
main.add_command(rerun)
main.add_command(serve)
main.add_command(trace)
main.add_command(why)

if __name__ == "__main__":
    main(prog_name="neurochip")
