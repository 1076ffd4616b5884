"""A service that ended, did not start or listens elsewhere explains that others are refused when they call it.

They meet in the host of the address in the line, or in a port that the service's code alone listens on; only where no
address is given, in a word of the line that is the name of the service. An error that was caught ends no process.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, LogCategory, LogFinding, Severity
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import FIVE_MINUTES_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_log, is_restart, is_silence
from tools.synthesis.causal_rules.signs import FAILURES, addresses, failure_of, is_refused
from tools.synthesis.entities import Entity, words_of
from tools.synthesis.wiring import Wiring

_ELSEWHERE = "config.port-mismatch"
_NOT_READY = "session.service-not-ready"


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    crash = as_log(finding, LogCategory.CRASH)
    if crash is not None and _ends_process(crash):
        yield entities.service(crash.service)
    elsewhere = as_config(finding, ConfigCategory.CONFIG_DRIFT)
    if elsewhere is not None and elsewhere.rule_id == _ELSEWHERE:
        yield entities.service(elsewhere.service)


def _ends_process(crash: LogFinding) -> bool:
    """Whether nobody takes connections for a while: it ended on an error, is gone, starts again or never was ready."""
    ended = crash.severity is Severity.CRITICAL or crash.rule_id == _NOT_READY
    return ended or is_restart(crash) or is_silence(crash)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is None or not is_refused(found[1]):
        return
    failed, text = found
    called = tuple(addresses(text))
    at = [name for host, port in called for name in (host, wiring.listeners.get(port, ""))]
    named = [name for name in (at if called else words_of(failed)) if name in wiring.services]
    yield from (entities.service(name) for name in dict.fromkeys(named) if name != failed.service)


RULE = CausalRule(
    name="gone-service-refuses-connections",
    says="the service that is called is not there to take connections",
    causes=(LogCategory.CRASH, _ELSEWHERE),
    effects=FAILURES,
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=FIVE_MINUTES_MS,
)
