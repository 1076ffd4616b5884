"""A stream that nothing trims explains that the server has no memory left and refuses what producers add.

Which of several such streams filled it the evidence does not decide: the strongest is taken, the others are named. Growth that its rule calls LOW fills nothing in the time of a session.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, Severity, StreamCategory
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_stream
from tools.synthesis.causal_rules.signs import FAILURES, failure_of, is_out_of_memory
from tools.synthesis.entities import Entity, EntityKind
from tools.synthesis.wiring import Wiring

_MEMORY = Entity(EntityKind.ROLE, "server: its memory is used up")


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    growing = as_stream(finding, StreamCategory.UNBOUNDED_STREAM, StreamCategory.STREAM_GROWING)
    if growing is not None and growing.severity.rank <= Severity.MEDIUM.rank:
        yield _MEMORY


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is not None and is_out_of_memory(found[1]):
        yield _MEMORY


RULE = CausalRule(
    name="untrimmed-stream-fills-memory",
    says="the stream only grows, and the server refuses writes because its memory is used up",
    causes=(StreamCategory.UNBOUNDED_STREAM, StreamCategory.STREAM_GROWING),
    effects=FAILURES,
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
)
