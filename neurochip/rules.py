"""What the author of a learning rule imports: `from neurochip.rules import ...`. Names are added here, and never changed or taken away.

A rule's file exports RULE, a `Rule`: of functions in the language of rules (`described_rule`), of which kernel and hardware are made; or of
a hook, decorated with `rule_hook`, what it calls with `kernel`: integers only, int(a[i]) on every load, no allocation. `neurochip check
FILE` tells what is wrong with one; docs/learning_systems.md says when hooks are called.
"""

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.events import N_EVENTS, Event, Phase
from neurochip.core.hooks import HOOK, rule_hook
from neurochip.core.language.described import Register, State, described_rule, fading_trace
from neurochip.core.language.expressions import saturate
from neurochip.core.memory import change_field, count_touched, count_updates, step_biases, step_fields
from neurochip.core.rng import RngParam, draw
from neurochip.core.rules import Rule, Setting
from neurochip.core.state import Synapses
from neurochip.core.vectors import P

__all__ = [
    "HOOK",
    "N_EVENTS",
    "Event",
    "P",
    "Phase",
    "Register",
    "RngParam",
    "Rule",
    "Setting",
    "State",
    "Synapses",
    "borrow",
    "change_field",
    "count_touched",
    "count_updates",
    "described_rule",
    "draw",
    "fading_trace",
    "kernel",
    "rule_hook",
    "saturate",
    "step_biases",
    "step_fields",
]
