"""Code that reads in a group and never acknowledges explains a pending list that only grows.

The code's finding names its group in its title; other groups of the stream are not explained by it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_code, as_stream
from tools.synthesis.entities import Entity, words_in
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    code = as_code(finding, "code.xreadgroup-no-ack")
    if code is not None:
        for name in code.affected_streams:
            yield from (entities.group(name, word) for word in words_in(code.title))


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    pending = as_stream(finding, StreamCategory.MISSING_ACK, StreamCategory.STUCK_MESSAGE)
    if pending is not None and pending.consumer_group:
        yield entities.group(pending.stream, pending.consumer_group)


RULE = CausalRule(
    name="code-never-acknowledges",
    says="no code acknowledges what it reads from this stream, so every delivered message stays pending",
    causes=("code.xreadgroup-no-ack",),
    effects=(StreamCategory.MISSING_ACK, StreamCategory.STUCK_MESSAGE),
    cause=_cause,
    effect=_effect,
)
