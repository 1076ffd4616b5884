"""A group that falls behind explains that its stream holds more and more that nobody has read."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_stream, as_unread_growth, reader_of
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring

_LATE_ONLY = "stream.time-lag"
"""A group that keeps its distance takes what is added."""


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG)
    if late is not None and late.rule_id != _LATE_ONLY:
        yield reader_of(late)
        yield entities.stream(late.stream)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    growing = as_unread_growth(finding)
    if growing is not None:
        yield reader_of(growing)


RULE = CausalRule(
    name="lag-grows-the-stream",
    says="what the stream grows by waits for this group: more is added than it takes",
    causes=(StreamCategory.CONSUMER_LAG,),
    effects=(StreamCategory.STREAM_GROWING,),
    cause=_cause,
    effect=_effect,
)
