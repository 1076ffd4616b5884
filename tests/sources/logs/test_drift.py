"""Clocks that are apart, told from when lines come: three hundred made services with buffers, pollers and odd lines."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detectors.logs.test_rules import activity, told, view
from tools.detectors.logs import clock
from tools.sources.logs.drift import AHEAD_MIN, ahead_of

SERVICES = 5


def samples(random: Random, offset_ms: int, *, buffered: float = 0.5, late_ms: int = 4000) -> list[int]:
    """64 lines: written by a clock that is off, read within 100 ms; a share of them waits in a buffer."""
    found = []
    for _ in range(64):
        delay = random.randint(0, 100) + (random.randint(0, late_ms) if random.random() < buffered else 0)
        found.append(offset_ms - delay)
    return found


def apart(clocks: list[list[int]]) -> set[str]:
    services = tuple(
        activity(f"s{number}", clock_ahead_ms=ahead_of(found)) for number, found in enumerate(clocks)
    )
    return {str(symptom.service) for symptom in told(clock, view(services=services))}


@pytest.mark.parametrize("seed", range(60))
def test_the_clock_that_is_apart_is_found_and_no_other(seed: int) -> None:
    random = Random(seed)
    offset = random.choice((1, -1)) * random.randint(2600, 200_000)
    buffered = 0.5 if offset > 0 else 0.2
    clocks = [samples(random, random.randint(-50, 50), buffered=0.5) for _ in range(SERVICES - 1)]
    assert apart([samples(random, offset, buffered=buffered), *clocks]) == {"s0"}


@pytest.mark.parametrize("seed", range(240))
def test_clocks_that_agree_are_never_apart(seed: int) -> None:
    random = Random(1000 + seed)
    clocks = [
        samples(
            random,
            random.randint(-900, 900),
            buffered=random.random(),
            late_ms=random.choice((500, 4000, 60_000)),
        )
        for _ in range(SERVICES)
    ]
    # One line with a time of the future in it, as of an order that is planned.
    clocks[0][random.randrange(64)] = 86_400_000
    assert apart(clocks) == set()


def test_lines_that_wait_unevenly_tell_no_clock() -> None:
    assert ahead_of([-3000 - 200 * number for number in range(64)]) is None


def test_a_few_late_lines_tell_no_clock_behind() -> None:
    assert ahead_of([-5000] * (AHEAD_MIN + 5)) is None
    assert ahead_of([-5000] * 64) == -5000
    assert ahead_of([5000] * AHEAD_MIN) == 5000
    assert ahead_of([5000] * (AHEAD_MIN - 1)) is None


@given(st.lists(st.integers(-(10**9), 10**9), max_size=64))
def test_the_figure_is_one_of_the_samples(found: list[int]) -> None:
    ahead = ahead_of(found)
    assert ahead is None or ahead in found
