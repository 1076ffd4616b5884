"""A group that does not keep up explains that a capped stream was trimmed before the group read it, or acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import GHOSTS, LOSS, as_rule, as_stream
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    slow = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER)
    if slow is not None and slow.consumer_group:
        yield entities.group(slow.stream, slow.consumer_group)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    lost = as_rule(finding, LOSS)
    if lost is not None and lost.consumer_group:
        yield entities.group(lost.stream, lost.consumer_group)


def _trims(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    lost = as_rule(finding, LOSS)
    if lost is not None:
        yield entities.stream(lost.stream)


def _ghosts(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    ghosts = as_rule(finding, GHOSTS)
    if ghosts is not None:
        yield entities.stream(ghosts.stream)


RULE = CausalRule(
    name="slow-group-is-trimmed-past",
    says="this group reads later than the cap of the stream lets entries live, so they go unread",
    causes=(StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER),
    effects=(LOSS,),
    cause=_cause,
    effect=_effect,
)
GHOST_RULE = CausalRule(
    name="trimming-takes-pending-entries",
    says="the stream is trimmed or deleted from before its groups are done, so pending entries go too",
    causes=(LOSS,),
    effects=(GHOSTS,),
    cause=_trims,
    effect=_ghosts,
)
