"""Where progress goes: nowhere, to the standard output, or to a console of the caller's."""

from rich.console import Console

from neurochip.common.screen import new_console

Shown = bool | Console
"""False: print nothing; True: on the standard output, with bars where it is a terminal; a console: on that one."""


def console_of(progress: Shown) -> tuple[Console, bool]:
    """Return the console that progress is asked for on, and whether nothing is to be printed."""
    if isinstance(progress, Console):
        return progress, progress.quiet
    return (new_console(), False) if progress else (Console(quiet=True), True)
