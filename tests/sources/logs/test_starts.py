"""When a start-up step is one more start, and when it is a worker of the same one."""

from __future__ import annotations

import pytest

from tests.sources.logs.lines import line
from tools.sources.logs.window import Window


def starts_at(*times_ms: int) -> int:
    window = Window(["orders"], 0)
    for number, at_ms in enumerate(times_ms, start=1):
        for item in window.fold(line(f"Started server process [{number}]", number, at_ms=at_ms)):
            window.take(item)
    [activity] = window.activities()
    return len(activity.most_starts().times_ms)


def test_workers_that_start_one_behind_the_other_are_one_start() -> None:
    assert starts_at(0, 450, 900, 1350, 1800) == 1
    assert starts_at(0, 450, 900, 20_000, 20_450) == 2
    assert starts_at(0, 1000, 2000) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[2026-11-29 04:49:49 +0000] [22294] [INFO] Handling signal: term", True),
        ("INFO:     Shutting down", True),
        ("SIGTERM signal received: closing HTTP server", True),
        ("SIGTERM: closing the worker", True),
        ("worker: Warm shutdown (MainProcess)", True),
        ('{"level":30,"msg":"SIGTERM received, draining"}', True),
        ("30438:signal-handler (1795927896) Received SIGTERM scheduling shutdown...", True),
        ("2025-06-15 10:00:00,123 ERROR orders: shutting down: no stock", False),
        ("installed a handler for SIGTERM", False),
        ("order 12 stored", False),
    ],
)
def test_a_program_says_that_it_stops(text: str, said: bool) -> None:
    window = Window(["orders"], 0)
    for item in window.fold(line(text, at_ms=5000)):
        window.take(item)
    for item in window.settle(5000, final=True):
        window.take(item)
    [activity] = window.activities()
    assert bool(activity.stops_ms) is said
