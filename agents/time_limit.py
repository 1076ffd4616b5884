"""A limit of wall time around work that nobody can look into: it ends with TookTooLong, wherever it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The time is over. No `Exception`: what is interrupted must not take it for an error of its own."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Within it, TookTooLong is raised once `seconds` of wall time have passed.

    Outside of a process's main thread, where no signal arrives, there is no limit. A call into a library written in C
    ends first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
