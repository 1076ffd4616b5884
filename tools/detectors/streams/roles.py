"""What a stream is for, by its name, its owners' word and the code: dead-letter, reply or library stream."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import re2

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import NAMES_KEPT
from tools.sources.records import CodeIndex, CodeKind, plain_name

_WORDS = re2.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_DEAD = frozenset({"dlq", "dlx", "dls", "deadletter", "deadletters", "poison", "poisoned"})
_REPLY = frozenset({"reply", "replies", "response", "responses"})


def words(name: str) -> tuple[str, ...]:
    """The words of a name, lower-case: `order.deadLetters` is order, dead, letters."""
    return tuple(match.group(0).lower() for match in _WORDS.finditer(name))


def is_dead_letter(view: StreamView, stream: str) -> bool:
    """Whether failed messages are parked there."""
    return (
        plain_name(stream) in view.dead_letters
        or view.judgement.allows("dead_letter", stream=stream)
        or named_dead_letter(stream)
    )


@lru_cache(maxsize=NAMES_KEPT)
def named_dead_letter(name: str) -> bool:
    """Whether a stream's or function's name says dead-letter. `dead` alone, or `failed`, says nothing."""
    parts = words(name)
    pairs = {first + second for first, second in pairwise(parts)}
    return not _DEAD.isdisjoint(parts) or not _DEAD.isdisjoint(pairs)


def is_reply(stream: str) -> bool:
    """Whether answers to one asker are put there."""
    return not _REPLY.isdisjoint(words(stream))


def is_library(stream: str) -> bool:
    """Whether a library keeps the stream and reads it by XREAD: BullMQ's events."""
    parts = plain_name(stream).split(":")
    return len(parts) >= 3 and parts[0] == "bull" and parts[-1] == "events"


def needs_no_group(view: StreamView, stream: str) -> bool:
    """Whether a stream of this role is whole without a consumer group."""
    return is_dead_letter(view, stream) or is_reply(stream) or is_library(stream)


def dead_letters_in(index: CodeIndex) -> frozenset[str]:
    """Streams that the code writes in a function whose name says dead-letter."""
    return frozenset(
        use.stream.value
        for use in index.uses
        if use.kind is CodeKind.XADD
        and use.stream is not None
        and use.stream.value is not None
        and "{}" not in use.stream.value
        and named_dead_letter(use.function)
    )
