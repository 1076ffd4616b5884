"""What may make a reader slow: it takes one entry at a time, or waits for answers of its own that do not come.

Both are common in readers that keep up, so neither decides: they are named as what else may be behind a lag.
Time-outs count only where they began before the lag was told, for a late group makes its neighbours time out too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_code, as_log, as_stream
from tools.synthesis.entities import Entity, EntityKind
from tools.synthesis.wiring import Wiring


def _one_by_one(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    code = as_code(finding, "code.count-one")
    if code is not None:
        for stream in code.affected_streams:
            yield from (_reads(service, stream) for service in code.affected_services)


def _late(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG)
    if late is not None:
        owners = wiring.owners_of(late.stream, late.consumer_group)
        yield from (_reads(owner, late.stream) for owner in owners)


def _reads(service: str, stream: str) -> Entity:
    return Entity(EntityKind.ROLE, f"{service}: reads {stream}")


def _waits(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    waiting = as_log(finding, LogCategory.TIMEOUT)
    if waiting is not None:
        yield entities.service(waiting.service)


def _late_service(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG)
    if late is not None:
        yield from map(entities.service, wiring.owners_of(late.stream, late.consumer_group))


RULE = CausalRule(
    name="one-at-a-time-reader-falls-behind",
    says="it asks for one entry a read, which costs a round trip each",
    causes=("code.count-one",),
    effects=(StreamCategory.CONSUMER_LAG,),
    cause=_one_by_one,
    effect=_late,
    decides=False,
)
WAITING = CausalRule(
    name="waiting-reader-falls-behind",
    says="the service that reads for this group waits for answers that do not come",
    causes=(LogCategory.TIMEOUT,),
    effects=(StreamCategory.CONSUMER_LAG,),
    cause=_waits,
    effect=_late_service,
    decides=False,
    lead_ms=0,
)
