"""A service has gone quiet while others are active.

A stuck event loop, a lost connection or a dead process write nothing. Only services whose rhythm is known count;
a service that is known to be gone counts in any case. Where nothing tells of its process, its streams may: who still
reads a consumer group lives. Lines that come at a steady pace (heartbeats) are a rhythm like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView, ServiceActivity, StreamLife
from tools.detectors.logs.frequency import seconds
from tools.findings.model import AgentId, EvidenceKind, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import LogLine, ProcessState

RULE = Rule(
    id="log.silence",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    severity=Severity.MEDIUM,
    condition=(
        "No line for more than max(`silence`, `silence_factor` × the service's own p99 gap) while others are active. MEDIUM while"
        " its process is known to live, or its consumer was seen in its group since; CRASH, HIGH when that is not known; CRASH, CRITICAL when it is gone."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per silent service and state of its process."""
    for activity in view.services:
        process = view.processes.get(activity.service)
        alive = None if process is None else process.alive
        silent_ms = _silent_ms(view, activity, gone=alive is False)
        if silent_ms is None or activity.last_line is None:
            continue
        if view.judgement.allows("idle_ok", service=activity.service) and alive is not False:
            continue
        life = view.streams.get(activity.service)
        if alive is not None or life is None:
            yield _symptom(activity, process, alive, silent_ms)
        elif life.seen_ms is not None and life.seen_ms - (activity.last_arrived_ms or 0) >= _LIVED_ON_MS:
            yield _reading_symptom(activity, activity.last_line, life, silent_ms)
        elif view.final or life.looked_ms - (activity.last_arrived_ms or 0) >= _LIVED_ON_MS:
            yield _symptom(activity, process, alive, silent_ms)


def _silent_ms(view: LogView, activity: ServiceActivity, *, gone: bool) -> int | None:
    if activity.last_arrived_ms is None or activity.lines == 0:
        return None
    limits = view.judgement.limits_for(service=activity.service)
    silent_ms = view.at_ms - activity.last_arrived_ms
    if gone:
        return silent_ms if silent_ms > limits.silence * 1000 or view.final else None
    if activity.gap_p99_ms is None:
        return None
    limit_ms = max(limits.silence * 1000, limits.silence_factor * activity.gap_p99_ms)
    if silent_ms <= limit_ms:
        return None
    others = any(
        other.service != activity.service
        and other.last_arrived_ms is not None
        and other.last_arrived_ms > activity.last_arrived_ms
        and view.at_ms - other.last_arrived_ms <= limits.silence * 1000
        for other in view.services
    )
    return silent_ms if others else None


def _symptom(
    activity: ServiceActivity, process: ProcessState | None, alive: bool | None, silent_ms: int
) -> Symptom:
    line = activity.last_line
    assert line is not None
    service, lasted = activity.service, seconds(silent_ms / 1000)
    state, category, severity, hypothesis, help_ = _BY_STATE[alive]
    evidence = [line.quote()]
    if process is not None and process.pid is not None:
        text = f"{service}: pid {process.pid} " + ("is alive" if alive else "is gone")
        evidence.append(Quote(EvidenceKind.PROCESS, "process table", text))
    return Symptom(
        rule=RULE,
        category=category,
        severity=severity,
        title=f"{service} is silent{state}",
        entity=(service,),
        location=str(alive),
        evidence=tuple(evidence),
        recommendation=help_.format(service=service),
        service=service,
        position=(line.source, line.position),
        event_ms=line.event_ms,
        pattern=f"silent for {lasted}",
        hypothesis=hypothesis.format(service=service),
        correlation_id=line.correlation_id,
        confidence=1.0 if alive is not None else 0.7,
    )


def _reading_symptom(activity: ServiceActivity, line: LogLine, life: StreamLife, silent_ms: int) -> Symptom:
    service = activity.service
    return Symptom(
        rule=RULE,
        severity=Severity.MEDIUM,
        title=f"{service} is silent while it reads its stream",
        entity=(service,),
        location="reads",
        evidence=(line.quote(),),
        recommendation=(
            f"Look whether {service} has nothing to do or logs nothing of what it does; mark it idle_ok in [[expect]] where this is meant."
        ),
        service=service,
        position=(line.source, line.position),
        event_ms=line.event_ms,
        pattern=f"silent for {seconds(silent_ms / 1000)}",
        hypothesis=(
            f"{service} lives: its consumer was seen in group {life.group} of {life.stream} after its last line, which is quoted."
        ),
        correlation_id=line.correlation_id,
        confidence=0.9,
    )


_LIVED_ON_MS = 10_000
"""A consumer seen so long after the last line was no straggler of a process that ended."""
_BY_STATE = {
    True: (
        " while its process lives",
        LogCategory.ANOMALY,
        Severity.MEDIUM,
        "{service} is alive but stuck, or has nothing to do; the quoted line is its last.",
        "Look at what {service} waits for (its consumer group, a lock, a peer); mark it idle_ok in [[expect]] where this is meant.",
    ),
    None: (
        " and nothing tells whether its process lives",
        LogCategory.CRASH,
        Severity.HIGH,
        "{service} may have crashed or be stuck; the quoted line is its last.",
        "Check the process of {service}; give its port or pidfile in [[services.list]], so that the next audit can tell.",
    ),
    False: (
        " and its process is gone",
        LogCategory.CRASH,
        Severity.CRITICAL,
        "{service} ended; the quoted line is the last it wrote.",
        "Start {service} again and find why it ended: its last lines, its exit code, and the kernel's log for the OOM killer.",
    ),
}
