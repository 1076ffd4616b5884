"""Code without a delivery limit lets one message come back for ever.

Why its handling fails is another matter, so this is named beside the cause and is none itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_code, as_stream, is_dead_letter
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    code = as_code(finding, "code.no-dead-letter")
    if code is not None:
        yield from map(entities.stream, code.affected_streams)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield entities.stream(failing.stream)


RULE = CausalRule(
    name="no-delivery-limit",
    says="no code gives up on a message of this stream, so a bad one comes back for ever",
    causes=("code.no-dead-letter",),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_cause,
    effect=_effect,
    decides=False,
)
