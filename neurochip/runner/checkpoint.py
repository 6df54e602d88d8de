"""The whole machine state of an unfinished run in one file, replaced atomically: a run killed at any moment goes on with the same bits."""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurochip.common.arrays import UNREADABLE, like
from neurochip.common.errors import NeurochipError
from neurochip.common.files import write_atomically
from neurochip.core.events import N_EVENTS, N_PHASES
from neurochip.core.noc.totals import NocTotals
from neurochip.core.rng import RngParam
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.reference.twin import Reference
from neurochip.runfile.names import CHECKPOINT
from neurochip.runner.results import History
from neurochip.simulator.memories import memory_of
from neurochip.simulator.simulator import BANKS, MACHINE, OPTIONAL, Counts

LEARNED = ("weight", "transposed", "bias")  # of the twin
SCALARS = (
    *("train_accuracy", "test_accuracy", "reference_accuracy", "train_wall_s", "test_wall_s", "weights_at_rail", "readout_curve"),
    "task_accuracy",
)


class Position(NamedTuple):
    """The place where a run stands: samples of the current epoch already presented, and how many of them were answered right."""

    epoch: int = 0
    sample: int = 0
    correct: int = 0


def twin_arrays(reference: Reference | None) -> dict[str, np.ndarray]:
    """Copy what the float twin has learned, to be saved while its next epoch is under way."""
    return {name: getattr(reference.twin, name).copy() for name in LEARNED} if reference else {}


def save(
    folder: Path, identity: str, position: Position, state: ChipState, packets: NocTotals, twin: dict[str, np.ndarray], history: History
) -> None:
    """Replace the checkpoint in `folder`; `identity` says which run it belongs to."""
    arrays = {f"machine/{name}": getattr(state, name) for name in _machine_of(state)}
    arrays |= {f"packets/{name}": array for name, array in packets._asdict().items()}
    arrays |= {f"twin/{name}": array for name, array in twin.items()}
    for name, costs in (("train", history.train), ("test", history.test)):
        for i, cost in enumerate(costs):
            arrays |= {f"{name}/{i}/counts": cost.counts, f"{name}/{i}/cycles": cost.cycles, f"{name}/{i}/samples": np.array(cost.samples)}
            arrays |= {f"{name}/{i}/packets/{key}": array for key, array in cost.packets._asdict().items()}
    facts = {"identity": identity, "position": position, "record": {name: getattr(history, name) for name in SCALARS}}

    def write(part: Path) -> None:
        with open(part, "wb") as handle:
            np.savez(handle, facts=np.array(json.dumps(facts)), **arrays)

    write_atomically(folder / CHECKPOINT, write)


def load(folder: Path, identity: str, state: ChipState, packets: NocTotals, reference: Reference | None) -> tuple[Position, History]:
    """Put the saved machine state back into `state`, `packets` and the twin, and return position and history.

    Without a checkpoint: the very beginning.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return Position(), History()
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("not an .npz file, or cut off")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts["identity"] != identity:
                raise NeurochipError(
                    f"{path}: belongs to another experiment, rule, seed, chip, energy table or data; resume with the same files, --set "
                    f"and --seed, or choose another --out"
                )
            found = {name: like(file[f"machine/{name}"], getattr(state, name), f"machine/{name}") for name in _machine_of(state)}
            _check_machine(found, state)
            of_packets = [like(file[f"packets/{name}"], getattr(packets, name), f"packets/{name}") for name in NocTotals._fields]
            twin = _twin_of(file, reference)
            history, position = _history_of(facts, file, state, packets), _position_of(facts["position"])
    except UNREADABLE as error:
        raise NeurochipError(
            f"{path}: damaged checkpoint ({type(error).__name__}: {error}); delete it to start the run from the beginning"
        ) from None
    for name, array in found.items():
        getattr(state, name)[...] = array
    for into, array in zip(packets, of_packets, strict=True):
        into[...] = array
    if reference:
        for name, array in twin.items():
            getattr(reference.twin, name)[...] = array
    return position, history


def _machine_of(state: ChipState) -> list[str]:
    """Names of the arrays that are saved; those that nothing needs are empty, and are not."""
    return [name for name in MACHINE if name not in OPTIONAL or getattr(state, name).size]


def _check_machine(found: dict[str, np.ndarray], state: ChipState) -> None:
    """Refuse values that no chip has: weights and biases beyond their width, states that a generator cannot be in."""
    known = state._replace(**found)
    for c, param in enumerate(state.param):
        low, high = int(param[P.WEIGHT_MIN]), int(param[P.WEIGHT_MAX])
        for name, array in zip(("weight", "bias"), memory_of(known, c), strict=True):
            if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
                raise ValueError(f"machine/{name} holds {int(array.min())} to {int(array.max())} in core {c}, limit {low}..{high}")
    bits = int(state.rng_param[RngParam.BITS])
    for name in BANKS:
        wrong = (found[name] >> np.uint32(bits - 1) > 1) | ((found[name] == 0) != (getattr(state, name) == 0))
        if wrong.any():
            raise ValueError(f"machine/{name} holds {int(found[name][wrong][0])}, a generator of {bits} bits is in 1..{(1 << bits) - 1}")
    for name in ("counts", "cycles"):
        if (found[name] < 0).any():
            raise ValueError(f"machine/{name} holds {int(found[name].min())}, limit 0")


def _twin_of(file: Any, reference: Reference | None) -> dict[str, np.ndarray]:
    if reference is None:
        return {}
    return {name: like(file[f"twin/{name}"], getattr(reference.twin, name), f"twin/{name}") for name in LEARNED}


def _history_of(facts: dict[str, Any], file: Any, state: ChipState, packets: NocTotals) -> History:
    history = History(**facts["record"])
    for key in SCALARS:
        kind = float if key.endswith("_wall_s") else list
        if not isinstance(getattr(history, key), kind):
            raise TypeError(f"record.{key} is {getattr(history, key)!r:.40}, expected a {kind.__name__}")
    n_cores = len(state.param)
    of_cores = {"counts": np.zeros((n_cores, N_PHASES, N_EVENTS), np.int64), "cycles": np.zeros((n_cores, 2), np.int64)}
    for name in ("train", "test"):
        for i in range(len(getattr(history, f"{name}_accuracy"))):
            counts, cycles = (like(file[f"{name}/{i}/{key}"], known, f"{name}/{i}/{key}") for key, known in of_cores.items())
            at = f"{name}/{i}/packets/"
            spent = NocTotals(*(like(file[at + key], known, at + key) for key, known in packets._asdict().items()))
            samples = like(file[f"{name}/{i}/samples"], np.array(0), f"{name}/{i}/samples")
            getattr(history, name).append(Counts(counts, cycles, int(samples), spent))
    return history


def _position_of(numbers: list[int]) -> Position:
    position = Position(*numbers)
    if any(type(number) is not int or number < 0 for number in position):
        raise ValueError(f"position is {list(position)}, expected whole numbers from 0")
    return position
