"""`neurochip check`: the checks of a file in a table."""

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from neurochip.common.errors import NeurochipError
from neurochip.common.files import ELSEWHERE, write_atomically
from neurochip.common.screen import new_console, show


def check(name: str, as_json: bool, dt: float | None, integration: str, reset: str, layers: str | None) -> int:
    """Print what holds for the file and what does not; return 1 if a check fails. The last four are for NIR graphs alone."""
    from neurochip.api.catalogue import check as run_checks
    from neurochip.checks.kinds import NIR, kind_of

    if (kind := kind_of(name)) is NIR:
        return _check_graph(name, as_json, dt, (integration, reset), layers)
    if dt is not None or layers or (integration, reset) != ("euler", "zero"):
        raise NeurochipError(f"{name}: --dt, --integration, --reset and --layers are for NIR graphs, this is a {kind.name}; leave them out")
    console, checks = new_console(), run_checks(name)
    if as_json:
        found = [{"check": one.what, "passed": one.passed, "faults": one.faults} for one in checks]
        print(json.dumps({"file": name, "kind": kind.name, "checks": found}, indent=1))
        return int(not all(one.passed for one in checks))
    table = Table(
        title=Text(f"{kind.name} {name}"), title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False
    )
    table.add_column("check", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("what is wrong", overflow="fold")
    for one in checks:
        more = f" (and {len(one.faults) - 1} more)" if len(one.faults) > 1 else ""
        table.add_row(Text(one.what), "pass" if one.passed else "FAIL", Text(f"{one.faults[0]}{more}" if one.faults else ""))
    console.print(table)
    failed = sum(not one.passed for one in checks)
    show(console, f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed")
    return int(failed > 0)


def _check_graph(name: str, as_json: bool, dt: float | None, how: Any, layers: str | None) -> int:
    """Print of every node of a NIR graph how it would run; write its layers."""
    from neurochip.checks.nir import judge, layers_text

    found = judge(Path(name), dt, *how)
    refused = [one for one in found.verdicts if not one.runs]
    if as_json:
        nodes = [{"node": one.node, "type": one.type, "runs": one.runs, "how" if one.runs else "why": one.how} for one in found.verdicts]
        facts = {"file": name, "kind": "NIR graph", "dt": found.dt, "remarks": found.remarks, "nodes": nodes, "layers": found.layers}
        print(json.dumps(facts, indent=1))
    else:
        console = new_console()
        table = Table(
            title=Text(f"NIR graph {name}"), title_style="bold", title_justify="left", box=box.SIMPLE, show_edge=False, pad_edge=False
        )
        for heading in ("node", "type", "", "how it runs, or why not"):
            table.add_column(heading, overflow="fold")
        for one in found.verdicts:
            table.add_row(Text(one.node), one.type, "runs" if one.runs else "REFUSED", Text(one.how))
        console.print(table)
        for remark in found.remarks:
            show(console, remark)
        show(console, f"{len(refused)} of {len(found.verdicts)} nodes refused" if refused else "every node runs")
    if layers:
        if refused:
            raise NeurochipError(f"{name}: node '{refused[0].node}' ({refused[0].type}): {refused[0].how}")
        write_atomically(Path(layers), lambda part: part.write_text(layers_text(found, name), encoding="utf-8"), ELSEWHERE)
    return int(bool(refused))
