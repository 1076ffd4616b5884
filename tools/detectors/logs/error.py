"""A service logs a failure: ERROR or FATAL by its level, or by words that mean one.

Errors hide in output that nobody reads; each one is a message that may not have been handled. One finding per
service and line, however often it comes. A line that carries a stack trace is `log.stack-trace` instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView, TemplateStats
from tools.detectors.logs import cause
from tools.detectors.logs.frequency import headline, shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.error",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.BUG,
    severity=Severity.HIGH,
    condition=(
        "A line at ERROR or FATAL, or with a failure word in the sense of a failure. Category by its words: TIMEOUT, CRASH,"
        " MEMORY_LEAK, else BUG. CRITICAL for FATAL, unhandled errors and exhausted memory."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)
_VERDICTS = frozenset({"error", "fatal"})


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each failing template that was seen in this tick."""
    for stats in view.unexpected:
        if stats.verdict not in _VERDICTS:
            continue
        text = stats.example.text
        fatal = stats.verdict == "fatal"
        category = cause.category_of(stats.example.message or text, fatal=fatal)
        worst = fatal or cause.is_exhausted(stats.example.message or text)
        yield template_symptom(
            RULE,
            stats,
            category=category,
            severity=Severity.CRITICAL if worst else Severity.HIGH,
            title=_title(stats),
            recommendation=cause.advice(category, stats.service, text),
            hypothesis=f"{stats.service} failed and said so itself; the quoted line names what failed.",
        )


def _title(stats: TemplateStats) -> str:
    if stats.example.format == "access":
        request, _, status = stats.template.rpartition(" ")
        return f"{stats.service} answers {status}" + (f" to {shortened(request)}" if " " in request else "")
    return f"{stats.service}: {shortened(_said(stats))}"


def _said(stats: TemplateStats) -> str:
    """What the lines say, without the service's own name at its head: the title begins with it."""
    text = headline(stats)
    return text.removeprefix(f"[{stats.service}]").lstrip() or text
