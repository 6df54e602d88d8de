"""An evaluation that was interrupted: what its first samples gave, beside the checkpoint, so that a long test goes on where it stopped."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.files import write_atomically
from neurochip.core.noc.totals import NocTotals
from neurochip.runfile.names import EVALUATION
from neurochip.runner.checkpoint import UNREADABLE
from neurochip.simulator.simulator import Counts, Evaluation


def save(folder: Path, identity: str, part: Evaluation) -> None:
    """Replace the unfinished evaluation in `folder`; `identity` says of which run and epoch it is."""
    arrays: dict[str, Any] = {
        "identity": np.array(identity),
        "votes": part.votes,
        "answers": part.answers,
        "counts": part.cost.counts,
        "cycles": part.cost.cycles,
    }
    arrays |= {f"packets/{name}": array for name, array in part.cost.packets._asdict().items()}
    arrays |= {f"unit_spikes/{i}": spikes for i, spikes in enumerate(part.unit_spikes)}

    def write(path: Path) -> None:
        with open(path, "wb") as handle:
            np.savez(handle, **arrays)

    write_atomically(folder / EVALUATION, write)


def load(folder: Path, identity: str) -> Evaluation | None:
    """Load the unfinished evaluation of that identity; None if there is none, or only a damaged one or of something else."""
    path = folder / EVALUATION
    try:
        if not path.exists() or not zipfile.is_zipfile(path):
            return None
        with np.load(path, allow_pickle=False) as file:
            if str(file["identity"]) != identity:
                return None
            packets = NocTotals(*(file[f"packets/{name}"] for name in NocTotals._fields))
            cost = Counts(file["counts"], file["cycles"], len(file["votes"]), packets)
            layers = sum(name.startswith("unit_spikes/") for name in file.files)
            return Evaluation(file["votes"], cost, file["answers"], [file[f"unit_spikes/{i}"] for i in range(layers)])
    except UNREADABLE:
        return None
