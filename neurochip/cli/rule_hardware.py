"""`neurochip rule`: the hardware of a learning rule as tables."""

from collections import Counter
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from neurochip.common.screen import new_console, show


def rule(file: str, quiet: bool, **options: Any) -> None:
    """Print what a rule's hardware needs."""
    from neurochip.api.rule_hardware import price_rule

    console = new_console()
    made = price_rule(file, progress=False if quiet else console, **options)
    if quiet:
        return
    console.print(_state(made), _operators(made), _functions(made))
    for group in ("state", "gates", "cells"):
        if group in made:
            show(console, f"{group}: {made[group]['kind']}")
    if options["out"]:
        show(console, f"wrote {options['out']}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _state(made: dict[str, Any]) -> Table:
    state = made["state"]
    table = _table(f"rule {made['rule']} on {made['chip']}: weights of {made['weight_bits']} bits, draws of {made['rng_bits']}", "what", "")
    registers = ", ".join(f"{name} {bits}" for name, bits in state["register_bits"].items())
    table.add_row("registers", Text(f"{sum(state['register_bits'].values())} bits ({registers})"))
    for key, what in (("axon", "bits_per_axon"), ("neuron", "bits_per_neuron"), ("synapse", "bits_per_synapse_beside_the_weight")):
        table.add_row(f"state per {key}" + (", beside the weight" if key == "synapse" else ""), f"{state[what]} bits")
    for when, what in made["traffic"].items():
        if when != "kind":
            table.add_row(when, Text(what))
    return table


def _operators(made: dict[str, Any]) -> Table:
    table = _table("operators", "function", "what", "how many", "bits of operands -> of the result")
    groups: dict[tuple[str, str], Counter[str]] = {}
    for one in made["operators"]["list"]:
        bits = f"{' x '.join(map(str, one['operand_bits']))} -> {one['result_bits']}"
        groups.setdefault((one["function"], one["name"]), Counter())[bits] += 1
    for (function, name), found in groups.items():
        listed = ", ".join(f"{n} of {bits}" if n > 1 else bits for bits, n in found.items())
        table.add_row(function, name, str(sum(found.values())), listed)
    return table


def _functions(made: dict[str, Any]) -> Table:
    columns = ["function", "gate equivalents", "gates in series"]
    cells = made.get("cells")
    table = _table("functions", *columns, *(["area um2", "longest path ns", "energy per use pJ"] if cells else []))
    for role, one in made["gates"].items():
        if role != "kind":
            more = [cells[role][key] for key in ("area_um2", "longest_path_ns", "energy_pj")] if cells else []
            table.add_row(role, f"{one['gate_equivalents']:,.1f}", str(one["gates_in_series"]), *(f"{value:,.3g}" for value in more))
    return table
