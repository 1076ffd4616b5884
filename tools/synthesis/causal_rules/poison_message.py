"""A message that fails at every delivery explains errors that name it and that it stays pending."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_dead_letter
from tools.synthesis.entities import Entity, message_ids_of
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield from map(entities.message, failing.message_ids)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    error = as_log(finding, LogCategory.BUG, LogCategory.CRASH, LogCategory.TIMEOUT, LogCategory.RETRY_STORM)
    if error is not None:
        yield from map(entities.message, message_ids_of(error))
    stuck = as_stream(finding, StreamCategory.STUCK_MESSAGE)
    if stuck is not None:
        yield from map(entities.message, stuck.message_ids)


RULE = CausalRule(
    name="poison-message-fails-every-delivery",
    says="the same message is delivered again and again and fails each time",
    causes=(StreamCategory.DELIVERY_FAILURE,),
    effects=(
        LogCategory.BUG,
        LogCategory.CRASH,
        LogCategory.TIMEOUT,
        LogCategory.RETRY_STORM,
        StreamCategory.STUCK_MESSAGE,
    ),
    cause=_cause,
    effect=_effect,
)
