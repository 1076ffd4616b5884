"""When a start-up step is one more start, and when it is a worker of the same one."""

from __future__ import annotations

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
