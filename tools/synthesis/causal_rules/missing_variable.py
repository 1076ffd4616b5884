"""An environment variable that is not set, or differs, explains a failure that names it.

Where the finding says whose variable it is, only failures of that service; other services have one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools import linear
from tools.findings.model import ConfigCategory, Finding, LogCategory, services_of
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_log
from tools.synthesis.entities import EVIDENCE_CHARS_MAX, Entity, EntityKind
from tools.synthesis.wiring import Wiring

_VARIABLE = linear.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")


def _variables(text: str) -> Iterator[str]:
    yield from dict.fromkeys(_VARIABLE.findall(text[:EVIDENCE_CHARS_MAX]))


def _of(service: str, variable: str) -> Entity:
    return Entity(EntityKind.ROLE, f"{service}: variable {variable}")


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    unset = as_config(finding, ConfigCategory.MISSING_ENV_VAR, ConfigCategory.ENV_MISMATCH)
    if unset is None:
        return
    owners = services_of(unset)
    for name in _variables(f"{unset.title} {unset.expected} {unset.actual}"):
        yield from (_of(owner, name) for owner in owners)
        if not owners:
            yield Entity(EntityKind.MENTION, name)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failed = as_log(finding, LogCategory.BUG, LogCategory.CRASH)
    if failed is None:
        return
    for name in _variables(failed.evidence):
        yield _of(failed.service, name)
        yield Entity(EntityKind.MENTION, name)


RULE = CausalRule(
    name="missing-variable-breaks-service",
    says="the failure names an environment variable that is not set as the code expects",
    causes=(ConfigCategory.MISSING_ENV_VAR, ConfigCategory.ENV_MISMATCH),
    effects=(LogCategory.BUG, LogCategory.CRASH),
    cause=_cause,
    effect=_effect,
    shared=False,
)
