"""`neurochip check`: the checks of a file in a table."""

from rich import box
from rich.table import Table
from rich.text import Text

from neurochip.common.screen import new_console, show


def check(name: str) -> int:
    """Print what holds for the file and what does not; return 1 if a check fails."""
    from neurochip.api.catalogue import check as run_checks
    from neurochip.checks.kinds import kind_of

    console, kind, checks = new_console(), kind_of(name), run_checks(name)
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
