"""A server that refuses a service (no password, read-only, loading) explains that its groups are not read."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_stream
from tools.synthesis.causal_rules.signs import FAILURES, failure_of, refused_reads
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is not None and refused_reads(found[1]) is not None:
        yield entities.service(found[0].service)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    unread = as_stream(finding, StreamCategory.DEAD_CONSUMER)
    if unread is not None:
        yield from map(entities.service, wiring.owners_of(unread.stream, unread.consumer_group))


RULE = CausalRule(
    name="refused-service-cannot-read",
    says="the server refuses the commands of the service that reads for this group",
    causes=FAILURES,
    effects=(StreamCategory.DEAD_CONSUMER,),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
)
