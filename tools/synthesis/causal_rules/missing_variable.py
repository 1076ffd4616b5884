"""An environment variable that is not set, or differs, explains a failure that names it."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.findings.model import ConfigCategory, Finding, LogCategory
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_log
from tools.synthesis.entities import EVIDENCE_CHARS_MAX, Entity, EntityKind
from tools.synthesis.wiring import Wiring

_VARIABLE = re2.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")


def _variables(text: str) -> Iterator[Entity]:
    for name in _VARIABLE.findall(text[:EVIDENCE_CHARS_MAX]):
        yield Entity(EntityKind.MENTION, name)


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    unset = as_config(finding, ConfigCategory.MISSING_ENV_VAR, ConfigCategory.ENV_MISMATCH)
    if unset is not None:
        yield from _variables(f"{unset.title} {unset.expected} {unset.actual}")


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failed = as_log(finding, LogCategory.BUG, LogCategory.CRASH)
    if failed is not None:
        yield from _variables(failed.evidence)


RULE = CausalRule(
    name="missing-variable-breaks-service",
    says="the failure names an environment variable that is not set as the code expects",
    causes=(ConfigCategory.MISSING_ENV_VAR, ConfigCategory.ENV_MISMATCH),
    effects=(LogCategory.BUG, LogCategory.CRASH),
    cause=_cause,
    effect=_effect,
    shared=False,
)
