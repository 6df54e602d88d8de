"""A function of a rule as Numba compiles it, on many inputs at once: the expressions of the hook, without its walk."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from neurochip.core.language.described import Description, Widths
from neurochip.core.language.expressions import WEIGHT_BITS
from neurochip.core.language.placed import assigned, place, result
from neurochip.core.language.ranges import of_bits


def compiled_results(description: Description, role: str, widths: Widths, inputs: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return what the compiled function gives for each row of arguments, weight_bits left out."""
    function = description.functions[role]
    names, rails = [name for name in function.arguments if name != WEIGHT_BITS], of_bits(widths.weight_bits)
    lines = ["def many(given, made):", "    for _i in range(given.shape[0]):"]
    placed = place(role, function)
    lines += [f"        {placed(name)} = int(given[_i, {k}])" for k, name in enumerate(names)]
    lines += [f"        {name} = {value}" for name, value in (("w_min", rails.low), ("w_max", rails.high)) if name not in names]
    lines += assigned(role, function, "        ")
    lines += [f"        made[_i, {k}] = int({result(role, function, k)})" for k in range(len(function.results))]
    scope: dict = {}
    exec(compile("\n".join(lines), f"<{function.name}, compiled>", "exec"), scope)
    made = np.zeros((len(inputs), len(function.results)), np.int64)
    njit(scope["many"])(np.array(inputs, np.int64).reshape(len(inputs), len(names)), made)
    return [tuple(row) for row in made.tolist()]
