"""The same error, warning or retry line again and again within seconds.

A loop without backoff: it hides other lines, burns the service's time and hits the peer that is down already.
Access lines never count.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView, TemplateStats
from tools.detectors.logs.frequency import said, shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.retry-storm",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.RETRY_STORM,
    severity=Severity.HIGH,
    condition="The same error, warning or retry line (numbers, ids and times masked) `storm_count` times within `storm_window`.",
)
RULES: tuple[Rule, ...] = (RULE,)
_VERDICTS = frozenset({"error", "fatal", "warn", "retry", "trace", "trace-fatal"})


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each template whose newest lines came in a burst."""
    limits = view.judgement.limits
    for stats in view.templates:
        if stats.verdict not in _VERDICTS or stats.example.format == "access":
            continue
        if not _storms(stats, limits.storm_count, limits.storm_window * 1000):
            continue
        yield template_symptom(
            RULE,
            stats,
            title=f"{stats.service} repeats: {shortened(said(stats.example))}",
            evidence=(stats.first.quote(), stats.example.quote())
            if stats.first != stats.example
            else (stats.example.quote(),),
            recommendation=(
                f"Retry with exponential backoff, jitter and a limit in {stats.service}, and move what still fails to a"
                " dead-letter stream."
            ),
            hypothesis=f"{stats.service} tries again at once, without waiting, while the cause lasts.",
        )


def _storms(stats: TemplateStats, count: int, window_ms: float) -> bool:
    times = sorted(stats.times_ms)
    newest = max(len(times) - stats.new, 0)
    # Only a burst that a new line belongs to: an old one was told already.
    return any(
        times[at] - times[at - count + 1] <= window_ms for at in range(max(newest, count - 1), len(times))
    )
