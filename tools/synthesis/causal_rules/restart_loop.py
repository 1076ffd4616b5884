"""A service that starts again and again explains that it is silent, and that its groups fall behind or acknowledge nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is not None and is_restart(crash):
        yield entities.service(crash.service)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    stopped = as_stream(
        finding,
        StreamCategory.DEAD_CONSUMER,
        StreamCategory.CONSUMER_LAG,
        StreamCategory.STUCK_MESSAGE,
        StreamCategory.MISSING_ACK,
    )
    if stopped is not None:
        yield from map(entities.service, wiring.owners_of(stopped.stream, stopped.consumer_group))
    silent = as_log(finding, LogCategory.ANOMALY, LogCategory.CRASH)
    if silent is not None and is_silence(silent):
        yield entities.service(silent.service)


RULE = CausalRule(
    name="restarting-service-stops-reading",
    says="the service that reads for this group keeps starting again",
    causes=(LogCategory.CRASH,),
    effects=(
        StreamCategory.DEAD_CONSUMER,
        StreamCategory.CONSUMER_LAG,
        StreamCategory.STUCK_MESSAGE,
        StreamCategory.MISSING_ACK,
        LogCategory.ANOMALY,
        LogCategory.CRASH,
    ),
    cause=_cause,
    effect=_effect,
    lead_ms=ONE_LOOK_MS,
)
