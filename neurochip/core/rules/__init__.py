"""Learning rules, one per file, found by walking this folder: a new file is a new rule, with no edit elsewhere."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple


class Setting(NamedTuple):
    """A real-valued key of the experiment's [rule] table that a rule understands."""

    default: float
    low: float
    high: float
    help: str


class Rule(NamedTuple):
    """What a rule's file exports as RULE."""

    summary: str
    settings: Mapping[str, Setting]
    learns_from: Literal["errors", "spikes"] | None
    """ "errors": the teacher's error spikes; "spikes": its own units' and traces of what arrived, no teacher; None: no updates."""
    quantise: Callable[[Mapping[str, float], int, int, int], list[int]]
    """(settings, epoch, frac_bits, rng_bits) -> the rule's int64 parameters: the one place where its real numbers become integers."""
    hook: Callable
    """HOOK, called in every tick after warm-up for each location with own error spikes, or with units that fired."""
    traces: Callable[[Mapping[str, float]], tuple[int, int]] | None = None
    """settings -> (peak, factor of 256) of the axons' traces: of a rule that learns from spikes."""
    remark: Callable[[Mapping[str, float], int, int], str | None] | None = None
    """(settings, epochs, frac_bits) -> what integers of this width make of the settings, where a user would be surprised; else None."""
    is_binary: bool = False
    """It puts weights to the low or the high end of their range and nowhere between, as layers with `levels` need."""

    @property
    def learns(self) -> bool:
        """True if the rule ever changes a weight."""
        return self.learns_from is not None


def names() -> list[str]:
    """Return the names of all rules, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> Rule:
    """Load the rule of that name, which must be one of `names()`."""
    return importlib.import_module(f"{__name__}.{name}").RULE
