"""Messages that fail at every delivery explain a dead-letter stream that receives.

They meet in the service: it reads the stream of the failing message and writes the dead-letter stream; or in the
name, where the dead-letter stream is called after the stream (`orders:dlq`, `dead-letter.orders`). So do failures
that a service logs with the word for it, and the dead-letter stream that it writes.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import FIVE_MINUTES_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_dead_letter
from tools.synthesis.entities import EVIDENCE_CHARS_MAX, Entity
from tools.synthesis.wiring import Wiring

_AFTER = re2.compile(r"(?i)^(.+?)[-_.:/](?:dlq|dead|dead[-_]?letters?|failed|errors?)$")
_SAID = re2.compile(r"(?i)dead[-_ ]?letter|\bdlq\b")
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


def _handler(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failed = as_log(finding, LogCategory.BUG)
    if failed is not None and _SAID.search(failed.evidence[:EVIDENCE_CHARS_MAX]):
        yield entities.service(failed.service)


def _written(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    letters = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if letters is not None and is_dead_letter(letters):
        yield from map(entities.service, wiring.producers.get(letters.stream, ()))


RULE = CausalRule(
    name="failed-messages-become-dead-letters",
    says="messages that fail too often are moved to the dead-letter stream",
    causes=(StreamCategory.DELIVERY_FAILURE,),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_cause,
    effect=_effect,
)
HANDLER = CausalRule(
    name="failing-handler-writes-dead-letters",
    says="the service says of messages that it cannot handle them and moves them to the dead-letter stream",
    causes=(LogCategory.BUG,),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_handler,
    effect=_written,
    lead_ms=FIVE_MINUTES_MS,
)
