"""Whole runs of tiny experiments, and runs that die on the way."""

import os

from neurochip.runner import checkpoint, results, runner
from support.tiny import neurochip


def run(experiment, out, *more) -> None:
    """A run that must succeed."""
    result = neurochip("run", experiment, "--out", out, "--quiet", *more)
    assert (result.exit_code, result.output) == (0, "")


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def die_at(monkeypatch, call: int, moment: str) -> None:
    """Let the call-th file that is to be replaced be the last: before it is written, half written, before or after it is moved."""
    assert runner.Recorder  # loaded before: what is imported meanwhile would keep what is patched here
    calls = iter(range(10_000))
    whole = results.write_atomically

    def dies(path, write):
        if next(calls) < call:
            return whole(path, write)
        part = path.with_name(f".{path.name}.part")
        if moment != "unwritten":
            write(part)
        if moment == "half":
            part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
        if moment == "moved":
            os.replace(part, path)
        raise Killed

    for module in (results, checkpoint):
        monkeypatch.setattr(module, "write_atomically", dies)
    monkeypatch.setattr("neurochip.common.files.write_atomically", dies)  # of summary.json
