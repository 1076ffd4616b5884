"""Memory that log lines tell of: a floor that climbs is a leak, whatever a healthy heap does is none."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detectors.logs.test_rules import stats, told, view
from tests.sources.logs.lines import AT_MS, line
from tools.detectors.logs import memory_growth
from tools.detectors.logs.slope import slope_of
from tools.detectors.thresholds import Expectation, Judgement
from tools.memory_figures import Figure, figure_of
from tools.sources.logs.window import Window

MB = 1024 * 1024
HEAP = '{"level":30,"msg":"stats","heapUsed":120000000}'
RSS = "INFO rss=120 MB"


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        (HEAP, Figure(120_000_000, True)),
        (RSS, Figure(120 * MB, False)),
        ("memory usage: 1.5 GB", Figure(round(1.5 * 1024 * MB), False)),
        ("process_resident_memory_bytes 123456789", Figure(123_456_789, False)),
        ('{"heap_used_mb": 44.5}', Figure(round(44.5 * MB), True)),
        ("heap used is 99 MiB of 512 MiB", Figure(99 * MB, True)),
        ("level=info mem_used=204800k", Figure(200 * MB, False)),
        ("heapUsed: 12", None),
        ("rss feed loaded, 120 entries", None),
        ("memory limit 512 MB", None),
        ("heap snapshot 12 written", None),
        ("address 12", None),
        ("memory usage: 91 %", None),
    ],
)
def test_the_figure_of_a_line(text: str, figure: Figure | None) -> None:
    assert figure_of(text) == figure


def leak(random: Random, n: int) -> float:
    return 100 + 2 * n + random.uniform(0, 30)


def fast_leak(random: Random, n: int) -> float:
    return 80 + 5 * n + (n % 5) * 12 + random.uniform(0, 5)


def sawtooth(random: Random, n: int) -> float:
    return 100 + (n % 12) * 15 + random.uniform(0, 10)


def flat(random: Random, n: int) -> float:
    return 100 + random.uniform(0, 60)


def warming(random: Random, n: int) -> float:
    return 100 + 120 * (1 - 0.9**n) + random.uniform(0, 20)


def step(random: Random, n: int) -> float:
    return (100 if n < 30 else 260) + random.uniform(0, 20)


def grows_then_falls(random: Random, n: int) -> float:
    return 100 + (4 * n if n < 50 else 0) + random.uniform(0, 10)


def spike(random: Random, n: int) -> float:
    return 100 + random.uniform(0, 10) + (900 if n == 59 else 0)


def uncollected(random: Random, n: int) -> float:
    return 100 + 5 * n


LEAKS = [leak, fast_leak]
HEALTHY = [sawtooth, flat, warming, step, grows_then_falls, spike, uncollected]


def fires(
    shape: Callable[[Random, int], float], seed: int, *, text: str = HEAP, judgement: Judgement | None = None
) -> bool:
    random = Random(seed)
    figures = tuple((AT_MS + 15_000 * n, round(shape(random, n) * MB)) for n in range(60))
    seen = stats("told", text, figures=figures)
    return bool(told(memory_growth, view(seen, judgement=judgement or Judgement())))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", LEAKS)
def test_a_floor_that_climbs_is_told(shape: Callable[[Random, int], float], seed: int) -> None:
    assert fires(shape, seed)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", HEALTHY)
def test_a_healthy_heap_is_not(shape: Callable[[Random, int], float], seed: int) -> None:
    assert not fires(shape, seed)


def test_a_process_that_is_never_collected_climbs_by_its_rss() -> None:
    assert fires(uncollected, 1, text=RSS)


def test_memory_that_may_grow_is_not_told() -> None:
    assert not fires(leak, 1, judgement=Judgement(expect=(Expectation(service="orders", memory_ok=True),)))


def test_figures_are_kept_of_the_lines_that_tell_them() -> None:
    window = Window((), AT_MS)
    for number in range(600):
        text = f'{{"level":30,"msg":"stats","heapUsed":{120_000_000 + number}}}'
        for item in window.fold(line(text, number + 1, at_ms=AT_MS + number * 2500)):
            window.take(item)
    [template] = window.touched()
    assert template.verdict == "told"
    assert 128 <= len(template.figures) <= 256
    assert template.figures[0] == (AT_MS, 120_000_000)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1e12)), max_size=80))
def test_a_slope_is_a_number(points: list[tuple[int, float]]) -> None:
    assert slope_of(sorted(points)) == slope_of(sorted(points))
