"""Findings → the entities they are about: the keys on which findings of different agents meet.

An entity is a name of the audited system. Message ids, correlation ids, groups and what a server refuses everybody are
*strong*: two findings about the same one tell of the same thing. Services, streams and files are *weak*: many unrelated findings
share them, so they join findings only where a causal rule says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from tools import linear
from tools.findings.model import (
    ConfigFinding,
    Finding,
    LogFinding,
    Severity,
    StreamFinding,
    rank_of,
    stream_shown,
)
from tools.synthesis.wiring import Wiring

EVIDENCE_CHARS_MAX = 4000
"""How much of one finding's evidence is searched for names."""
WORDS_MAX = 400
"""How many different words of one finding's evidence count as mentions."""

_MESSAGE_ID = linear.compile(r"\b(\d{13}-\d{1,10})\b")
_SERVER_REFUSES = linear.compile(
    r"\b(OOM) command not allowed|\b(READONLY) You can't write|\b(LOADING) \w+ is loading|\b(MISCONF) \w+ is configured|"
    r"\b(CLUSTERDOWN) |\b(MASTERDOWN) "
)
"""Errors that say how a Redis server is, whoever asks."""
_REFUSALS = ("OOM ", "READONLY ", "LOADING ", "MISCONF ", "CLUSTERDOWN ", "MASTERDOWN ")
"""Without one of them in a text none of those errors is in it: looked for first, as most texts hold none."""
_ADDRESS_REFUSES = linear.compile(r"\bECONNREFUSED ([A-Za-z0-9_.:\[\]-]*:\d{2,5})\b")
# Python's own: every letter may end a word, so it cannot go back far, and re2 makes an object of each match.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:{}\-]*[A-Za-z0-9_}]")


class EntityKind(StrEnum):
    """What an entity is."""

    STREAM = "stream"
    GROUP = "group"
    SERVICE = "service"
    CORRELATION = "correlation id"
    MESSAGE = "message"
    REFUSAL = "refusal"
    """What a server answers to everybody (`OOM`), or the address that takes no connections."""
    FILE = "file"
    WAITING = "service that reads its answers,"
    """A service that asks the one concerned over a stream and reads what it writes; made by causal rules only."""
    MENTION = "mention of"
    """A word of the evidence; made by causal rules only."""
    ROLE = "service sign"
    """A service in one role (`billing: reads`, `mail: NOGROUP`); made by causal rules only."""

    __hash__ = str.__hash__  # Enum's own is a call in Python, and entities are looked up a million times


STRONG = (EntityKind.MESSAGE, EntityKind.CORRELATION, EntityKind.GROUP, EntityKind.REFUSAL)
"""Kinds whose sharing alone joins two findings, the most telling first."""


class Entity(NamedTuple):
    """One entity. `name` of a group is `stream/group`.

    `stream` is that of a group or message: names of Redis may hold any separator, and an id is one of its stream only.
    """

    kind: EntityKind
    name: str
    stream: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def stream(name: str) -> Entity:
    """A stream."""
    return Entity(EntityKind.STREAM, name)


def group(stream_name: str, group_name: str) -> Entity:
    """A consumer group of a stream."""
    return Entity(EntityKind.GROUP, f"{stream_name}/{group_name}", stream_name)


def service(name: str) -> Entity:
    """A service."""
    return Entity(EntityKind.SERVICE, name)


def message(message_id: str, stream_name: str = "") -> Entity:
    """An entry of a stream; of an id that no finding about a stream has the stream is not known."""
    return Entity(EntityKind.MESSAGE, message_id, stream_name)


def strong_entities_of(finding: Finding, wiring: Wiring) -> tuple[Entity, ...]:
    """The entities of a finding whose sharing alone joins findings."""
    return tuple(dict.fromkeys(_strong(finding, wiring)))


def messages_of(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    """The entries that a finding names.

    Ids are times, so that streams share them: a log line means the entry of the one stream that holds the id, of
    those that its service reads or writes where that is known. Where that does not decide, it joins no stream's.
    """
    if isinstance(finding, StreamFinding):
        yield from (message(name, stream_shown(finding)) for name in finding.message_ids)
    elif isinstance(finding, LogFinding):
        for name in message_ids_of(finding):
            holders = wiring.holders_of(name, finding.service)
            yield message(name, *holders) if len(holders) == 1 else message(name)


def _strong(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    if isinstance(finding, LogFinding):
        yield from messages_of(finding, wiring)
        if finding.correlation_id:
            yield Entity(EntityKind.CORRELATION, finding.correlation_id)
        yield from _refusals(finding)
    elif isinstance(finding, StreamFinding):
        yield from messages_of(finding, wiring)
        if finding.consumer_group:
            yield group(finding.stream, finding.consumer_group)
    elif isinstance(finding, ConfigFinding) and finding.consumer_group:
        yield from (group(name, finding.consumer_group) for name in finding.affected_streams)


def _refusals(finding: LogFinding) -> Iterator[Entity]:
    text = finding.evidence[:EVIDENCE_CHARS_MAX]
    if any(map(text.__contains__, _REFUSALS)):
        for match in _SERVER_REFUSES.finditer(text):
            yield Entity(EntityKind.REFUSAL, f"{next(filter(None, match.groups()))} by the server")
    if "ECONNREFUSED " in text:
        for match in _ADDRESS_REFUSES.finditer(text):
            yield Entity(EntityKind.REFUSAL, f"of connections to {match.group(1)}")


def message_ids_of(finding: Finding) -> tuple[str, ...]:
    """Stream entry ids that a finding names; for log findings also those in its evidence."""
    if isinstance(finding, StreamFinding):
        return finding.message_ids
    if not isinstance(finding, LogFinding):
        return ()
    named = (finding.stream_id,) if finding.stream_id else ()
    return tuple(dict.fromkeys((*named, *_ids_in(finding.evidence))))


@lru_cache(maxsize=16)
def _ids_in(evidence: str) -> tuple[str, ...]:
    """Several causal rules ask for those of one finding, one after the other."""
    return tuple(_MESSAGE_ID.findall(evidence[:EVIDENCE_CHARS_MAX]))


def words_of(finding: Finding) -> tuple[str, ...]:
    """Different names and words in a finding's evidence, in order, at most `WORDS_MAX`."""
    return words_in(finding.evidence)


@lru_cache(maxsize=16)
def words_in(text: str) -> tuple[str, ...]:
    """Different names and words in a text, in order, at most `WORDS_MAX`; quotes around them fall away."""
    words = dict.fromkeys(_WORD.findall(text[:EVIDENCE_CHARS_MAX]))
    return tuple(islice(words, WORDS_MAX))


def is_information(finding: Finding) -> bool:
    """Whether a finding is INFO: a fact that explains nothing and is no symptom of anything."""
    return rank_of(finding) >= Severity.INFO.rank
