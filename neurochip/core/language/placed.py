"""A rule's functions as lines of a hook: under which names it keeps what they read, and what they assign and give."""

from collections.abc import Callable, Sequence

from neurochip.core.language.described import Description
from neurochip.core.language.expressions import Function, written
from neurochip.core.language.walk import __all__ as WALK

OF_THE_CHIP = {
    "draw_end": "1 << int(synapses.rng_param[RngParam.BITS])",
    "w_min": "int(_param[P.WEIGHT_MIN])",
    "w_max": "int(_param[P.WEIGHT_MAX])",
    "channels": "int(_param[P.CHANNELS])",
    "trace_peak": "int(_param[P.TRACE_PEAK])",
    "trace_factor": "int(_param[P.TRACE_FACTOR])",
}


TAKEN = {*WALK, "hook", "synapses", "rule_param", "traces", "neurons", "signs", "int", "min", "max", "range", "given", "made"}
"""Names that a hook has of its own, beside those that begin with an underscore."""


def own(name: str) -> str:
    """Tell under which name a hook keeps a register, a state, or what was decided: its own, unless the hook means something by it."""
    return f"own_{name}" if name in TAKEN or name.startswith(("own_", "its_")) else name


def registers(description: Description, roles: Sequence[str]) -> list[str]:
    """Take from their vectors what the functions of these roles read of registers and of the chip."""
    functions = [function for role, function in description.functions.items() if role in roles]
    read = {name for function in functions for name in function.arguments}
    found = [f"    {own(name)} = int(rule_param[{k}])" for k, name in enumerate(description.registers) if name in read]
    if any(one.op == "saturate" for function in description.functions.values() for whole in function.expressions() for one in whole.walk()):
        read |= {"w_min", "w_max"}
    return found + [f"    {name} = {text}" for name, text in OF_THE_CHIP.items() if name in read]


def place(role: str, function: Function) -> Callable[[str], str]:
    """Tell where the hook keeps a name of a function: arguments as `own` says, local ones under the role's."""
    local = {assignment.name for assignment in function.assignments}
    return lambda name: f"its_{role}_{name}" if name in local else "_rows" if name == "rows" else own(name)


def assigned(role: str, function: Function, indent: str) -> list[str]:
    """Write a function's assignments."""
    placed = place(role, function)
    return [f"{indent}{placed(name)} = {written(value, placed)}" for name, value, _ in function.assignments]


def result(role: str, function: Function, k: int = 0) -> str:
    """Write the k-th number that a function gives."""
    return written(function.results[k][1], place(role, function))


def is_drawn(description: Description) -> list[str]:
    """Find whether decisions of this call need their draws."""
    if "draws" not in description.functions:
        return ["    _is_drawn = True"]
    function = description.functions["draws"]
    return [*assigned("draws", function, "    "), f"    _is_drawn = {result('draws', function)}"]


def accesses(description: Description, events: str) -> str:
    """Write the count of accesses to the rows' words: one for all learners of a word; if synapses draw, one for each of them."""
    rows, n = ("_n_rows * _n", "1") if description.reads("synapse", "draw") else ("_n_rows", "_n")
    return f"count_touched(_param, _counts, {rows}, {events}, {n})"
