"""A service's timestamps go backwards, or its clock is apart from the others'.

Then no order of events across services can be trusted, and ids made from the time may collide.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tools.detectors.contract import LogView, ServiceActivity
from tools.detectors.logs.frequency import seconds
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import LogLine

BACKWARDS = Rule(
    id="log.clock-backwards",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.MEDIUM,
    condition=(
        "A line's time lies more than `clock_backwards` before a line that the same service wrote earlier. Whole quarters of an"
        " hour are time zones."
    ),
)
APART = Rule(
    id="log.clock-apart",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.MEDIUM,
    condition=(
        "A service's clock is more than 2 s apart from the median service's, by the 5th percentile of the delays with which its"
        " lines come; behind only where all its lines are late alike. Whole quarters of an hour are time zones."
    ),
)
RULES: tuple[Rule, ...] = (BACKWARDS, APART)
APART_MS = 2000
"""Clocks under NTP stay within milliseconds; second-resolution times and polling account for up to 1.3 s."""
_BEHIND_CONFIDENCE = 0.7
"""Lines that all take equally long on their way look the same."""
_ZONE_MS = 15 * 60_000
_ZONE_SLACK_MS = 60_000
_ZONES_MAX_MS = 27 * 3_600_000
"""Zones go from -12 to +14 hours."""


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per jump, and per service whose clock is apart."""
    yield from _backwards(view)
    yield from _apart(view)


def _backwards(view: LogView) -> Iterator[Symptom]:
    limit_ms = view.judgement.limits.clock_backwards * 1000
    for activity in view.services:
        if activity.backwards is None or activity.backwards[2] <= limit_ms:
            continue
        before, line, by_ms = activity.backwards
        if _is_zone(by_ms):
            continue
        yield Symptom(
            rule=BACKWARDS,
            title=f"{activity.service}: timestamps go backwards",
            entity=(activity.service,),
            evidence=(before.quote(), line.quote()),
            recommendation=f"Keep the clock of {activity.service}'s host under NTP with slewing, and let one process write each log.",
            service=activity.service,
            position=(line.source, line.position),
            event_ms=line.event_ms,
            pattern=f"back by {seconds(by_ms / 1000)}",
            hypothesis="The host's clock was set back, or several processes with unequal clocks write one log.",
        )


def _apart(view: LogView) -> Iterator[Symptom]:
    ahead = {a.service: a.clock_ahead_ms for a in view.services if a.clock_ahead_ms is not None}
    if len(ahead) < 3:
        return
    middle = median(ahead.values())
    for activity in view.services:
        if activity.service not in ahead or activity.last_line is None:
            continue
        apart = ahead[activity.service] - middle
        if abs(apart) <= APART_MS or _is_zone(abs(apart)):
            continue
        yield _apart_symptom(activity, activity.last_line, apart)


def _apart_symptom(activity: ServiceActivity, line: LogLine, apart_ms: float) -> Symptom:
    where = "ahead of" if apart_ms > 0 else "behind"
    other = "" if apart_ms > 0 else " (or every line takes so long on its way, through a shipper or a pipe)"
    return Symptom(
        rule=APART,
        title=f"{activity.service}: its clock is {where} the others'",
        entity=(activity.service,),
        evidence=(line.quote(),),
        recommendation=f"Bring the host or container of {activity.service} under the same NTP source as the others.",
        service=activity.service,
        position=("log.clock-apart", 1),
        event_ms=line.event_ms,
        pattern=f"{where.removesuffix(' of')} by {seconds(abs(apart_ms) / 1000)}",
        hypothesis=f"Its host's clock is wrong{other}; times across services cannot be compared.",
        confidence=1.0 if apart_ms > 0 else _BEHIND_CONFIDENCE,
    )


def _is_zone(apart_ms: float) -> bool:
    """Whether times are apart by whole quarters of an hour: zones that are not told, or the end of summer time."""
    if not _ZONE_MS - _ZONE_SLACK_MS < apart_ms < _ZONES_MAX_MS:
        return False
    rest = apart_ms % _ZONE_MS
    return min(rest, _ZONE_MS - rest) <= _ZONE_SLACK_MS
