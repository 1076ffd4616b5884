"""A session is short when its window was, or, without one, when it took far less than those before it."""

from __future__ import annotations

import pytest

from orchestrator.nightly.shortness import why_short
from tools.sources.session_facts import PhaseRun, SessionFacts
from tools.synthesis.sessions.record import SessionRecord


def facts(mode: str, took_s: float, window_s: float | None = None) -> SessionFacts:
    window = (
        ()
        if window_s is None
        else (PhaseRun(name="observe", started_ms=5_000, ended_ms=round(5_000 + window_s * 1000)),)
    )
    return SessionFacts(
        session_id="s",
        version="0",
        mode=mode,
        project_root="/p",
        redis=None,
        started_ms=0,
        deadline_ms=0,
        ended_ms=round(took_s * 1000),
        phases=window,
    )


def record(took_s: float, incomplete: str = "") -> SessionRecord:
    return SessionRecord(
        session_id="old",
        product="",
        mode="static",
        project="/p",
        redis=None,
        started_ms=0,
        ended_ms=round(took_s * 1000),
        incomplete=incomplete,
        findings=(),
        scope=None,
    )


@pytest.mark.parametrize(
    ("window_s", "told"),
    [
        (600, ""),
        (300, ""),
        (299, "its window lasted 4m59s of 10m"),
        (0.2, "its window lasted 0.2s of 10m"),
        (None, "its window lasted 0.0s of 10m"),
    ],
)
def test_a_window_is_held_against_what_it_was_meant_to_last(window_s: float | None, told: str) -> None:
    assert why_short(facts("attach", 700, window_s), (), 600, 0.5) == told


@pytest.mark.parametrize(
    ("took_s", "before", "told"),
    [
        (1, [30, 30], ""),
        (15, [30, 30, 30], ""),
        (14, [30, 90, 29], "it took 14s, and the 3 before it 30s (median)"),
        (14, [30] * 3 + [1] * 90, ""),
        (1.1, [11, 11, 11], ""),  # how busy the machine was
        (0.9, [11, 11, 11], "it took 0.9s, and the 3 before it 11s (median)"),
    ],
)
def test_a_static_session_is_held_against_the_newest_like_it(
    took_s: float, before: list[float], told: str
) -> None:
    earlier = [record(0.1, "it failed"), *map(record, before)]
    assert why_short(facts("static", took_s), earlier, 600, 0.5) == told


def test_it_can_be_switched_off() -> None:
    assert why_short(facts("attach", 1, None), (), 600, 0) == ""
