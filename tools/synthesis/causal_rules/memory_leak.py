"""Memory that only climbs, or has run out, explains that the service is killed, is gone or starts again.

A line that only has the word for it (a heap snapshot that could not be written) is no leak, and an error with a place
in the code of its own no end for want of memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules import signs
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring

_CLIMBS = "log.memory-growth"


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    leak = as_log(finding, LogCategory.MEMORY_LEAK)
    if leak is not None and (leak.rule_id == _CLIMBS or signs.is_memory_exhausted(leak.evidence)):
        yield entities.service(leak.service)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is not None and (
        is_restart(crash) or is_silence(crash) or signs.is_memory_exhausted(crash.evidence)
    ):
        yield entities.service(crash.service)


RULE = CausalRule(
    name="memory-leak-ends-in-crash",
    says="its memory only climbs until the process is killed",
    causes=(LogCategory.MEMORY_LEAK,),
    effects=(LogCategory.CRASH,),
    cause=_cause,
    effect=_effect,
    lead_ms=ONE_LOOK_MS,
)
