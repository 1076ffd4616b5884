"""Entries that do not have the shape their reader expects explain that it fails on them.

They meet in the entry: one of those that were seen to differ is one that fails. That other entries of the stream
differ may be so as well and decides nothing: most readers get along with two shapes, and handlers fail for many reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_stream, is_dead_letter
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _entries(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    mixed = as_stream(finding, StreamCategory.SCHEMA_INCONSISTENCY)
    if mixed is not None:
        yield from entities.messages_of(mixed, wiring)


def _stream(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    mixed = as_stream(finding, StreamCategory.SCHEMA_INCONSISTENCY)
    if mixed is not None:
        yield entities.stream(mixed.stream)
    drift = as_config(finding, ConfigCategory.SCHEMA_DRIFT)
    if drift is not None:
        yield from map(entities.stream, drift.affected_streams)


def _failing(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield from entities.messages_of(failing, wiring)


def _read(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield entities.stream(failing.stream)


RULE = CausalRule(
    name="odd-entry-breaks-reader",
    says="this entry has another shape than others of its stream, and the reader fails on it",
    causes=(StreamCategory.SCHEMA_INCONSISTENCY,),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_entries,
    effect=_failing,
    lead_ms=ONE_LOOK_MS,
)
MIXED = CausalRule(
    name="mixed-schemas-break-readers",
    says="entries of this stream have different shapes, and the reader fails on some",
    causes=(StreamCategory.SCHEMA_INCONSISTENCY, ConfigCategory.SCHEMA_DRIFT),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_stream,
    effect=_read,
    lead_ms=ONE_LOOK_MS,
    decides=False,
)
