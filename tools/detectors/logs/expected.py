"""Lines that the owners said to expect: counted, never findings of their own; and such words that are out of date.

What is hidden must be seen to be hidden, and a mark that nobody looks at again hides the next failure too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

HIDDEN = Rule(
    id="log.expected",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.INFO,
    condition="Lines that a `[[logs.expected]]` in force names: they are counted here and are no other finding.",
)
EXPIRED = Rule(
    id="log.expected-expired",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.DOC_DRIFT,
    severity=Severity.LOW,
    condition="Lines come that a `[[logs.expected]]` names whose `until` is over; they are findings again.",
)
RULES: tuple[Rule, ...] = (HIDDEN, EXPIRED)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per service and entry that lines of this tick met; its occurrences are the lines."""
    for stats in view.templates:
        entry = view.expectation(stats)
        if entry is not None:
            yield template_symptom(
                HIDDEN,
                stats,
                location=entry.what,
                title=f"{stats.service}: expected until {entry.until}: {shortened(entry.what, 80)}",
                recommendation="Nothing to do; take the entry out of [[logs.expected]] once its reason is gone.",
                hypothesis=f"The owners expect these lines: {entry.reason}",
            )
            continue
        over = view.expired(stats)
        if over is not None:
            yield template_symptom(
                EXPIRED,
                stats,
                location=over.what,
                title=f"{stats.service}: lines expected until {over.until} still come: {shortened(over.what, 80)}",
                recommendation=f"Look whether the reason still holds ({over.reason}): give a new `until` in [[logs.expected]], or remove the entry.",
                hypothesis="The entry is over, so these lines are findings again.",
            )
