"""Entries that do not have the shape their reader expects explain that it fails on them."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_stream, is_dead_letter
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    mixed = as_stream(finding, StreamCategory.SCHEMA_INCONSISTENCY)
    if mixed is not None:
        yield entities.stream(mixed.stream)
    drift = as_config(finding, ConfigCategory.SCHEMA_DRIFT)
    if drift is not None:
        yield from map(entities.stream, drift.affected_streams)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield entities.stream(failing.stream)


RULE = CausalRule(
    name="mixed-schemas-break-readers",
    says="entries of this stream have different shapes, and the reader fails on some",
    causes=(StreamCategory.SCHEMA_INCONSISTENCY, ConfigCategory.SCHEMA_DRIFT),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_cause,
    effect=_effect,
    lead_ms=ONE_LOOK_MS,
)
