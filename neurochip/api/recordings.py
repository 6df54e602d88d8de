"""Samples recorded in a run ([record] samples): as a timeline, as waveforms, and why one weight is what it is."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from neurochip.api.results import Run
from neurochip.common.arrays import reading
from neurochip.common.errors import NeurochipError
from neurochip.runfile.names import RUN_H5
from neurochip.trace.observe import Recording

DAMAGED, AGAIN = "{}: its recordings are not what a run leaves", "make the run again"

RunOrFolder = Run | str | os.PathLike[str]


class Timeline(NamedTuple):
    """The file of a timeline that was written."""

    file: Path
    events: int
    flows: int
    """Packets, drawn from core to core."""


class Waves(NamedTuple):
    """The file of waveforms that was written."""

    file: Path
    signals: int


def write_timeline(run: RunOrFolder, path: str | os.PathLike[str], sample: int | None = None) -> Timeline:
    """Write recorded samples as Chrome trace events (JSON), which Perfetto shows: cores and phases, packets as flows.

    sample: its number in record.samples; default: all. Raises NeurochipError if nothing was recorded.
    """
    from neurochip.trace.perfetto import write_perfetto

    recordings, clock_mhz, name = _recorded(run, sample)
    with reading(DAMAGED.format(folder_of(run) / RUN_H5), AGAIN):
        return Timeline(Path(path), *write_perfetto(Path(path), recordings, clock_mhz, name))


def write_waves(run: RunOrFolder, path: str | os.PathLike[str], sample: int | None = None) -> Waves:
    """Write recorded samples as a VCD: phase, queues and spikes of every core, and of each unit of small layers.

    sample: its number in record.samples; default: all. Raises NeurochipError if nothing was recorded.
    """
    from neurochip.trace.vcd import write_vcd

    recordings, clock_mhz, _ = _recorded(run, sample)
    with reading(DAMAGED.format(folder_of(run) / RUN_H5), AGAIN):
        return Waves(Path(path), write_vcd(Path(path), recordings, clock_mhz))


def explain_weight(
    run: RunOrFolder,
    layer: str,
    weight: tuple[int, ...] | str,
    sample: int | None = None,
    all_samples: bool = False,
    say: Callable[[str], None] = lambda text: None,
    on_sample: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[str]:
    """Tell line by line which spikes, error spikes and draws changed one weight in the recorded samples.

    weight: (row, neuron or feature map), and the tile of a layer that is cut into some; or the same as text, "3,5".
    sample: its number in record.samples; default: all that were recorded.
    all_samples: in all of the training, which is done again: long. `say` and `on_sample(done, total)` then tell how far it is.
    Raises NeurochipError if the run recorded nothing, or there is no such weight.
    """
    folder, named = folder_of(run), weight if isinstance(weight, str) else ",".join(str(number) for number in weight)
    if not all_samples:
        from neurochip.trace.why import why

        return why(folder, layer, named, sample)
    if sample is not None:
        raise NeurochipError("--all and --sample: leave one of them out")
    from neurochip.trace.why_all import why_all

    return iter(why_all(folder, layer, named, say, on_sample))


def folder_of(run: RunOrFolder) -> Path:
    """Return the directory of a run."""
    return run.folder if isinstance(run, Run) else Path(run)


def _recorded(run: RunOrFolder, sample: int | None) -> tuple[list[Recording], float, str]:
    """The recordings, the chip's clock in MHz and the run's name."""
    from neurochip.trace.recorder import chosen, load_recordings

    folder = folder_of(run)
    facts, recordings = load_recordings(folder)
    with reading(f"{folder / RUN_H5}: its chip cannot be read", AGAIN):
        clock_mhz = json.loads(facts["chip"])["clock_mhz"]
        if isinstance(clock_mhz, bool) or not isinstance(clock_mhz, int | float) or not 0 < clock_mhz < math.inf:
            raise ValueError(f"clock_mhz = {clock_mhz!r}, must be above 0")
        return chosen(folder, recordings, sample), float(clock_mhz), str(facts["name"])
