"""Progress on screen: a bar with accuracy so far, samples/s and time left on a terminal; a line per epoch elsewhere; nothing if quiet."""

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """One bar at a time; leaves no bars behind, only the lines given to `note`."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console, self.quiet, self.task = console, quiet, None
        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed:>6,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[accuracy]:>16}"),
            TextColumn("{task.fields[rate]:>14}"),
            TimeRemainingColumn(),
        )
        self.bars = Bars(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(self, *_) -> None:
        self.bars.stop()

    def start(self, title: str, total: int, done: int) -> None:
        """Begin a bar of `total` samples, `done` of them already behind."""
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self.bars.add_task(title, total=total, completed=done, accuracy="", rate="")

    def at(self, done: int, accuracy: float | None) -> None:
        """Move the bar to `done` samples."""
        speed = self.bars.tasks[-1].speed if self.bars.tasks else None
        self.bars.update(
            self.task,
            completed=done,
            accuracy=f"accuracy {100 * accuracy:.2f} %" if accuracy is not None else "",
            rate=f"{speed:,.0f} samples/s" if speed else "",
        )

    def note(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self.console.print(text, highlight=False, markup=False)
