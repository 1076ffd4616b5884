"""A service logs its start-up steps again: it was restarted while it was watched.

Each start loses what was in flight; the consumer's pending entries wait for somebody to claim them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import seconds
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.restart-loop",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.CRASH,
    severity=Severity.HIGH,
    condition="The same start-up step again within `restart_window`: HIGH at 2 starts (LOW where the service said before that it stops),"
    " CRITICAL at `restart_count`.",
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
        loops = len(starts) >= limits.restart_count
        stopped = not loops and _was_stopped(starts, activity.stops_ms)
        yield Symptom(
            rule=RULE,
            category=LogCategory.ANOMALY if stopped else LogCategory.CRASH,
            severity=Severity.LOW if stopped else Severity.CRITICAL if loops else Severity.HIGH,
            title=f"{service} was started again while it was watched",
            entity=(service,),
            evidence=tuple(line.quote() for line in activity.start_lines[-3:]),
            recommendation=_RECOMMENDATIONS[stopped].format(service=service),
            service=service,
            position=(last.source, last.position),
            event_ms=last.event_ms,
            pattern=f"{len(starts)} starts in {seconds((newest - starts[0]) / 1000)}",
            hypothesis=_HYPOTHESES[stopped].format(service=service),
        )


_RECOMMENDATIONS = {
    True: "Nothing to do if this was a deployment; else find who stopped {service} (an orchestrator whose probe failed, a supervisor).",
    False: "Find why {service} ends before each start (exit code, the lines before it) and let it fail only once.",
}
_HYPOTHESES = {
    True: "{service} said that it stops before it was started again: somebody told it to.",
    False: "{service} ends soon after it starts, and a supervisor starts it again.",
}


def _was_stopped(starts_ms: Sequence[int], stops_ms: Sequence[int]) -> bool:
    """Whether the service said between any two starts that it stops."""
    return all(any(start <= stop <= after for stop in stops_ms) for start, after in pairwise(starts_ms))
