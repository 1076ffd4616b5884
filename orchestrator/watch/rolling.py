"""Continuous audits: one session after the other, each a process of its own, so that a window follows a window.

A session that could not begin is tried again, each time later. The daemon sees these sessions as it sees any other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.clock import NEVER, Clock, StopSignal
from tools.quantities import format_duration

_WENT_WELL = frozenset({0, 1, 3})
"""Exit codes of a session that had its window: 3 is one that could not see everything, and the next may."""
_NOT_STARTED = -1
_WAIT_FIRST_S, _WAIT_MAX_S = 15.0, 600.0
_SHORT_S = 5.0
"""A session that was over sooner had no window; the next one waits, whatever its exit code."""
_LOOK_S = 0.5
_END_S = 120.0
"""For a session to write its report after SIGTERM."""


def command(arguments: Sequence[str]) -> list[str]:
    """`streamgauge run` with these arguments, by this interpreter and this installation."""
    place = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(place)!r}); from orchestrator.__main__ import main; main()"
    return [sys.executable, "-P", "-c", code, "run", *arguments]


class Rolling:
    """Starts a session whenever none of its own runs. Call `run` in a thread of its own."""

    def __init__(
        self, arguments: Sequence[str], clock: Clock, stop: StopSignal, say: Callable[[str], None]
    ) -> None:
        self._command, self._clock, self._stop, self._say = command(arguments), clock, stop, say

    def run(self) -> None:
        """Until it is to stop; the session that runs then writes its report first."""
        wait_s = _WAIT_FIRST_S
        while not self._stop.is_set():
            begun = self._clock.monotonic()
            try:
                code = self._one()
            except OSError as error:
                code = _NOT_STARTED
                self._say(f"a session cannot be started: {error}")
            if self._stop.is_set():
                return
            if code in _WENT_WELL and self._clock.monotonic() - begun >= _SHORT_S:
                wait_s = _WAIT_FIRST_S
                continue
            self._say(f"a session ended with {code}; the next begins in {format_duration(wait_s)}")
            self._clock.sleep_until(self._clock.monotonic() + wait_s, self._stop)
            wait_s = min(wait_s * 2, _WAIT_MAX_S)

    def _one(self) -> int:
        # In a group of its own: Ctrl-C on the terminal is ours to hand on, once.
        process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        told = False
        deadline = None
        while process.poll() is None:
            if self._stop.is_set() and not told:
                process.send_signal(signal.SIGTERM)
                told, deadline = True, self._clock.monotonic() + _END_S
            if deadline is not None and self._clock.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            self._clock.sleep_until(self._clock.monotonic() + _LOOK_S, NEVER)
        return process.returncode
