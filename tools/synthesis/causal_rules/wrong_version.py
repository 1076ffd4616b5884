"""A version other than the one that is declared explains refused commands, and programs that refuse their runtime."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config
from tools.synthesis.causal_rules.signs import FAILURES, failure_of, is_old_runtime, unknown_command
from tools.synthesis.entities import Entity, EntityKind, words_in
from tools.synthesis.wiring import Wiring

_OLD_SERVER = Entity(EntityKind.ROLE, "server: older than declared")
_SERVER = "The server "
"""Begins the title of findings about the server's own version."""


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    differs = as_config(finding, ConfigCategory.VERSION_MISMATCH)
    if differs is None:
        return
    if differs.title.startswith(_SERVER):
        yield from (Entity(EntityKind.MENTION, word) for word in words_in(differs.actual) if word.isupper())
        yield _OLD_SERVER
    else:
        yield Entity(EntityKind.ROLE, f"{differs.service}: its runtime")


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is None:
        return
    failed, text = found
    command = unknown_command(text)
    if command is not None:
        if command:
            yield Entity(EntityKind.MENTION, command)
        yield _OLD_SERVER
    if is_old_runtime(text):
        yield Entity(EntityKind.ROLE, f"{failed.service}: its runtime")


RULE = CausalRule(
    name="wrong-version-breaks-service",
    says="what runs is another version than the one that the service was made for",
    causes=(ConfigCategory.VERSION_MISMATCH,),
    effects=FAILURES,
    cause=_cause,
    effect=_effect,
    shared=False,
)
