"""How prices and figures of a core move with its size, by measured cores that are built alike in one place of the chain.

Events that come together (a row's spike, words and additions) share what their cycle takes in no way that least squares could tell: what
they take together follows a power of the size, and each of them moves with it. Clock, leakage and area are base + per axon + per neuron.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from neurochip.core.events import Phase
from neurochip.energy.knob_text import Knobs, changes, changes_between, knobs_in
from neurochip.energy.measured import MeasuredCore, Prices

Size = tuple[int, int]  # axons, neurons
Figures = tuple[float, float, float, float]  # clock, leakage, area, longest path
STEEPEST = 2.0  # power of the size
SPREAD = 0.25  # doublings within which cores tell alike


class Group(NamedTuple):
    """Events that come together in a phase of a tick."""

    phase: Phase
    events: tuple[str, ...]


FORWARD, ERROR, LEARN = Phase.FORWARD, Phase.ERROR, Phase.LEARN
ROW, TICK = Group(FORWARD, ("spike_in", "word_read", "accumulate")), Group(FORWARD, ("barrier", "rng_draw"))
FIRE = Group(FORWARD, ("neuron_update", "readout", "spike_out"))
PER_NEURON = (ROW, FIRE)  # what a group takes is divided by the neurons before it is compared
CHANGE = Group(LEARN, ("word_read", "word_write", "weight_update"))
GROUPS = (
    *(ROW, TICK, FIRE, CHANGE),
    Group(FORWARD, ("input_load",)),
    Group(ERROR, ("word_read", "accumulate")),
    Group(ERROR, ("error_update",)),
    Group(LEARN, ("error_in",)),
    Group(LEARN, ("learn_decision", "bias_update")),
)


def times(group: Group, event: str, size: Size, knobs: Knobs, encodes: bool) -> float:
    """Return how often an event happens in what a group takes together: a row, a tick, or once."""
    axons, neurons = size
    if group is ROW:
        word_bits, weight_bits = (int(knobs.get(name, 1)) for name in ("word_bits", "weight_bits"))
        words = math.ceil(neurons / max(1, word_bits // weight_bits))
        return {"spike_in": 1, "word_read": words, "accumulate": neurons}[event]
    if group is FIRE:
        return 1 if event == "spike_out" else neurons  # a winner spikes once
    if group is TICK and event == "rng_draw" and knobs.get("sharing") == "per_unit":
        return neurons + axons * encodes
    return 1.0


def together(prices: Prices, group: Group, size: Size, knobs: Knobs, encodes: bool) -> float:
    """Return the pJ of a group's events together, in a core of a size. encodes: a first core, whose axons draw in every tick."""
    return math.fsum(times(group, event, size, knobs, encodes) * prices.get((group.phase, event), 0.0) for event in group.events)


class SizeLaw:
    """What measured cores of several sizes, alike in all else, say of others. `roles` and knobs are theirs."""

    def __init__(self, entries: Sequence[MeasuredCore]) -> None:
        self.entries = entries
        self.encodes = "first" in entries[0].roles

    @classmethod
    def among(cls, entries: Sequence[MeasuredCore], near: MeasuredCore) -> Self | None:
        """Return the law of the cores built as `near`, or, if these are of one size, of those of most sizes; None if no two sizes are."""
        alike = [entry for entry in entries if entry.roles == near.roles and ("lanes" in entry.knobs) == ("lanes" in near.knobs)]
        groups = [_alike(alike, entry) for entry in (near, *alike)]
        several = [group for group in groups if len({(entry.axons, entry.neurons) for entry in group}) > 1]
        if not several:
            return None
        return cls(several[0] if several[0] is groups[0] else max(several, key=len))

    def figures(self, size: Size) -> Figures:
        """Return clock, leakage, area and longest path at a size."""
        units = np.array([(1, entry.axons, entry.neurons) for entry in self.entries], dtype=np.float64)
        logs, weights = np.hstack([units[:, :1], np.log2(units[:, 1:])]), self._weights(size)
        fits = [_fit(units, [getattr(e, name) for e in self.entries], weights) for name in ("clock_pj", "leakage_nw", "area_um2")]
        path = _fit(logs, [entry.path_ns for entry in self.entries], weights) @ (1, math.log2(size[0]), math.log2(size[1]))
        clock, leakage, area = (float(terms @ (1, *size)) for terms in fits)
        return clock, leakage, area, float(path)

    def moved(self, prices: Prices, entry: MeasuredCore, size: Size, knobs: Knobs) -> Prices:
        """Return the prices of a core of one size, `entry`'s, at another one."""
        found, old = dict(prices), (entry.axons, entry.neurons)
        for group in GROUPS:
            here, there = self._energy(group, size, size), self._energy(group, old, size)
            as_is = together(prices, group, size, knobs, self.encodes)
            if here is None or there is None or not as_is:
                continue
            # what the law says; where the cores that it is of are built otherwise, times what these knobs do at the other size
            own = together(prices, group, old, knobs, self.encodes) if entry not in self.entries else there
            for key in ((group.phase, event) for event in group.events):
                if key in prices:
                    found[key] = prices[key] * here * own / there / as_is
        return found

    def _weights(self, size: Size) -> np.ndarray:
        """How much each core tells of one of a size: less, the more doublings it is away."""
        away = [abs(math.log2(size[0] / entry.axons)) + abs(math.log2(size[1] / entry.neurons)) for entry in self.entries]
        return 1 / (SPREAD + np.array(away))

    def _energy(self, group: Group, size: Size, near: Size) -> float | None:
        """PJ of a group in a core of a size, by the cores around `near`; None if fewer than two sizes have its events."""
        at, pj, kept = [], [], []
        for entry, weight in zip(self.entries, self._weights(near), strict=True):
            own = entry.axons, entry.neurons
            energy = together(entry.phases_pj, group, own, knobs_in(entry.knobs), self.encodes) / (own[1] if group in PER_NEURON else 1)
            if energy > 0:
                at.append(math.log(sum(own)))
                pj.append(math.log(energy))
                kept.append(weight)
        if len(set(at)) < 2:
            return None
        power = float(np.clip(np.polyfit(at, pj, 1, w=np.sqrt(kept))[0], 0.0, STEEPEST))
        middle, level = (float(np.average(values, weights=kept)) for values in (at, pj))
        energy = math.exp(level + power * (math.log(sum(size)) - middle))
        return energy * size[1] if group in PER_NEURON else energy


def _alike(entries: Sequence[MeasuredCore], near: MeasuredCore) -> list[MeasuredCore]:
    """The cores built as `near`, one of each size: of several the one whose knobs of parts that it does not have are alike, too."""
    found = [e for e in entries if not changes_between((e.knobs, e.neurons), (near.knobs, near.neurons), tuple(near.roles))]
    found.sort(key=lambda e: len(changes(knobs_in(e.knobs), knobs_in(near.knobs))), reverse=True)
    return list({(e.axons, e.neurons): e for e in found}.values())


def _fit(terms: np.ndarray, values: Sequence[float], weights: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 of weighted least squares of the relative error."""
    from scipy.optimize import nnls  # takes as long to load as the kernels, and most runs need none

    scale = np.sqrt(weights)
    found: np.ndarray = nnls(terms * (scale / np.asarray(values))[:, None], scale)[0]
    return found
