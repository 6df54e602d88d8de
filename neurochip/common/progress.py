"""Progress on screen: a bar with accuracy so far, samples/s and time left on a terminal; a line per epoch elsewhere; nothing if quiet."""

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from neurochip.common.screen import show


class Progress:
    """One bar at a time; leaves no bars behind, only the lines given to `note`."""

    def __init__(self, console: Console, quiet: bool, unit: str = "samples") -> None:
        self.console = console
        self.quiet = quiet
        self.unit = unit  # of what is done in seconds; "" of what takes longer
        self.task: TaskID | None = None
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}{task.fields[facts]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        )
        self.bars = Bars(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def start(self, title: str, total: int, done: int) -> None:
        """Begin a bar of `total` samples, `done` of them already behind."""
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self.bars.add_task(title, total=total, completed=done, facts="")

    def at(self, done: int, accuracy: float | None) -> None:
        """Move the bar to `done` samples, `accuracy` of them answered right."""
        if self.task is None:
            return
        speed = self.bars.tasks[-1].speed
        facts = f"  accuracy {100 * accuracy:.2f} %" if accuracy is not None else ""
        self.bars.update(self.task, completed=done, facts=facts + (f"  {speed:,.0f} {self.unit}/s" if speed and self.unit else ""))

    def count(self, done: int, total: int, what: str) -> None:
        """Move the bar to `done` of `total`, of which more may be found on the way, and say what is at hand."""
        if self.task is not None:
            self.bars.update(self.task, completed=done, total=total, facts=f"  {what}")

    def note(self, text: str) -> None:
        """Show a line that stays."""
        if not self.quiet:
            show(self.console, text)
