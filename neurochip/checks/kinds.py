"""The kinds of files that `neurochip check` knows: each is recognised from the file, and has its checks."""

from collections.abc import Callable
from typing import NamedTuple

from neurochip.checks.result import Check
from neurochip.checks.rule import check_rule, is_rule
from neurochip.common.errors import NeurochipError


class Kind(NamedTuple):
    """What a file can be."""

    name: str
    known_by: str
    is_one: Callable[[str], bool]  # of a name or a path
    check: Callable[[str], list[Check]]  # raises NeurochipError if it cannot be loaded


KINDS = (Kind("learning rule", "a .py that assigns RULE, or a rule's name", is_rule, check_rule),)


def kind_of(name: str) -> Kind:
    """Return the kind that a file, or a name, is of; a NeurochipError if none."""
    for kind in KINDS:
        if kind.is_one(name):
            return kind
    known = "; ".join(f"{kind.name}: {kind.known_by}" for kind in KINDS)
    raise NeurochipError(f"{name}: none of the kinds that can be checked ({known})")
