"""Signals that ask to stop: noted once, obeyed at once the second time, and the handlers from before are back afterwards."""

import os
import signal
import threading

import pytest

from neurochip.common.stop import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_the_second_one_stops_at_once(number):
    before, asked, reached = signal.getsignal(number), threading.Event(), []
    with pytest.raises(KeyboardInterrupt), stop_signals(asked):
        os.kill(os.getpid(), number)
        reached.append(asked.wait(5))
        os.kill(os.getpid(), number)
        threading.Event().wait(5)
        reached.append("never")
    assert reached == [True] and signal.getsignal(number) is before


def test_outside_the_main_thread_nothing_is_changed():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with stop_signals(threading.Event()):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
