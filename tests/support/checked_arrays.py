"""Arrays of the interpreted engine that refuse an index outside 0 <= i < n, and a note of every kernel that ran on them.

Compiled code does not look at its indices. Interpreted, it has the same ones (the digests are the same), and here each is looked at: one
past the end, which NumPy refuses, one below zero, which NumPy counts from the end, and slices and borrowed views that reach out.
"""

import ast
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from neurochip.core import engine

CORE = Path(engine.__file__).parent


class Checked(np.ndarray):
    """An array whose indices, and the ends of whose slices, must lie inside; so must those of every view of it."""

    def __getitem__(self, index):
        check(self.shape, index)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        check(self.shape, index)
        super().__setitem__(index, value)


def check(shape: tuple[int, ...], index: object) -> None:
    """Raise IndexError if one of the integers in `index` is outside, or a slice has an end there."""
    for n, at in zip(shape, index if isinstance(index, tuple) else (index,), strict=False):
        if isinstance(at, slice):
            inside = at.step is None and all(end is None or 0 <= end <= n for end in (at.start, at.stop))
        else:
            inside = 0 <= at < n
        if not inside:
            raise IndexError(f"index {at} in an array of {shape}")


def checked(arrays):
    """A named tuple of arrays, or of such tuples, with the same memory, checked: in place of `borrow_all`, which the engine begins with."""
    if isinstance(arrays, np.ndarray):
        return arrays.view(Checked)
    return type(arrays)(*map(checked, arrays))


@contextmanager
def indices_checked():
    """The engine, which must be interpreted, works on checked arrays; yields a set that takes in (file, name) of what runs of core/."""
    visited: set[tuple[str, str]] = set()
    previous: Callable = engine.borrow_all

    def note(frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(str(CORE)):
            visited.add((Path(frame.f_code.co_filename).name, frame.f_code.co_name))

    engine.borrow_all = checked
    sys.setprofile(note)
    try:
        yield visited
    finally:
        sys.setprofile(None)
        engine.borrow_all = previous


def kernels() -> set[tuple[str, str]]:
    """(file, name) of all functions of core/ that are compiled into the engine: those under a decorator `kernel` or `outlined`."""
    found = set()
    for path in CORE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
                if names & {"kernel", "outlined"}:
                    found.add((path.name, node.name))
    return found
