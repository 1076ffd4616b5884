"""Sessions one after the other: one that cannot begin is told, and the next one waits."""

from __future__ import annotations

import threading

from orchestrator.watch.rolling import Rolling
from tools.clock import SystemClock


def test_a_session_that_cannot_begin_is_told_and_the_next_one_waits() -> None:
    stop, said = threading.Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        stop.set()

    Rolling(["--no-such-option"], SystemClock(), stop, say).run()
    assert said == ["a session ended with 2; the next begins in 15s"]
