"""A service logs its start-up steps again: it was restarted while it was watched.

Each start loses what was in flight; the consumer's pending entries wait for somebody to claim them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import seconds
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.restart-loop",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.CRASH,
    severity=Severity.HIGH,
    condition="The same start-up step again within `restart_window`: HIGH at 2 starts, CRITICAL at `restart_count`.",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per service that started again."""
    limits = view.judgement.limits
    for activity in view.services:
        if not activity.starts_ms or not activity.start_lines:
            continue
        newest = activity.starts_ms[-1]
        starts = [at for at in activity.starts_ms if newest - at <= limits.restart_window * 1000]
        if len(starts) < 2:
            continue
        service, last = activity.service, activity.start_lines[-1]
        yield Symptom(
            rule=RULE,
            severity=Severity.CRITICAL if len(starts) >= limits.restart_count else Severity.HIGH,
            title=f"{service} was started again while it was watched",
            entity=(service,),
            evidence=tuple(line.quote() for line in activity.start_lines[-3:]),
            recommendation=f"Find why {service} ends before each start (exit code, the lines before it) and let it fail only once.",
            service=service,
            position=(last.source, last.position),
            event_ms=last.event_ms,
            pattern=f"{len(starts)} starts in {seconds((newest - starts[0]) / 1000)}",
            hypothesis=f"{service} ends soon after it starts, and a supervisor starts it again.",
        )
