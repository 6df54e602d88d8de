"""Learning rules, one per file, found by walking this folder: a new file is a new rule, with no edit elsewhere."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from neurochip.core.language.described import Description


class Setting(NamedTuple):
    """A real-valued key of the experiment's [rule] table that a rule understands."""

    default: float
    low: float
    high: float
    help: str


class Rule(NamedTuple):
    """What a rule's file exports as RULE. A rule may be without the members from `traces` on; who needs one says that it is not told."""

    summary: str
    settings: Mapping[str, Setting]
    learns_from: Literal["errors", "spikes", "arrivals", "reward"] | None
    """ "errors": the teacher's error spikes; "spikes": its own units' and traces of what arrived, no teacher; "arrivals": spikes that
    arrive; "reward": nothing but a reward or sweeps; None: no updates. The last two are of rules in the language."""
    quantise: Callable[[Mapping[str, float], int, int, int], list[int]]
    """(settings, epoch, frac_bits, rng_bits) -> the rule's int64 parameters: the one place where its real numbers become integers."""
    hook: Callable | None
    """HOOK, called in every tick after warm-up for each location with own error spikes, or with units that fired; None: not to be run."""
    traces: Callable[[Mapping[str, float]], tuple[int, int]] | None = None
    """settings -> (peak, factor of 256) of the axons' traces: of a rule that learns from spikes."""
    remark: Callable[[Mapping[str, float], int, int], str | None] | None = None
    """(settings, epochs, frac_bits) -> what integers of this width make of the settings, where a user would be surprised; else None."""
    is_binary: bool = False
    """It puts weights to the low or the high end of their range and nowhere between, as layers with `levels` need."""
    refuse: Callable[[Mapping[str, float], int, int], str | None] | None = None
    """(settings, weight_bits, frac_bits) -> which setting these widths cannot hold, its value, the limit and the way out; else None."""
    effective_rate: Callable[[Mapping[str, float], int, int], float] | None = None
    """(settings, epoch, frac_bits) -> mean change of a weight where an error spike meets a spike, in weight units and along the error's
    sign: the learning rate of the float twin, per tick, and what the gradient probe divides by."""
    rate_decay: Callable[[Mapping[str, float], int], float] | None = None
    """(settings, epoch) -> factor on the first epoch's rate: of a float twin with a rate of its own, which else stays as it is."""
    p_learn: int | None = None
    """Index of the parameter P of a rule that learns from errors thus: each error spike, in list order, is learned from if a draw of
    rng_learn is below P, or without a draw if P is 2**rng_bits; then every weight of the rows steps by one LSB, by the error's sign.
    `why` so tells each decision, and the gradient probe measures without draws."""
    rtl: str | None = None
    """Name of the learning unit in the RTL that does what the hook does, in every cycle; lock-step refuses a rule without one."""
    text: "Description | None" = None
    """What a rule in the language of rules says: its functions, registers and states; hardware is made of it."""
    sweeps: Callable[[Mapping[str, float]], int] | None = None
    """settings -> ticks from one sweep over all synapses to the next: of a rule in the language."""

    @property
    def learns(self) -> bool:
        """True if the rule ever changes a weight."""
        return self.learns_from is not None

    @property
    def hears_reward(self) -> bool:
        """True if it learns from [run] reward."""
        return self.text is not None and self.text.hears_reward

    @property
    def keeps_states(self) -> bool:
        """True if the core keeps states for it, and asks it as core/keeping.py does."""
        return self.text is not None and self.text.keeps_states

    @property
    def tag_bits(self) -> int:
        """Bits that the memory keeps beside each weight for it."""
        return sum(state.bits for state in self.text.synapse.values()) if self.text is not None else 0

    @property
    def takes_errors(self) -> bool:
        """True unless it learns without a teacher's error spikes."""
        return self.learns_from in ("errors", None)


def names() -> list[str]:
    """List the names of all shipped rules, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> Rule:
    """Return the shipped rule of that name, which must be one of `names()`."""
    return importlib.import_module(f"{__name__}.{name}").RULE


def sources(name: str) -> dict[str, str]:
    """Return the text of module `name` of this folder and of those `_modules` that it names, directly or through them, by file name."""
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        file = next(path for folder in __path__ if (path := Path(folder, f"{module}.py")).is_file())
        found[file.name] = text = file.read_text(encoding="utf-8")
        waiting += [one for one in _shared() if re.search(rf"\b{one}\b", text) and f"{one}.py" not in found]
    return found


def all_sources() -> dict[str, str]:
    """Return the texts of all modules of this folder but this one, by file name."""
    return {file: text for name in (*names(), *_shared()) for file, text in sources(name).items()}


def _shared() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("_")]
