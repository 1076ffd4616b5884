"""A service whose process ended, or never became ready, explains groups that it should read and nobody reads.

Only for crashes that end something: unhandled errors and failed starts, which their rules call CRITICAL. Where the
group has a consumer still, a part of the service may have ended: what waits in it is explained where it began after
the crash, and the code says that this service reads for the group.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, Severity, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, as_unread_growth, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring

_NOT_READY = "session.service-not-ready"
_START_MAX_MS = 600_000


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is None or crash.severity is not Severity.CRITICAL or is_restart(crash) or is_silence(crash):
        return
    yield entities.service(crash.service)


def _waited_ms(crash: Finding) -> int:
    """A service that never became ready was not there from the first; that is told when its time to start is over."""
    return _START_MAX_MS if crash.rule_id == _NOT_READY else 0


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    dead = as_stream(finding, StreamCategory.DEAD_CONSUMER)
    if dead is not None:
        yield from map(entities.service, wiring.owners_of(dead.stream, dead.consumer_group))


def _late(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.STUCK_MESSAGE)
    late = late or as_unread_growth(finding)
    if late is None or late.consumer_group is None:
        return
    if wiring.owners_by(late.stream, late.consumer_group) == "code":
        yield from map(entities.service, wiring.owners_of(late.stream, late.consumer_group))


RULE = CausalRule(
    name="crashed-service-leaves-group-unread",
    says="the process that should read for this group ended with an error, or never became ready",
    causes=(LogCategory.CRASH,),
    effects=(StreamCategory.DEAD_CONSUMER,),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
    told_late_ms=_waited_ms,
)
LATE = CausalRule(
    name="crashed-service-falls-behind",
    says="the service that reads for this group lost a part to an error, and entries wait since then",
    causes=(LogCategory.CRASH,),
    effects=(StreamCategory.CONSUMER_LAG, StreamCategory.STUCK_MESSAGE, StreamCategory.STREAM_GROWING),
    cause=_cause,
    effect=_late,
    shared=False,
    lead_ms=0,
)
