"""Memory that only climbs explains that the service is killed and starts again."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_log
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    leak = as_log(finding, LogCategory.MEMORY_LEAK)
    if leak is not None:
        yield entities.service(leak.service)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is not None:
        yield entities.service(crash.service)


RULE = CausalRule(
    name="memory-leak-ends-in-crash",
    says="its memory only climbs until the process is killed",
    causes=(LogCategory.MEMORY_LEAK,),
    effects=(LogCategory.CRASH,),
    cause=_cause,
    effect=_effect,
)
