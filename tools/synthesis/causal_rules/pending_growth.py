"""A group that does not acknowledge explains the single messages that stay pending in it."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_stream
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    unacked = as_stream(finding, StreamCategory.MISSING_ACK)
    if unacked is not None and unacked.consumer_group:
        yield entities.group(unacked.stream, unacked.consumer_group)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    stuck = as_stream(finding, StreamCategory.STUCK_MESSAGE)
    if stuck is not None and stuck.consumer_group:
        yield entities.group(stuck.stream, stuck.consumer_group)


RULE = CausalRule(
    name="missing-ack-leaves-messages-pending",
    says="this group delivers without acknowledging, so its messages stay pending",
    causes=(StreamCategory.MISSING_ACK,),
    effects=(StreamCategory.STUCK_MESSAGE,),
    cause=_cause,
    effect=_effect,
)
