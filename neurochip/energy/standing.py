"""A measured core that stands for one of another size, or built otherwise.

Prices are those of the core that is nearest in knobs and size. A knob changes them by the ratio of two measured cores that differ in
it alone; where there are none, block netlists say what area, leakage and path do, and the knob is named: no energy moves with it.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from neurochip.core.events import Phase
from neurochip.energy.knob_text import Change, Knobs, changes, changes_between, knobs_in, number_of
from neurochip.energy.measured import OTHER_KNOBS, PER_DOUBLING, Beyond, MeasuredCore, Prices, fields_of
from neurochip.energy.prices import KINDS
from neurochip.energy.size_law import GROUPS, TICK, Figures, Group, SizeLaw, together
from neurochip.energy.sized import Core

NEAR = 4.0  # a measured core stands for others with up to so many times as many or as few axons, and neurons
PER_RATIO = 0.05  # how much wider a range gets with each knob whose ratio is multiplied in
SAME: Figures = (1.0, 1.0, 1.0, 1.0)
MERGED = tuple(group for group in GROUPS if group is not TICK)
"""Groups whose events a ratio does not tell apart. Generators are units of their own: what they take in a tick is known."""


class Ratio(NamedTuple):
    """What a change does to a core: pJ of an event in a phase before and after, and the ratios of its figures.

    Of events that come together only the sum is known: each moves with it.
    """

    pj: dict[tuple[Phase, str], tuple[float, float]]
    together: dict[Group, float]
    figures: Figures

    @classmethod
    def of(cls, before: MeasuredCore, after: MeasuredCore) -> Self:
        """Return what is between two measured cores of one size."""
        old_pj, new_pj = before.phases_pj, after.phases_pj
        pj = {event: (old_pj.get(event, 0.0), new_pj.get(event, 0.0)) for event in old_pj | new_pj}
        both = {
            group: tuple(_together(entry.phases_pj, group, entry, knobs_in(entry.knobs)) for entry in (before, after)) for group in MERGED
        }
        pairs = zip(figures_of(before), figures_of(after), strict=True)
        clock, leakage, area, path = (new / old if old else 1.0 for old, new in pairs)
        return cls(pj, {group: new / old for group, (old, new) in both.items() if old and new}, (clock, leakage, area, path))

    def part(self, share: float) -> "Ratio":
        """Return what a share of the change does, on the line to the whole."""
        pj = {event: (old, old + share * (new - old)) for event, (old, new) in self.pj.items()}
        clock, leakage, area, path = (1 + share * (ratio - 1) for ratio in self.figures)
        return Ratio(pj, {group: 1 + share * (ratio - 1) for group, ratio in self.together.items()}, (clock, leakage, area, path))

    def applied(self, prices: Prices, entry: MeasuredCore, old: Knobs, new: Knobs) -> Prices:
        """Return prices of a core of `entry`'s size after the change: times the ratio, or with the difference where there was no price."""
        found = {event: self._applied(event, prices.get(event, 0.0)) for event in prices | self.pj}
        for group, ratio in self.together.items():
            had, as_is = _together(prices, group, entry, old), _together(prices, group, entry, new)
            for event in ((group.phase, name) for name in group.events):
                if had and as_is and event in found:
                    found[event] = prices.get(event, 0.0) * ratio * had / as_is
        return found

    def _applied(self, event: tuple[Phase, str], pj: float) -> float:
        old, new = self.pj.get(event, (0.0, 0.0))
        return pj * new / old if old else pj + new


def _together(prices: Prices, group: Group, entry: MeasuredCore, knobs: Knobs) -> float:
    return together(prices, group, (entry.axons, entry.neurons), knobs, "first" in entry.roles)


class Standing(NamedTuple):
    """A measured core as it stands for another one."""

    core: MeasuredCore
    beyond: Beyond
    missing: tuple[str, ...]  # knobs with which its energies do not move
    blind: tuple[str, ...]  # those of them with which area, leakage and longest path do not move either


def figures_of(entry: MeasuredCore) -> Figures:
    """Return clock, leakage, area and longest path of a measured core."""
    return entry.clock_pj, entry.leakage_nw, entry.area_um2, entry.path_ns


def _changes(entry: MeasuredCore, core: Core | MeasuredCore) -> tuple[Change, ...]:
    return changes_between((entry.knobs, entry.neurons), (core.knobs, core.neurons), tuple(entry.roles))


def other_words(entry: MeasuredCore, core: Core) -> int:
    """Return how many knobs are not alike, those of parts that the core does not have among them: of two entries that tell the same."""
    return len(changes(knobs_in(entry.knobs), knobs_in(core.knobs)))


def doublings(entry: MeasuredCore, core: Core) -> float:
    """Return how many doublings or halvings of axons and of neurons a core is away; infinite if it is too far."""
    ratios = core.axons / entry.axons, core.neurons / entry.neurons
    return sum(abs(math.log2(ratio)) for ratio in ratios) if all(1 / NEAR <= ratio <= NEAR for ratio in ratios) else math.inf


def nearest(entries: Sequence[MeasuredCore], core: Core) -> MeasuredCore | None:
    """Return the measured core that stands for `core` with the narrowest range: in the same place, not far in size.

    A core of rows stands for none of words, nor the other way round: another machine adds.
    """

    def factor(entry: MeasuredCore) -> tuple[float, int]:
        ratios = [ratio_of(entries, entry, change) for change in _changes(entry, core)]
        return _factor(entry, core, len(ratios) - ratios.count(None), ratios.count(None)), other_words(entry, core)

    alike = [e for e in entries if tuple(e.roles) == core.roles and ("lanes" in knobs_in(e.knobs)) == ("lanes" in knobs_in(core.knobs))]
    return min((entry for entry in alike if math.isfinite(doublings(entry, core))), key=factor, default=None)


def _factor(entry: MeasuredCore, core: Core, told: int, missing: int) -> float:
    return 1 + PER_DOUBLING * doublings(entry, core) + PER_RATIO * told + OTHER_KNOBS * missing


def ratio_of(entries: Sequence[MeasuredCore], entry: MeasuredCore, change: Change) -> Ratio | None:
    """Return what a change does by the two measured cores that differ in it alone, the nearest in size to `entry`.

    Between two values of a number it lies on the line; None if no two cores tell.
    """
    known = _known(entries, entry, change.name, change.old)
    at, old = number_of(change.name, change.new), number_of(change.name, change.old)
    if change.new in known or at is None or old is None:
        return known.get(change.new)
    ends = {value: number for value in known if (number := number_of(change.name, value)) is not None and (number - at) * (at - old) > 0}
    if not ends:
        return None
    end = min(ends, key=lambda value: abs(ends[value] - at))
    return known[end].part((at - old) / (ends[end] - old))


def _known(entries: Sequence[MeasuredCore], near: MeasuredCore, name: str, old: str) -> dict[str, Ratio]:
    """The values of a knob whose effect from `old` on is measured in the same place, on the size nearest to that of `near`."""
    alike = [entry for entry in entries if entry.roles == near.roles]
    found: dict[str, tuple[float, Ratio]] = {}
    for before, after in ((a, b) for a in alike for b in alike if (a.axons, a.neurons) == (b.axons, b.neurons)):
        differ = _changes(before, after)
        if len(differ) != 1 or differ[0][:2] != (name, old):
            continue
        away = abs(math.log2(before.axons / near.axons)) + abs(math.log2(before.neurons / near.neurons))
        if away < found.get(differ[0].new, (math.inf,))[0]:
            found[differ[0].new] = away, Ratio.of(before, after)
    return {value: ratio for value, (_, ratio) in found.items()}


def stand_for(
    entries: Sequence[MeasuredCore],
    core: Core,
    lines: Callable[[Core], Figures],
    blocks: Callable[[Core, Core], tuple[Figures, tuple[str, ...]] | None],
) -> Standing | None:
    """Return the nearest measured core as it stands for `core`; None if none does.

    lines: figures of a core by size alone. blocks: what block netlists say that figures change by from one core to another, and the knobs
    that no netlist has.
    """
    entry = nearest(entries, core)
    if entry is None:
        return None
    own, asked = Core(entry.axons, entry.neurons, core.roles, entry.knobs), _changes(entry, core)
    ratios = {change: ratio_of(entries, entry, change) for change in asked}
    missing = tuple(str(change) for change, ratio in ratios.items() if not ratio)
    pj, scales, blind, knobs = entry.phases_pj, [SAME], missing, knobs_in(entry.knobs)
    for change, ratio in ratios.items():
        if ratio:
            pj = ratio.applied(pj, entry, knobs, knobs | {change.name: change.new})
            knobs |= {change.name: change.new}
            scales.append(ratio.figures)
    if missing:
        untold = {change.name: change.new for change, ratio in ratios.items() if not ratio}
        if known := blocks(own, own._replace(knobs=_text(knobs_in(entry.knobs) | untold))):
            scales.append(known[0])
            blind = tuple(knob for knob in missing if knob in known[1])
    if (core.axons, core.neurons) != (entry.axons, entry.neurons):
        law, size = SizeLaw.among(entries, entry), (core.axons, core.neurons)
        here, there = (law.figures(size), law.figures((entry.axons, entry.neurons))) if law else (lines(core), lines(own))
        scales.append((here[0] / there[0], here[1] / there[1], here[2] / there[2], here[3] / there[3]))
        pj = law.moved(pj, entry, size, knobs_in(core.knobs)) if law else pj
    beyond = _beyond(entry, core, [change for change, ratio in ratios.items() if ratio], missing)
    clock, leakage, area, path = (old * math.prod(column) for old, *column in zip(figures_of(entry), *scales, strict=True))
    kind = max(entry.kind, "extrapolated", key=KINDS.index)
    moved = entry.model_copy(update={
        "axons": core.axons, "neurons": core.neurons, "knobs": core.knobs, "kind": kind, **fields_of(pj),
        "low_ratio": entry.low_ratio / beyond.factor, "high_ratio": entry.high_ratio * beyond.factor,
        "clock_pj": clock, "leakage_nw": leakage, "area_um2": area, "path_ns": path,
    })  # fmt: skip
    return Standing(moved.told(beyond.how), beyond, missing, blind)


def _text(knobs: Knobs) -> str:
    return ", ".join(f"{name} = {value}" for name, value in knobs.items() if value)


def _beyond(entry: MeasuredCore, core: Core, told: Sequence[Change], missing: Sequence[str]) -> Beyond:
    how = f"{core.axons} axons x {core.neurons} neurons priced as the core of {entry.axons} x {entry.neurons} that was measured"
    if told:
        how += f", {', '.join(map(str, told))} by the ratio of two measured cores"
    if missing:
        how += f"; {', '.join(missing)}: no two measured cores tell what it does"
    return Beyond(how, _factor(entry, core, len(told), len(missing)))
