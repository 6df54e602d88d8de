"""The screen: how wide it is where there is none, and lines that appear on it as they are."""

from rich.console import Console

WIDTH = 100  # of a pipe or a file, which have none; rich would assume 80


def new_console() -> Console:
    """Return the screen; where it is a pipe or a file, lines may be as long as reports are wide."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, WIDTH))


def show(console: Console, text: str) -> None:
    """Print a line as it is: no colours, brackets are not markup, nothing is wrapped."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
