"""An error that nobody caught ends a part of its service (a thread, a task); the rest falls silent though it lives.

Only for a trace that its rule calls CRITICAL (unhandled): a caught error ends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, Severity
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, is_restart, is_silence
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is None or crash.severity is not Severity.CRITICAL or is_restart(crash) or is_silence(crash):
        return
    yield entities.service(crash.service)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    silent = as_log(finding, LogCategory.ANOMALY)
    if silent is not None and is_silence(silent):
        yield entities.service(silent.service)


RULE = CausalRule(
    name="uncaught-error-ends-a-part",
    says="an error that nobody caught ended a part of the service, and nothing was logged after it",
    causes=(LogCategory.CRASH,),
    effects=(LogCategory.ANOMALY,),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
)
