"""Stopping when asked to: a run or a training that hears SIGINT or SIGTERM goes on to its next checkpoint and ends there."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as SIGINT does, wherever the program is; outside the main thread nothing is changed."""

    def on_signal(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stop_signals(asked: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `asked`; a second one raises KeyboardInterrupt at once.

    Outside the main thread signals do not arrive: nothing is changed there.
    """

    def on_signal(*_: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    heard = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
