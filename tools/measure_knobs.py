"""Measure what each knob of a core does: netlists of one small net on the default chip, knob by knob, into a table as [[measured_core]].

python tools/measure_knobs.py CELLS.lib.gz TABLE.toml SRAM.lib.gz ... [--only NAME]; about a minute of processor time for each. Ways whose
cores the table has are left out: a run that was stopped goes on where it was. MNIST has to be there (`neurochip data fetch mnist`).
"""

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from neurochip import datasets
from neurochip.calibrate.cells import DONT_USE, read_cells
from neurochip.calibrate.command import _check_memory
from neurochip.calibrate.designs import bare
from neurochip.calibrate.entries import put_into
from neurochip.calibrate.flow import measure_experiments
from neurochip.calibrate.sram import read_macro
from neurochip.energy.table import load_table
from neurochip.experiment.setup import load_setup
from neurochip.mapping.place import place
from neurochip.mapping.silicon import core_of

SIDE, LAYERS = 10, (50, 24, 10)  # 100 inputs; a first, an inner and a last core, none of them a power of two
KEPT = 10_000, 1_000  # images
ONE_SOMA = ("chip.core.soma_lanes=1", "chip.cycles_per_event.neuron_update=1", "chip.cycles_per_event.soma_cycle=0")
ONE_INPUT = ("chip.core.input_lanes=1", "chip.cycles_per_event.input_load=1", "chip.cycles_per_event.input_cycle=0")
WAYS: dict[str, tuple[str, ...]] = {
    "base": (),
    "8 bits": ("weights=8",),
    "rotated": ("chip.rng.sharing=rotated",),
    "8 lanes": ("chip.core.lanes=8",),
    "skewed": ("chip.core.port=skewed",),
    "xorshift32": ("chip.rng.kind=xorshift32",),
    "lfsr16": ("chip.rng.kind=lfsr16",),
    # knobs of the first core's input and of the last core's winner, measured together: no core has parts of both
    "serial encoder, beta by a shift": ("chip.core.encoder=serial", "chip.core.beta=power_of_two"),
    "one input, noise of 10 bits": (*ONE_INPUT, "chip.core.gumbel_address_bits=10"),
    "one soma": ONE_SOMA,
    "two steps": ("chip.rng.steps_per_draw=2",),
    "broadcast": ("chip.rng.sharing=broadcast",),
    "delta": ("chip.core.first_integrate=delta",),
    "transposable": ("chip.core.port=transposable",),
    "4 bits": ("weights=4",),
    "split errors": ("network.error_streams=split",),
    "random feedback": ("network.feedback=random",),
}
"""Ways to build the small net's cores; all but the first differ from the default chip in what they name."""
FRAC_BITS = {16: 12, 8: 7, 4: 3}
TEXT = """name = "knobs_{name}"
seed = 1
[data]
name = "npz"
path = "{data}"
[chip]
preset = "reference"
[network]
layers = [{layers}]
[rule]
name = "spike_backprop"
learn_rate = 4e-4
error_gain = 1
[run]
epochs = 1
ticks = 32
warmup_ticks = 6
[energy]
table = "{table}"
"""


def small_images(path: Path) -> None:
    """Write MNIST at 10 x 10: each pixel is the mean of nine."""
    whole = datasets.load("mnist", None)

    def small(images: np.ndarray) -> np.ndarray:
        framed = np.pad(images.reshape(-1, 28, 28).astype(np.float32), ((0, 0), (1, 1), (1, 1)))
        return framed.reshape(-1, SIDE, 3, SIDE, 3).mean(axis=(2, 4)).round().astype(np.uint8)

    (train, test), y_train, y_test = KEPT, whole.y_train, whole.y_test
    np.savez(path, x_train=small(whole.x_train[:train]), y_train=y_train[:train], x_test=small(whole.x_test[:test]), y_test=y_test[:test])


def experiment(folder: Path, name: str, settings: tuple[str, ...], table: str) -> tuple[Path, tuple[str, ...]]:
    """Write the small net's experiment with weights of a width; return its file and the settings that are left."""
    bits = int(next((text.partition("=")[2] for text in settings if text.startswith("weights=")), 16))
    layers = ", ".join(f"{{ neurons = {n}, weight_bits = {bits}, frac_bits = {FRAC_BITS[bits]} }}" for n in LAYERS)
    path = folder / f"{name.replace(' ', '_').replace(',', '')}.toml"
    path.write_text(TEXT.format(name=path.stem, data=folder / "small.npz", layers=layers, table=table), encoding="utf-8")
    return path, tuple(text for text in settings if not text.startswith("weights="))


def main(liberty: str, table: str, *rest: str) -> None:
    """Measure all ways that the table does not have."""
    chosen = [name for before, name in itertools.pairwise(rest) if before == "--only"]
    macros = [read_macro(Path(path)) for path in rest if path != "--only" and path not in chosen]
    library = read_cells(Path(liberty), DONT_USE)
    with tempfile.TemporaryDirectory(prefix="knobs_") as name:
        folder = Path(name)
        small_images(folder / "small.npz")
        for way, settings in WAYS.items():
            if chosen and way not in chosen:
                continue
            file, left = experiment(folder, way, settings, table)
            setup, known = load_setup(str(file), left), load_table(Path(table))
            chip, mapping = bare(setup.chip), place(setup, SIDE * SIDE, LAYERS[-1])
            if all(known.measured_at(core_of(chip, mapping, c, as_built=False)) for c in range(len(mapping.cores))):
                print(f"{way}: measured already", flush=True)
                continue
            access_ns = _check_memory(setup.chip, macros, library)
            work = folder / way.replace(" ", "_")
            work.mkdir()
            sizes = measure_experiments([setup], library, access_ns, work, lambda text: print(f"  {text}", flush=True))
            put_into(Path(table), sizes, library)
            errors = ", ".join(f"{' and '.join(own.core.roles)} {100 * own.error():+.1f} %" for own in sizes)
            print(f"{way}: done; held out: {errors}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
