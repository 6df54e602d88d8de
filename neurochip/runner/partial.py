"""An evaluation that was interrupted: what its first samples gave, beside the checkpoint, so that a long test goes on where it stopped."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neurochip.common.arrays import UNREADABLE, like
from neurochip.common.files import write_atomically
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.noc.totals import NocTotals
from neurochip.runfile.names import EVALUATION
from neurochip.simulator.exits import Exits, told_at_end
from neurochip.simulator.simulator import Counts, Evaluation, Simulator


def save(folder: Path, identity: str, part: Evaluation) -> None:
    """Replace the unfinished evaluation in `folder`; `identity` says of which run and epoch it is."""
    arrays: dict[str, Any] = {
        "identity": np.array(identity),
        "votes": part.votes,
        "answers": part.answers,
        "counts": part.cost.counts,
        "cycles": part.cost.cycles,
        "shown": part.exits.shown,
        "leads": part.exits.leads,
        "spent": part.exits.spent,
    }
    arrays |= {f"packets/{name}": array for name, array in part.cost.packets._asdict().items()}
    arrays |= {f"unit_spikes/{i}": spikes for i, spikes in enumerate(part.unit_spikes)}

    def write(path: Path) -> None:
        with open(path, "wb") as handle:
            np.savez(handle, **arrays)

    write_atomically(folder / EVALUATION, write)


def load(folder: Path, identity: str, simulator: Simulator, samples: int) -> Evaluation | None:
    """Load the unfinished evaluation of that identity, of at most so many samples on that chip.

    None if there is none, or only a damaged one or of something else: then it is made again.
    """
    path = folder / EVALUATION
    try:
        if not path.exists() or not zipfile.is_zipfile(path):
            return None
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["identity"]) != identity:
                return None
            return _evaluation(file, simulator, samples)
    except UNREADABLE:
        return None


def _evaluation(file: Any, simulator: Simulator, samples: int) -> Evaluation:
    """What the file holds; ValueError if it is not of this chip."""
    n, outputs, cores = len(file["votes"]), simulator.placements[-1].neurons, len(simulator.placements)
    if not 0 < n <= samples:
        raise ValueError(f"votes of {n} samples, limit 1..{samples}")
    like_this: dict[str, np.ndarray] = {
        "votes": np.zeros((n, outputs), np.int32),
        "answers": np.zeros((n, simulator.setup.experiment.test_ticks), np.int32),
        "counts": np.zeros((cores, N_PHASES, N_EVENTS), np.int64),
        "cycles": np.zeros((cores, 2), np.int64),
        "shown": np.zeros(n, np.int32),
        "leads": np.zeros((n, simulator.setup.experiment.test_ticks), np.int32),
        "spent": simulator.empty_spent(),
    }
    found = {name: like(file[name], known, name) for name, known in like_this.items()}
    totals: dict[str, np.ndarray] = simulator.traffic.totals._asdict()
    packets = NocTotals(*(like(file[f"packets/{name}"], known, name) for name, known in totals.items()))
    cost = Counts(found["counts"], found["cycles"], n, packets)
    units = [np.zeros(layer.shape.units, np.int64) for layer in simulator.mapping.layers]
    spikes = [like(file[f"unit_spikes/{i}"], known, f"unit_spikes/{i}") for i, known in enumerate(units)]
    exits = Exits(found["shown"], found["leads"], simulator.margins, found["spent"], told_at_end(simulator.state.param[-1]))
    return Evaluation(found["votes"], cost, found["answers"], spikes, exits)
