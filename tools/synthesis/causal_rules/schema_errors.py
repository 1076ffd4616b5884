"""Entries whose fields are not those that are agreed on explain errors of their readers that name such a field.

A reader is who the code says reads the stream, and who names an entry of it in the error.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_stream
from tools.synthesis.causal_rules.signs import FAILURES, failed_fields, failure_of
from tools.synthesis.entities import Entity, EntityKind, words_in
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    mixed = as_stream(finding, StreamCategory.SCHEMA_INCONSISTENCY)
    if mixed is not None:
        yield from _fields(mixed.stream, mixed.hypothesis, wiring)
    drift = as_config(finding, ConfigCategory.SCHEMA_DRIFT)
    if drift is not None:
        for name in drift.affected_streams:
            yield from _fields(name, f"{drift.title} {drift.expected} {drift.actual}", wiring)


def _fields(stream: str, said: str, wiring: Wiring) -> Iterator[Entity]:
    words = words_in(said)
    yield from (Entity(EntityKind.MENTION, f"{stream}: {word}", stream) for word in words)
    for reader in wiring.consumers.get(stream, ()):
        yield from (Entity(EntityKind.ROLE, f"{reader}: field {word}") for word in words)


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    found = failure_of(finding)
    if found is not None:
        failed, text = found
        fields = failed_fields(text)
        for entry in entities.messages_of(failed, wiring) if fields else ():
            if entry.stream:
                yield from (
                    Entity(EntityKind.MENTION, f"{entry.stream}: {name}", entry.stream) for name in fields
                )
        yield from (Entity(EntityKind.ROLE, f"{failed.service}: field {name}") for name in fields)


RULE = CausalRule(
    name="schema-drift-breaks-handlers",
    says="the service reads this stream, and fails for want of a field on which its entries differ",
    causes=(StreamCategory.SCHEMA_INCONSISTENCY, ConfigCategory.SCHEMA_DRIFT),
    effects=FAILURES,
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=ONE_LOOK_MS,
)
