"""Messages that fail at every delivery explain a dead-letter stream that receives.

They meet in the service: it reads the stream of the failing message and writes the dead-letter stream; or in the
name, where the dead-letter stream is called after the stream (`orders:dlq`, `dead-letter.orders`).
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_stream, is_dead_letter
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring

_AFTER = re2.compile(r"(?i)^(.+?)[-_.:/](?:dlq|dead|dead[-_]?letters?|failed|errors?)$")
_BEFORE = re2.compile(r"(?i)^(?:dlq|dead|dead[-_]?letters?|failed|errors?)[-_.:/](.+)$")


def _cause(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield entities.stream(failing.stream)
        yield from map(entities.service, wiring.owners_of(failing.stream, failing.consumer_group))


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    letters = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if letters is None or not is_dead_letter(letters):
        return
    for pattern in (_AFTER, _BEFORE):
        match = pattern.match(letters.stream)
        if match is not None:
            yield entities.stream(match.group(1))
    yield from map(entities.service, wiring.producers.get(letters.stream, ()))


RULE = CausalRule(
    name="failed-messages-become-dead-letters",
    says="messages that fail too often are moved to the dead-letter stream",
    causes=(StreamCategory.DELIVERY_FAILURE,),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_cause,
    effect=_effect,
)
