"""The network-on-chip of a running chip: its mesh, room for a tick's packets, and what they added up to."""

from collections.abc import Iterable

import numpy as np

from neurochip.core.noc.totals import NocTotal, NocTotals
from neurochip.core.packets import Traffic
from neurochip.core.state import ChipState
from neurochip.core.vectors import P
from neurochip.experiment.chip import Chip, MeshModel
from neurochip.simulator.noc import Mesh, build_noc, empty_totals
from neurochip.simulator.noc_verdict import tick_budget

MAXIMA = (NocTotal.MAX_LATENCY, NocTotal.LONGEST_TICK)  # of parts of a run the larger one counts; all other sums add up


def mesh_of(model: MeshModel | None) -> Mesh:
    """Return the mesh of a chip; a chip without one has a single place that nothing uses."""
    return Mesh(**model.model_dump()) if model else Mesh(1, 1)


def build_traffic(chip: Chip, state: ChipState) -> Traffic:
    """Build an empty network with room for every packet that a tick can have."""
    mesh, room = mesh_of(chip.mesh), most_packets(state) if chip.mesh else 0
    budget = tick_budget(chip.tick_us, chip.clock_mhz) if chip.tick_us is not None else 0
    return Traffic(
        noc=build_noc(mesh),
        totals=empty_totals(mesh),
        n=np.zeros(1, np.int64),
        ready=np.zeros(room, np.int64),
        source=np.zeros(room, np.int32),
        dest=np.zeros(room, np.int32),
        following=np.zeros(room, np.int32),
        injected=np.zeros(room, np.int64),
        ejected=np.zeros(room, np.int64),
        busy=np.zeros(mesh.n_cores, np.int64),
        budget=np.array([budget], np.int64),
    )


def most_packets(state: ChipState) -> int:
    """Count packets of a tick: to each axon a spike or event, from it an error spike of each stream; winner and teacher."""
    axons, split = state.param[:, P.N_AXONS], state.param[:, P.SPLIT]
    return int((axons * (2 + split)).sum()) + 2


def join(parts: Iterable[NocTotals]) -> NocTotals:
    """Return the totals of all parts together; of peaks and other maxima the largest."""
    parts = list(parts)
    added = NocTotals(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in NocTotals._fields))
    added.peak[:] = np.max([part.peak for part in parts], axis=0)
    for total in MAXIMA:
        added.sums[total] = max(part.sums[total] for part in parts)
    return added


def take_totals(traffic: Traffic) -> NocTotals:
    """Return copies of the totals, and clear them."""
    copies = NocTotals(*(array.copy() for array in traffic.totals))
    for array in traffic.totals:
        array[:] = 0
    return copies
