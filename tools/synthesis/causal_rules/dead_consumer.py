"""A group without a live consumer explains its lag, the growth of its stream and what stays pending in it."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_stream, as_unread_growth, reader_of
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    dead = as_stream(finding, StreamCategory.DEAD_CONSUMER)
    if dead is not None:
        if dead.consumer_group:
            yield entities.group(dead.stream, dead.consumer_group)
        yield entities.stream(dead.stream)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.STUCK_MESSAGE)
    if late is not None and late.consumer_group:
        yield entities.group(late.stream, late.consumer_group)
    growing = as_unread_growth(finding)
    if growing is not None:
        yield reader_of(growing)


RULE = CausalRule(
    name="dead-consumer-stops-reading",
    says="nobody reads for this group, so its entries wait and its stream grows",
    causes=(StreamCategory.DEAD_CONSUMER,),
    effects=(StreamCategory.CONSUMER_LAG, StreamCategory.STUCK_MESSAGE, StreamCategory.STREAM_GROWING),
    cause=_cause,
    effect=_effect,
)
