"""The body of `neurochip sweep`."""

import shlex
from typing import TYPE_CHECKING, Any

from rich.console import Console

from neurochip.common.screen import new_console, show

if TYPE_CHECKING:
    from neurochip.api.studies import Study


def sweep(
    file: str,
    vary: tuple[str, ...],
    objective: str | None,
    settings: tuple[str, ...],
    quiet: bool,
    resume: bool,
    parquet: bool,
    **options: Any,
) -> None:
    """Run a study and print what it says. KeyboardInterrupt, with how to go on, if it was asked to stop."""
    from neurochip.api import studies

    console = new_console()
    objectives = None if objective is None else [name.strip() for name in objective.split(",")]
    try:
        done = studies.sweep(
            file,
            list(vary) or None,
            overrides=settings,
            objectives=objectives,
            progress=not quiet and console,
            resume=resume,
            **options,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_go_on(file, vary, objective, settings, options)) from None
    if parquet:
        done.write_parquet()
    if not quiet:
        _show(done, console)


def _go_on(file: str, vary: tuple[str, ...], objective: str | None, settings: tuple[str, ...], options: dict[str, Any]) -> str:
    """The line that says how to take up what was interrupted."""
    again = ["neurochip", "sweep", file]
    for flag, texts in (("--vary", vary), ("--set", settings), ("--objective", (objective,) if objective else ())):
        again += [word for text in texts for word in (flag, text)]
    for name, value in options.items():
        if value is not None and (name, value) != ("backend", "loky"):
            again += [f"--{name.replace('_', '-')}", str(value)]
    return f"interrupted; go on with: {shlex.join([*again, '--resume'])}"


def _show(done: "Study", console: Console) -> None:
    from neurochip.report.printed import print_grids
    from neurochip.study.page import remarks, tables

    print_grids(console, tables(done.facts, done.trials))
    for line in remarks(done.facts, done.trials):
        show(console, f"! {line}")
    show(console, f"page: {done.page}")
