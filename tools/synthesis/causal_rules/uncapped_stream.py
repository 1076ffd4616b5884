"""An XADD without a cap explains a stream that is never trimmed and only grows."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_code, as_stream
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    code = as_code(finding, "code.xadd-no-maxlen")
    if code is not None:
        yield from map(entities.stream, code.affected_streams)
    measured = as_stream(finding, StreamCategory.MISSING_MAXLEN)
    if measured is not None:
        yield entities.stream(measured.stream)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    growing = as_stream(finding, StreamCategory.UNBOUNDED_STREAM, StreamCategory.STREAM_GROWING)
    if growing is not None:
        yield entities.stream(growing.stream)


RULE = CausalRule(
    name="uncapped-producer-lets-stream-grow",
    says="its producer adds without MAXLEN or MINID and nothing else trims it",
    causes=("code.xadd-no-maxlen", StreamCategory.MISSING_MAXLEN),
    effects=(StreamCategory.UNBOUNDED_STREAM, StreamCategory.STREAM_GROWING),
    cause=_cause,
    effect=_effect,
)
