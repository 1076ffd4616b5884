"""A stream that nobody declared, or that no group reads, explains that it only grows."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_stream, as_unread_growth, reader_of
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    unread = as_stream(finding, StreamCategory.NO_CONSUMER_GROUP)
    if unread is not None:
        yield entities.stream(unread.stream)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    growing = as_unread_growth(finding)
    if growing is not None:
        yield reader_of(growing)


def _rogue_cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    rogue = as_config(finding, ConfigCategory.ROGUE_STREAM)
    if rogue is not None and rogue.consumer_group is None:
        yield from map(entities.stream, rogue.affected_streams)


def _rogue_effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    undocumented = as_config(finding, ConfigCategory.MISSING_SCHEMA)
    if undocumented is not None:
        yield from map(entities.stream, undocumented.affected_streams)
    unread = as_stream(finding, StreamCategory.NO_CONSUMER_GROUP, StreamCategory.ORPHANED_STREAM)
    unread = unread or as_unread_growth(finding)
    if unread is not None:
        yield reader_of(unread)


RULE = CausalRule(
    name="unread-stream-grows",
    says="no group reads this stream, so nothing ever takes its entries",
    causes=(StreamCategory.NO_CONSUMER_GROUP,),
    effects=(StreamCategory.STREAM_GROWING,),
    cause=_cause,
    effect=_effect,
)
ROGUE = CausalRule(
    name="rogue-stream-has-no-reader",
    says="the stream appeared during the session and nothing declares or reads it",
    causes=(ConfigCategory.ROGUE_STREAM,),
    effects=(
        ConfigCategory.MISSING_SCHEMA,
        StreamCategory.NO_CONSUMER_GROUP,
        StreamCategory.ORPHANED_STREAM,
        StreamCategory.STREAM_GROWING,
    ),
    cause=_rogue_cause,
    effect=_rogue_effect,
)
