"""What holds for all tests: a skip that is none, and one compilation for all processes.

With NEUROCHIP_NO_RTL_SKIP set (as `.ci/run` does), a skipped RTL test is a failure: a missing tool must not pass for agreement.
"""

import gc
import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
RTL_ROOMS = ("cosim", "calibrate")  # whose tests need the tools of the RTL


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Turn a skip into a failure where it is not allowed."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("NEUROCHIP_NO_RTL_SKIP") and item.path.parent.name in RTL_ROOMS:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"skipped, and NEUROCHIP_NO_RTL_SKIP is set: {reason}"


def pytest_sessionstart(session):
    """Of a process of xdist that will run the whole suite: compile once what all import."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and {Path(argument).resolve() for argument in session.config.args} <= {TESTS, TESTS.parent}:
        from support.warm_up import warm_up

        warm_up(worker)


@pytest.fixture
def no_plots(monkeypatch):
    """Runs without pictures, where only numbers are looked at."""
    monkeypatch.setattr("neurochip.report.plots.make_plots", lambda run: [])


@pytest.fixture(autouse=True, scope="module")
def no_garbage_for_others():
    """Collect what a module's tests left, in this thread.

    An HDF5 file in the cycle of an error's traceback would else be closed by whatever thread collects next, which may wait for HDF5's lock
    while this one waits for the thread.
    """
    yield
    gc.collect()
