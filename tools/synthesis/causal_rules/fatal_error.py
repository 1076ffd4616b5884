"""An error that ends the process explains that its service starts again and again."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is not None and not is_restart(crash) and not is_silence(crash):
        yield entities.service(crash.service)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    restarts = as_log(finding, LogCategory.CRASH)
    if restarts is not None and is_restart(restarts):
        yield entities.service(restarts.service)


RULE = CausalRule(
    name="fatal-error-starts-service-again",
    says="the error ends the process, and a supervisor starts it again",
    causes=(LogCategory.CRASH,),
    effects=(LogCategory.CRASH,),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
)
