"""A group name that differs between code and server explains a group nobody reads, and NOGROUP errors."""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import ConfigCategory, Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_config, as_log, as_stream, as_unread_growth, reader_of
from tools.synthesis.entities import Entity, EntityKind, words_in
from tools.synthesis.wiring import Wiring

_REFUSED = "NOGROUP"


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    mismatch = as_config(finding, ConfigCategory.GROUP_NAME_MISMATCH)
    if mismatch is None:
        return
    named = words_in(f"{mismatch.title} {mismatch.expected} {mismatch.actual}")
    for name in mismatch.affected_streams:
        if mismatch.consumer_group:
            yield entities.group(name, mismatch.consumer_group)
        yield from (Entity(EntityKind.MENTION, f"{name}/{word}", name) for word in named)
        yield entities.stream(name)
    if mismatch.service not in {"", "unknown", "cross-service"}:
        yield Entity(EntityKind.ROLE, f"{mismatch.service}: {_REFUSED}")


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    dead = as_stream(finding, StreamCategory.DEAD_CONSUMER)
    if dead is not None and dead.consumer_group:
        yield Entity(EntityKind.MENTION, f"{dead.stream}/{dead.consumer_group}", dead.stream)
    # A group that the finding only lists may be read well enough and late for reasons of its own.
    late = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.STUCK_MESSAGE)
    if late is not None and late.consumer_group:
        yield entities.group(late.stream, late.consumer_group)
    unread = as_stream(finding, StreamCategory.NO_CONSUMER_GROUP) or as_unread_growth(finding)
    if unread is not None:
        yield reader_of(unread)
    refused = as_log(finding, LogCategory.BUG, LogCategory.CRASH, LogCategory.RETRY_STORM)
    if refused is not None and _REFUSED in refused.evidence:
        yield Entity(EntityKind.ROLE, f"{refused.service}: {_REFUSED}")


RULE = CausalRule(
    name="group-name-mismatch-leaves-stream-unread",
    says="code and server name different groups, so the group that exists has no reader",
    causes=(ConfigCategory.GROUP_NAME_MISMATCH,),
    effects=(
        StreamCategory.DEAD_CONSUMER,
        StreamCategory.CONSUMER_LAG,
        StreamCategory.STUCK_MESSAGE,
        StreamCategory.NO_CONSUMER_GROUP,
        StreamCategory.STREAM_GROWING,
        LogCategory.BUG,
        LogCategory.CRASH,
        LogCategory.RETRY_STORM,
    ),
    cause=_cause,
    effect=_effect,
)
