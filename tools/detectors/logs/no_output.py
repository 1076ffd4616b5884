"""A service has written nothing at all while the system is active.

It did not start, logs elsewhere, or cannot be audited through its output.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import seconds
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

RULE = Rule(
    id="log.no-output",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.MEDIUM,
    condition="A known service has not written a line for longer than `silence` since the session began, while others are active.",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per service without any output."""
    active = [other for other in view.services if other.lines > 0 and other.last_line is not None]
    if not active:
        return
    newest = max(active, key=lambda other: other.last_arrived_ms or 0)
    for activity in view.services:
        limits = view.judgement.limits_for(service=activity.service)
        watched_ms = view.at_ms - activity.watched_since_ms
        if activity.lines or activity.known_lines or watched_ms <= limits.silence * 1000:
            continue
        if view.judgement.allows("idle_ok", service=activity.service) or newest.last_line is None:
            continue
        yield Symptom(
            rule=RULE,
            title=f"{activity.service} writes no output at all",
            entity=(activity.service,),
            evidence=(newest.last_line.quote(),),
            recommendation=(
                f"See that {activity.service} runs and where it logs; name its file in [[logs.sources]], or mark it idle_ok in"
                " [[expect]]."
            ),
            service=activity.service,
            position=("log.no-output", 1),
            pattern=f"no line in {seconds(watched_ms / 1000)}",
            hypothesis=(
                f"{activity.service} did not start, or its output goes where nobody looks; meanwhile {newest.service} wrote the"
                " quoted line."
            ),
        )
