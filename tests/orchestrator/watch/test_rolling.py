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


def test_one_that_cannot_be_started_is_told_and_tried_again() -> None:
    stop, said = threading.Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            stop.set()

    # More than the system takes as one argument.
    Rolling(["x" * (1 << 20)], SystemClock(), stop, say).run()
    assert said[0].startswith("a session cannot be started: ")
    assert said[1] == "a session ended with -1; the next begins in 15s"
