"""[record]: which training samples are recorded, when, and where recordings are until the run is complete."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.arrays import UNREADABLE, checked, reading
from neurochip.common.errors import NeurochipError, did_you_mean
from neurochip.common.files import write_atomically
from neurochip.common.hdf5 import check_hdf5
from neurochip.runfile.names import RECORDED, RUN_H5
from neurochip.simulator.simulator import Simulator
from neurochip.simulator.stimulus import Stimulus
from neurochip.trace.observe import Observer, Recording
from neurochip.trace.replay import Replay

NAME = "recorded_{}.npz"  # beside the checkpoint, for a run that is resumed
WHOLE_RUN = "give the folder of a complete run"
AGAIN = "record a sample with --set record.samples=[0] --set record.epoch=1"


class Recorder:
    """Stands beside the training loop: a recorded sample is replayed on a copy of the chip, which then learns it as it would anyway."""

    def __init__(self, simulator: Simulator, stimulus: Stimulus, labels: np.ndarray, epochs: int) -> None:
        self.simulator = simulator
        self.stimulus = stimulus
        self.labels = labels
        self.model, setup = simulator.setup.experiment.record, simulator.setup
        self.where = f"{setup.where}: [record]"
        names = [layer.name for layer in simulator.mapping.layers]
        self.samples = list(dict.fromkeys(self.model.samples))
        self._check(epochs, names)
        self.first, self.last = self.model.ticks or (0, setup.experiment.run.ticks - 1)
        self.layers = [names.index(name) for name in names if name in (self.model.layers or names)]
        self.recordings: dict[int, Recording] = {}
        self.pending: tuple[int, Replay] | None = None
        self.folder: Path | None = None
        self.identity = ""

    def _check(self, epochs: int, names: list[str]) -> None:
        model, n, ticks = self.model, len(self.labels), self.simulator.setup.experiment.run.ticks
        for sample in model.samples:
            if sample >= n:
                raise NeurochipError(f"{self.where} samples: {sample} must be below {n}, the number of training samples")
        if model.samples and model.epoch != "final" and model.epoch > epochs:
            if epochs == 0:
                raise NeurochipError(f"{self.where} epoch = {model.epoch}: this run does not train; use epoch = 'final'")
            raise NeurochipError(f"{self.where} epoch = {model.epoch}: must be 1 to {epochs}, the run's epochs, or 'final'")
        for name in model.layers:
            if name not in names:
                raise NeurochipError(f"{self.where} layers: no layer '{name}'{did_you_mean(name, names)}")
        if model.ticks and not model.ticks[0] <= model.ticks[1] < ticks:
            raise NeurochipError(f"{self.where} ticks = {list(model.ticks)}: must be [first, last] with 0 <= first <= last <= {ticks - 1}")

    def resume(self, folder: Path, identity: str, epoch: int, position: int) -> None:
        """Keep recordings in the run's folder; of a run that goes on at that position, what was recorded is there."""
        self.folder, self.identity = folder, identity
        for number, sample in enumerate(self.samples if self.model.epoch != "final" else ()):
            if (int(self.model.epoch) - 1, sample) < (epoch, position):
                path = folder / RECORDED.format(number)
                try:
                    self.recordings[number] = read(path, identity)
                except UNREADABLE as error:
                    raise NeurochipError(
                        f"{path}: the record of a sample that has been learned is missing or damaged ({type(error).__name__}: {error}); "
                        f"start again with another --out"
                    ) from None

    def _watched(self, epoch: int) -> list[int]:
        return sorted(self.samples) if self.model.epoch == epoch + 1 else []

    def stops(self, epoch: int) -> list[int]:
        """Return the positions at which training of an epoch (the first is 0) must pause: before and after each recorded sample."""
        return [stop for position in self._watched(epoch) for stop in (position, position + 1)]

    def at(self, epoch: int, position: int) -> None:
        """Check the sample just learned and record the one that comes, as training pauses before that position."""
        if self.pending and self.pending[0] == position - 1:
            if not self.pending[1].agrees(self.simulator.state):
                raise RuntimeError(f"recorded sample {position - 1}: its replay and the run differ; this is a fault of the simulator")
            self.pending = None
        if position in self._watched(epoch):
            sample = int(self.simulator.order(epoch, self.labels)[position])
            facts = {"epoch": epoch + 1, "position": position, "sample": sample}
            number = self.samples.index(position)
            self.pending = position, self._record(number, epoch, sample, facts)
            if self.folder:
                write(self.folder / RECORDED.format(number), self.identity, self.recordings[number])

    def _record(self, number: int, epoch: int, sample: int, facts: dict[str, Any], is_final: bool = False) -> Replay:
        one, label = self.stimulus.take(slice(sample, sample + 1)), int(self.labels[sample])
        replay = Replay(self.simulator, epoch, one, label, is_final)
        observer = Observer(self.simulator, self.layers, tuple(self.model.what), self.stimulus.is_events)
        self.recordings[number] = observer.record(replay, self.first, self.last, facts)
        return replay

    def finish(self, epochs: int) -> list[Recording]:
        """Return all recordings, in the order of `samples`; those of the trained chip are made now."""
        if self.model.epoch == "final":
            for number, sample in enumerate(self.samples):
                facts = {"epoch": "final", "position": sample, "sample": sample}
                self._record(number, max(epochs - 1, 0), sample, facts, is_final=True)
        return [self.recordings[number] for number in sorted(self.recordings)]

    def clean(self) -> None:
        """Remove the kept recordings of a run that is complete, with its recordings in run.h5."""
        for number in range(len(self.samples) if self.folder else 0):
            (self.folder / RECORDED.format(number)).unlink(missing_ok=True)  # type: ignore[operator]


def write(path: Path, identity: str, recording: Recording) -> None:
    """Keep one recording in a file of the run's folder."""
    content = json.dumps({"identity": identity, "facts": recording.facts})
    arrays: dict[str, Any] = recording.arrays

    def write_part(part: Path) -> None:
        with open(part, "wb") as handle:
            np.savez_compressed(handle, content=np.array(content), **arrays)

    write_atomically(path, write_part)


def read(path: Path, identity: str) -> Recording:
    """Read a recording that was kept. Raises one of UNREADABLE if it is not there, damaged or of another run."""
    if not zipfile.is_zipfile(path):  # np.load would leave it open
        raise ValueError("not there, not an .npz file, or cut off")
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        content = json.loads(str(file["content"]))
        if content["identity"] != identity:
            raise ValueError("it belongs to another run")
        arrays = {name: file[name] for name in file.files if name != "content"}
        if not isinstance(content["facts"], dict) or any(array.dtype.kind not in "iu" for array in arrays.values()):
            raise ValueError("it holds other things than whole numbers")
        return Recording(content["facts"], arrays)


def load_recordings(run: Path) -> tuple[dict[str, Any], list[Recording]]:
    """Load (attributes of run.h5, recordings) of a run directory. Raises NeurochipError, also if nothing was recorded."""
    import h5py

    path = run / RUN_H5
    if not path.exists():
        raise NeurochipError(f"{path}: no such file; {WHOLE_RUN}")
    check_hdf5(path, str(path), WHOLE_RUN)
    found = []
    with reading(f"{path}: not a readable run.h5", WHOLE_RUN), h5py.File(path, "r") as file:
        facts = dict(file.attrs)
        for n in sorted(file.get("record", ()), key=int):
            group = file[f"record/{n}"]
            names: list[str] = []
            group.visit(names.append)
            of_arrays = [name for name in names if isinstance(group[name], h5py.Dataset)]
            arrays = {name: checked(group[name][()], f"{path}: record/{n}/{name}", "iu", None, None, WHOLE_RUN) for name in of_arrays}
            found.append(Recording({key: plain(value) for key, value in group.attrs.items()}, arrays))
            _check_facts(found[-1].facts, f"{path}: record/{n}")
    if not found:
        raise NeurochipError(f"{path}: holds no recorded sample; run it again and {AGAIN}")
    return facts, found


def _check_facts(facts: dict[str, Any], where: str) -> None:
    """Refuse a recording without the numbers and lists that its readers count on, or with others in their place."""
    for key in ("position", "sample", "label", "first", "last", "ticks", "learn_from"):
        if type(facts[key]) is not int or facts[key] < 0:
            raise NeurochipError(f"{where}: attribute '{key}' is {facts[key]!r:.40}, expected a whole number from 0; {WHOLE_RUN}")
    for key in ("inputs", "what", "recorded_layers", "cores", "network"):
        if not isinstance(json.loads(facts[key]), list):
            raise NeurochipError(f"{where}: attribute '{key}' is {facts[key]!r:.40}, expected a list in JSON; {WHOLE_RUN}")


def chosen(run: Path, recordings: list[Recording], sample: int | None) -> list[Recording]:
    """Return all recordings, or the one of that number in record.samples."""
    known = [recording.facts["position"] for recording in recordings]
    if sample is None:
        return recordings
    if sample not in known:
        there = ", ".join(map(str, known))
        raise NeurochipError(f"{run}: sample {sample} is not recorded, only {there}; run it again with --set record.samples=[{sample}]")
    return [recordings[known.index(sample)]]


def plain(value: Any) -> Any:
    """Return a value of an attribute as Python has it."""
    return value.item() if hasattr(value, "item") else value
