"""A port that two services declare, or that something left behind holds, explains a service that cannot bind it."""

from __future__ import annotations

from collections.abc import Iterator

from tools import linear
from tools.findings.model import ConfigCategory, Finding, LogFinding
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config
from tools.synthesis.causal_rules.signs import FAILURES, failure_of, taken_ports
from tools.synthesis.entities import Entity, EntityKind
from tools.synthesis.wiring import Wiring

_LEFT = "session.leftover-port"
_NAMED = linear.compile(r"(?i)\bport (\d{2,5})\b")


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    conflict = as_config(finding, ConfigCategory.PORT_CONFLICT)
    left = isinstance(finding, LogFinding) and finding.rule_id == _LEFT
    if conflict is not None or left:
        yield from (Entity(EntityKind.MENTION, f"port {port}") for port in _NAMED.findall(finding.title))


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is not None:
        yield from (Entity(EntityKind.MENTION, f"port {port}") for port in taken_ports(found[1]))


RULE = CausalRule(
    name="taken-port-stops-service",
    says="another holds the port that the service must bind, so it cannot start",
    causes=(ConfigCategory.PORT_CONFLICT, _LEFT),
    effects=FAILURES,
    cause=_cause,
    effect=_effect,
    shared=False,
)
