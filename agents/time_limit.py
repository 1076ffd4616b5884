"""A limit of wall time around work that nobody can look into: it ends with TookTooLong, wherever it is."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_AGAIN_S = 1.0
"""What is raised while Python runs a finalizer or a callback of its collector goes nowhere: it is raised once more."""

_SOON_S = 0.001
"""A limit that was over before the work began."""


class TookTooLong(BaseException):
    """The time is over. No `Exception`: what is interrupted must not take it for an error of its own."""


class limited:  # noqa: N801 - reads as what it does: with limited(5)
    """Within it, TookTooLong is raised once `seconds` of wall time have passed, and every `again_s` until it is heeded.

    Outside of a process's main thread, where no signal arrives, there is no limit. A call into a library written in C
    ends first.
    """

    def __init__(self, seconds: float, again_s: float = _AGAIN_S) -> None:
        self._seconds, self._again_s = seconds, again_s
        self._handler: Any = None
        self._is_on = False

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGALRM, self._ring)
            self._is_on = True
            signal.setitimer(signal.ITIMER_REAL, self._seconds, self._again_s)

    def __exit__(self, *_: object) -> None:
        if self._is_on:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._is_on = False
            signal.signal(signal.SIGALRM, self._handler)

    def _ring(self, _number: int, frame: FrameType | None) -> None:
        """The work that it interrupts ends; what switches it on or off, or rings, goes on."""
        code = None if frame is None else frame.f_code
        if code is limited.__enter__.__code__:
            signal.setitimer(signal.ITIMER_REAL, _SOON_S, self._again_s)
        elif self._is_on and code not in {limited.__exit__.__code__, limited._ring.__code__}:
            raise TookTooLong
