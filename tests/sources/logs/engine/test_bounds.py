"""What a hostile log may cost: no memory that grows with its lines, and no time that grows with their square."""

from __future__ import annotations

import random

import numpy as np

from tests.sources.logs.engine.blocks import AT_MS
from tests.sources.logs.lines import line
from tools.sources.logs.activity import Activity
from tools.sources.logs.engine import keys
from tools.sources.logs.engine.budgets import HELD_MAX, Budget, Work
from tools.sources.logs.engine.clocks import COLUMNS_MAX, SAMPLES, Clocks
from tools.sources.logs.engine.patterns import Mark
from tools.sources.logs.window import Window

WORD = int(Mark.WORD)


def test_blanks_behind_the_name_of_a_level_are_read_once() -> None:
    # Tried in all shares, those of one line alone would take longer than all tests.
    blanks = b" " * (keys.READ_BYTES - 100)
    told = [keys.told_by(b"error level" + blanks + end, WORD) for end in (b"40", b"50", b"x") * 50]
    assert len(set(told)) == 3


def test_no_long_word_is_kept() -> None:
    keys.shaped(b"order a00 failed", WORD)
    kept = keys._known_shape.cache_info().currsize
    for number in range(100):
        keys.shaped(b"payload " + bytes([97 + number % 26]) * (100 + number) + b"0 failed", WORD)
    assert keys._known_shape.cache_info().currsize == kept


def test_verdicts_are_kept_without_their_lines() -> None:
    window = Window([], AT_MS)
    for number in range(20):
        window.judge(line(f"order failed {'x' * number}"))
    assert len(window._verdicts) == 20
    assert {type(key) for key in window._verdicts} == {int}


def test_lines_over_a_budget_are_counted_in_bounded_room() -> None:
    budget, chance = Budget(0.0), random.Random(1)
    budget.take(Work.JUDGE, WORD, 0)
    budget.owe(Work.JUDGE, 1 << 24)
    drawn = [chance.randrange(1, 1 << len(Mark)) for _ in range(20 * HELD_MAX)]
    assert not any(budget.take(Work.JUDGE, mark) for mark in drawn)
    held = budget.held[Work.JUDGE]
    assert held.total() == len(drawn)
    assert len(held) <= HELD_MAX + len(Mark)
    assert budget.told(Work.JUDGE)


def test_long_lines_from_which_times_are_learnt_are_few() -> None:
    clocks = Clocks("orders", "logs/orders.log", Activity(service="orders", watched_since_ms=AT_MS))
    times = np.full(1, -1, np.int64)
    for number in range(500):
        times[0] = -1
        clocks.learn(b"x" * 60_000, 0, AT_MS + number, times)
    assert len(clocks._samples) == SAMPLES
    clocks._columns.extend([None] * COLUMNS_MAX)  # type: ignore[list-item] # only their number counts
    clocks._samples.clear()
    times[0] = -1
    clocks.learn(b"x", 0, AT_MS, times)
    assert not clocks._samples
