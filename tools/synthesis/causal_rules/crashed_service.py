"""A service whose process ended, or never became ready, explains groups that it should read and nobody reads.

Only for crashes that end something: unhandled errors and failed starts, which their rules call CRITICAL.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, Severity, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import TEN_MINUTES_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is None or crash.severity is not Severity.CRITICAL or is_restart(crash) or is_silence(crash):
        return
    yield entities.service(crash.service)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    dead = as_stream(finding, StreamCategory.DEAD_CONSUMER)
    if dead is not None:
        yield from map(entities.service, wiring.owners_of(dead.stream, dead.consumer_group))


RULE = CausalRule(
    name="crashed-service-leaves-group-unread",
    says="the process that should read for this group ended with an error, or never became ready",
    causes=(LogCategory.CRASH,),
    effects=(StreamCategory.DEAD_CONSUMER,),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=TEN_MINUTES_MS,
)
