"""A line's level does not say what the line says: an expected error at FATAL, or a failure at INFO.

Alerts are set on levels: the first wakes people for nothing, the second is never seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView, TemplateStats
from tools.detectors.logs.frequency import headline, said, shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.server_words import SERVER_DIED

RULE = Rule(
    id="log.severity-mismatch",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.LOW,
    condition="An expected error (validation, 404, expired token) at FATAL, or a failure at INFO (words of one, an exception, or a message of"
    " one with the error beside it), or a stack trace right below a line at DEBUG.",
)
RULES: tuple[Rule, ...] = (RULE,)
_FAILED = frozenset({"error", "fatal", "trace", "trace-fatal"})


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per template whose level and words disagree."""
    for stats in view.unexpected:
        level = stats.example.level
        if stats.verdict == "expected":
            better, why = "WARN or INFO", "an expected condition"
        elif stats.verdict == "quiet-error" or (
            level == "INFO" and stats.verdict in _FAILED and not _is_of_a_server(stats)
        ):
            better, why = "ERROR", "a failure"
        elif stats.verdict == "quiet-trace":
            better, why, level = "WARN or ERROR", "a failure with its stack trace", "DEBUG"
        else:
            continue
        yield template_symptom(
            RULE,
            stats,
            title=f"{stats.service} logs {why} at {level}: {shortened(headline(stats), 80)}",
            recommendation=f"Log this line in {stats.service} at {better}.",
            hypothesis=f"The level was chosen without thought for alerts: this is {why}.",
        )


def _is_of_a_server(stats: TemplateStats) -> bool:
    """Whether the line is one of a server that is known by name: whoever runs it does not choose its levels."""
    return SERVER_DIED.search(said(stats.example)) is not None
