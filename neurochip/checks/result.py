"""The outcome of one check."""

from collections.abc import Iterable
from typing import NamedTuple


class Check(NamedTuple):
    """What must hold, and how it does not."""

    what: str
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Tell whether it holds."""
        return not self.faults


def check_of(what: str, faults: Iterable[str]) -> Check:
    """Make a check of all that was found against it."""
    return Check(what, tuple(faults))
