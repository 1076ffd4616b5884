"""Which findings were over by the end of the window, as far as that can be seen: what shows no more at the end ended by itself.

A stream shows it at the last poll, configuration in its files. A log shows it where lines that came again and again stop
for long while the service logs on; what ended a process has ended where that process was seen to start again. What was
seen once or twice, what a service's silence tells, and a secret that was printed are never over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from tools.clock import from_iso
from tools.findings.model import (
    ConfigFinding,
    Enhancement,
    Finding,
    LogCategory,
    LogFinding,
    Origin,
    StreamCategory,
    StreamFinding,
)
from tools.synthesis.causal_rules.kinds import LOSS, is_dead_letter, is_restart, is_silence
from tools.synthesis.clusters import Cluster
from tools.synthesis.explain import SHARED
from tools.synthesis.health import is_open
from tools.synthesis.session_data import SessionData

TIMES_MIN = 3
"""So often a line must have come before its absence says anything."""
QUIET_MS = 30_000
"""How long it must have been absent at least."""
QUIET_TIMES = 5
"""Of the usual time between two of them: as much at least."""
ALIVE_MS = 15_000
"""A service that logged so shortly before the end could have logged this too."""
_SAME_MS = 1000
"""A start may be told so much earlier than the end before it."""
_RECURRING = frozenset({LogCategory.BUG, LogCategory.CRASH, LogCategory.RETRY_STORM, LogCategory.TIMEOUT})
_STARTED = frozenset({"service-restarted", "service-back"})


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of the window. Times in ms since the epoch, by service."""

    data: SessionData
    logged: Mapping[str, int]
    started: Mapping[str, int]


def ended(data: SessionData, findings: Iterable[Finding]) -> Mapping[str, int]:
    """By id of a finding that was over by the end, when it was seen last, in ms since the epoch."""
    known = tuple(findings)
    ending = _Ending(
        data,
        {log.service: log.last_arrived_ms for log in data.logs.services if log.last_arrived_ms is not None},
        _starts(data, known),
    )
    return {
        finding.finding_id: _last_ms(finding)
        for finding in known
        if finding.origin is Origin.MEASURED and _is_over(finding, ending)
    }


def troubles(
    clusters: Sequence[Cluster], findings: Mapping[str, Finding], over: Mapping[str, int]
) -> dict[str, int]:
    """By id of the root of each cluster of which every symptom was over, when the last of them was seen.

    Advice is no symptom; where it is the root, what it is about stands in the code and goes on. Nor is it one that a
    stream grows on where all that explained it was over: what it grows by waits for nobody.
    """
    found = {}
    for cluster in clusters:
        grows_on = _grows_on(cluster, findings, over) if cluster.root in over else frozenset()
        symptoms = [
            name
            for name in cluster.members
            if not isinstance(findings[name], Enhancement) and name not in grows_on
        ]
        if cluster.root in over and all(name in over for name in symptoms):
            found[cluster.root] = max(over[name] for name in symptoms)
    return found


def _grows_on(cluster: Cluster, findings: Mapping[str, Finding], over: Mapping[str, int]) -> frozenset[str]:
    causes: dict[str, list[str]] = {}
    for link in cluster.chain:
        if findings[link.effect].category is StreamCategory.STREAM_GROWING and not link.rule.startswith(
            SHARED
        ):
            causes.setdefault(link.effect, []).append(link.cause)
    return frozenset(
        name for name, known in causes.items() if name not in over and all(one in over for one in known)
    )


def behind(clusters: Sequence[Cluster], over: Mapping[str, int]) -> tuple[Cluster, ...]:
    """The clusters, numbered anew: among those of one severity what goes on before what was over."""
    places: dict[int, list[Cluster]] = {}
    for cluster in clusters:
        places.setdefault(cluster.severity.rank, []).append(cluster)
    queues = {rank: iter(sorted(found, key=lambda one: one.root in over)) for rank, found in places.items()}
    ordered = [next(queues[cluster.severity.rank]) for cluster in clusters]
    return tuple(
        structs.replace(cluster, cluster_id=f"C-{number:02d}")
        for number, cluster in enumerate(ordered, start=1)
    )


def _is_over(finding: Finding, ending: _Ending) -> bool:
    if isinstance(finding, LogFinding):
        return _has_stopped(finding, ending)
    if isinstance(finding, StreamFinding | ConfigFinding):
        if isinstance(finding, StreamFinding) and _is_event(finding) and not _is_quiet(finding, ending):
            return False
        last_poll_ms = None if ending.data.final is None else ending.data.final.at_ms
        return not is_open(finding, last_poll_ms, ending.data.poll_interval_ms)
    return False


def _has_stopped(finding: LogFinding, ending: _Ending) -> bool:
    """Whether a line that came again and again has not come for long, although its service logs on."""
    if finding.category not in _RECURRING or is_silence(finding) or not _is_quiet(finding, ending):
        return False
    if ending.logged.get(finding.service, 0) < ending.data.end_ms - ALIVE_MS:
        return False
    ends = finding.category is LogCategory.CRASH
    return not ends or ending.started.get(finding.service, 0) >= from_iso(finding.last_seen) - _SAME_MS


def _is_quiet(finding: Finding, ending: _Ending) -> bool:
    """Whether what came again and again has been absent for much longer than usual."""
    if finding.occurrences < TIMES_MIN:
        return False
    first, last = from_iso(finding.timestamp), from_iso(finding.last_seen)
    usual_ms = (last - first) / (finding.occurrences - 1)
    return ending.data.end_ms - last >= max(QUIET_MS, QUIET_TIMES * usual_ms)


def _is_event(finding: StreamFinding) -> bool:
    """Whether its rule tells of what happens at a moment, and says nothing between two of them."""
    return finding.rule_id == LOSS or (
        finding.category is StreamCategory.DELIVERY_FAILURE and is_dead_letter(finding)
    )


def _starts(data: SessionData, findings: Iterable[Finding]) -> dict[str, int]:
    """When each service was seen to start again last, by its log or by its process."""
    found: dict[str, int] = {}
    for finding in findings:
        if isinstance(finding, LogFinding) and finding.category is LogCategory.CRASH and is_restart(finding):
            found[finding.service] = max(found.get(finding.service, 0), from_iso(finding.last_seen))
    for event in data.events:
        service, at = event.get("service"), event.get("at")
        if event.get("type") in _STARTED and isinstance(service, str) and isinstance(at, str):
            try:
                found[service] = max(found.get(service, 0), from_iso(at))
            except ValueError:
                continue
    return found


def _last_ms(finding: Finding) -> int:
    ended_at = finding.ended_at if isinstance(finding, ConfigFinding) else None
    return from_iso(ended_at or finding.last_seen)
