"""The whole machine state of an unfinished run in one file, replaced atomically: a run killed at any moment goes on with the same bits."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.core.noc.totals import NocTotals
from neurochip.core.state import ChipState
from neurochip.reference.twin import Reference
from neurochip.runfile.names import CHECKPOINT
from neurochip.runner.results import Record
from neurochip.simulator.simulator import MACHINE, Counts

LEARNED = ("weight", "transposed", "bias")  # of the twin
UNREADABLE = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
SCALARS = ("train_accuracy", "test_accuracy", "reference_accuracy", "train_wall_s", "test_wall_s", "weights_at_rail", "readout_curve")


class Position(NamedTuple):
    """The place where a run stands: samples of the current epoch already presented, and how many of them were answered right."""

    epoch: int = 0
    sample: int = 0
    correct: int = 0


def twin_arrays(reference: Reference | None) -> dict[str, np.ndarray]:
    """Copy what the float twin has learned, to be saved while its next epoch is under way."""
    return {name: getattr(reference.twin, name).copy() for name in LEARNED} if reference else {}


def save(
    folder: Path, identity: str, position: Position, state: ChipState, packets: NocTotals, twin: dict[str, np.ndarray], record: Record
) -> None:
    """Replace the checkpoint in `folder`; `identity` says which run it belongs to."""
    arrays = {f"machine/{name}": getattr(state, name) for name in MACHINE}
    arrays |= {f"packets/{name}": array for name, array in packets._asdict().items()}
    arrays |= {f"twin/{name}": array for name, array in twin.items()}
    for name, costs in (("train", record.train), ("test", record.test)):
        for i, cost in enumerate(costs):
            arrays |= {f"{name}/{i}/counts": cost.counts, f"{name}/{i}/cycles": cost.cycles, f"{name}/{i}/samples": np.array(cost.samples)}
            arrays |= {f"{name}/{i}/packets/{key}": array for key, array in cost.packets._asdict().items()}
    facts = {"identity": identity, "position": position, "record": {name: getattr(record, name) for name in SCALARS}}

    def write(part: Path) -> None:
        with open(part, "wb") as handle:
            np.savez(handle, facts=np.array(json.dumps(facts)), **arrays)

    write_atomically(folder / CHECKPOINT, write)


def load(folder: Path, identity: str, state: ChipState, packets: NocTotals, reference: Reference | None) -> tuple[Position, Record]:
    """Put the saved machine state back into `state`, `packets` and the twin, and return position and record.

    Without a checkpoint: the very beginning.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return Position(), Record()
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("not an .npz file, or cut off")
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts["identity"] != identity:
                raise NeurochipError(
                    f"{path}: belongs to another experiment, rule, seed, chip, energy table or data; resume with the same files, --set "
                    f"and --seed, or choose another --out"
                )
            for name in MACHINE:
                getattr(state, name)[...] = file[f"machine/{name}"]
            for name in NocTotals._fields:
                getattr(packets, name)[...] = file[f"packets/{name}"]
            if reference:
                for name in LEARNED:
                    getattr(reference.twin, name)[...] = file[f"twin/{name}"]
            record = Record(**facts["record"])
            for name in ("train", "test"):
                for i in range(len(getattr(record, f"{name}_accuracy"))):
                    parts = (file[f"{name}/{i}/counts"], file[f"{name}/{i}/cycles"], int(file[f"{name}/{i}/samples"]))
                    spent = NocTotals(*(file[f"{name}/{i}/packets/{key}"] for key in NocTotals._fields))
                    getattr(record, name).append(Counts(*parts, spent))
            position = Position(*facts["position"])
    except UNREADABLE as error:
        raise NeurochipError(
            f"{path}: damaged checkpoint ({type(error).__name__}: {error}); delete it to start the run from the beginning"
        ) from None
    return position, record
