"""Section 8, next session: what to change to see more, which agent gains, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator

from tools.quantities import format_duration
from tools.report.context import Context
from tools.report.model import Advice, Coverage, ObservabilityGap, SourceGap

FULL_WINDOW_MS = 600_000
"""The window for which the defaults of specification 1 and 2 are made."""
ADVICE_MAX = 15

_AGENTS = {
    "A": ("Stream Analyst, flows", "4–8 h"),
    "B": ("Log Watcher, flows", "4–8 h"),
    "C": ("Log Watcher, flows", "1–2 days"),
    "D": ("Log Watcher, Stream Analyst", "4–8 h"),
    "E": ("Log Watcher", "2–4 h"),
    "F": ("flows", "with A and B"),
}


def build(
    context: Context,
    gaps: tuple[ObservabilityGap, ...],
    source_gaps: tuple[SourceGap, ...],
    coverage: Coverage | None,
) -> tuple[Advice, ...]:
    """Advice, the widest blindness first; at most `ADVICE_MAX`."""
    rows = [*_sources(source_gaps), *_session(context, coverage), *_system(gaps)]
    return tuple({row.change: row for row in rows}.values())[:ADVICE_MAX]


def _sources(gaps: tuple[SourceGap, ...]) -> Iterator[Advice]:
    for gap in gaps:
        if gap.blind:
            yield Advice(change=gap.fix, closes=f"{gap.what}: {gap.why}", agent=gap.source, effort="minutes")


def _session(context: Context, coverage: Coverage | None) -> Iterator[Advice]:
    if coverage is None:
        return
    if coverage.window_ms is not None and coverage.window_ms < FULL_WINDOW_MS and coverage.polls:
        seen = format_duration(round(coverage.window_ms / 1000))
        yield Advice(
            change="Let the window run 10 minutes (--duration 10m).",
            closes=f"in {seen} an idle consumer (5 min) or a slow leak cannot show",
            agent="Stream Analyst, Log Watcher",
            effort="10 min",
        )
    if coverage.services_without_lines:
        names = ", ".join(coverage.services_without_lines)
        yield Advice(
            change="Add a [[logs.sources]] entry for each of these services.",
            closes=f"no log line was read of {names}",
            agent="Log Watcher",
            effort="minutes",
        )
    if not coverage.polls and context.data.facts is not None and context.data.facts.mode == "static":
        yield Advice(
            change="Run against the live system too ([redis] url, attach mode is read-only).",
            closes="a static session sees no stream, group or log",
            agent="Stream Analyst, Log Watcher",
            effort="10 min",
        )


def _system(gaps: tuple[ObservabilityGap, ...]) -> Iterator[Advice]:
    for gap in gaps:
        agent, effort = _AGENTS[gap.letter]
        yield Advice(change=f"Close gap {gap.letter}.", closes=gap.title, agent=agent, effort=effort)
