"""A message that fails at every delivery explains that it stays pending, and lines that only say that it failed.

An error that says what failed is no effect of it: `failing-handler-brings-message-back` has it as the cause.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.failed_handling import failed_handling_of
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_dead_letter
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield from entities.messages_of(failing, wiring)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    error = as_log(finding, LogCategory.BUG, LogCategory.RETRY_STORM)
    if error is not None and failed_handling_of(error) is None:
        yield from entities.messages_of(error, wiring)
    stuck = as_stream(finding, StreamCategory.STUCK_MESSAGE)
    if stuck is not None:
        yield from entities.messages_of(stuck, wiring)


RULE = CausalRule(
    name="poison-message-fails-every-delivery",
    says="the same message is delivered again and again and fails each time",
    causes=(StreamCategory.DELIVERY_FAILURE,),
    effects=(
        LogCategory.BUG,
        LogCategory.RETRY_STORM,
        StreamCategory.STUCK_MESSAGE,
    ),
    cause=_cause,
    effect=_effect,
)
