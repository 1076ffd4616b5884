"""Pending ids whose entry is trimmed or deleted: nobody can handle them any more, and XPENDING does not tell.

Two cases are certain without a command: an id before the first entry (or of an empty stream) is gone, and an id that
no XDEL reached is there, for trimming takes from the front. In between the entry is looked up, within bounds, and only
where the message has been pending for long: what is in hand may well be trimmed by a tight cap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from tools.sources.records import PendingEntry, StreamInfo, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import as_list

LOOKUPS_PER_POLL = 50
LOOKUP_BYTES_PER_POLL = 262_144
"""A look-up sends the entry with it. Entries that are bigger are looked up less often."""

KNOWN_MAX = 10_000
"""Results that are remembered, of all groups."""

Key = tuple[bytes, bytes]
Pages = Mapping[Key, tuple[tuple[PendingEntry, ...], bool]]


class Stream(Protocol):
    """What of a stream is needed: its raw name, XINFO STREAM, and a guess of the bytes of an entry."""

    @property
    def raw(self) -> bytes:
        """The name as the server has it."""
        ...

    @property
    def info(self) -> StreamInfo:
        """XINFO STREAM."""
        ...

    @property
    def entry_size(self) -> int:
        """Bytes."""
        ...


class GhostFinder:
    """Marks pending entries as gone or there; remembers what it looked up. Raises SourceUnavailable."""

    def __init__(self, pacer: Pacer, stuck_idle_ms: int, on_error: Callable[[ReplyError], None]) -> None:
        self._pacer, self._stuck_idle_ms, self._on_error = pacer, stuck_idle_ms, on_error
        self._known: dict[tuple[bytes, str], bool] = {}

    def forget(self) -> None:
        """After a gap: nothing looked up before counts."""
        self._known.clear()

    def mark(
        self, streams: Sequence[Stream], pages: Pages
    ) -> dict[Key, tuple[tuple[PendingEntry, ...], bool]]:
        """The same pages, with `gone` set where it is known."""
        by_name = {item.raw: item for item in streams} if pages else {}
        self._look_up(list(self._questions(by_name, pages)), by_name)
        return {
            key: (self._marked(key[0], by_name[key[0]].info, entries), whole)
            for key, (entries, whole) in pages.items()
        }

    def _questions(self, streams: Mapping[bytes, Stream], pages: Pages) -> Iterator[tuple[bytes, str]]:
        """Ids that only a look-up can tell, each stream's once."""
        asked: set[tuple[bytes, str]] = set()
        for (raw, _), (entries, _) in pages.items():
            for entry in () if _nothing_deleted(streams[raw].info) else entries:
                question = (raw, entry.id)
                if entry.idle <= self._stuck_idle_ms or self._known.get(question) or question in asked:
                    continue
                if _certain(streams[raw].info, entry.id) is None:
                    asked.add(question)
                    yield question

    def _look_up(self, questions: list[tuple[bytes, str]], streams: Mapping[bytes, Stream]) -> None:
        """As many as the budgets hold: first what was never looked up, then what was looked up the longest ago."""
        self._keep(questions)
        asked = set(questions)
        waiting = [question for question in questions if question not in self._known]
        waiting += [question for question in self._known if question in asked]
        chosen: list[tuple[bytes, str]] = []
        size = 0
        for question in waiting[:LOOKUPS_PER_POLL]:
            size += streams[question[0]].entry_size
            if chosen and size > LOOKUP_BYTES_PER_POLL:
                break
            chosen.append(question)
        commands: list[Command] = [("XRANGE", raw, entry_id, entry_id) for raw, entry_id in chosen]
        replies = self._pacer.run(commands, [streams[raw].entry_size for raw, _ in chosen])
        for question, reply in zip(chosen, replies, strict=True):
            self._known.pop(question, None)
            if not isinstance(reply, ReplyError):
                self._known[question] = not as_list(reply)
            elif not reply.forbidden:
                self._on_error(reply)

    def _keep(self, questions: list[tuple[bytes, str]]) -> None:
        """Forget what was found there: it may go. What is gone stays so, up to a limit."""
        asked = set(questions)
        self._known = {key: gone for key, gone in self._known.items() if gone or key in asked}
        while len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def _marked(
        self, raw: bytes, info: StreamInfo, entries: tuple[PendingEntry, ...]
    ) -> tuple[PendingEntry, ...]:
        """The entries with `gone` set; most often none is, and they are as they were."""
        gone = {entry.id for entry in entries if self._is_gone(raw, info, entry)}
        if not gone:
            return entries
        return tuple(
            msgspec.structs.replace(entry, gone=True) if entry.id in gone else entry for entry in entries
        )

    def _is_gone(self, raw: bytes, info: StreamInfo, entry: PendingEntry) -> bool:
        known = _certain(info, entry.id)
        return self._known.get((raw, entry.id), False) if known is None else known


def _certain(info: StreamInfo, entry_id: str) -> bool | None:
    """Whether the entry is gone, by position alone; None where only a look-up tells."""
    if info.first_entry_id is None or entry_key(entry_id) < entry_key(info.first_entry_id):
        return True
    deleted = _deleted(info)
    return False if deleted is not None and entry_key(entry_id) > deleted else None


def all_there(info: StreamInfo, entries: tuple[PendingEntry, ...]) -> bool:
    """Whether none of them, in id order, is gone, by position alone; the first is often that of the stream."""
    if not entries:
        return True
    if info.max_deleted_entry_id != "0-0":
        return False
    first = entries[0].id
    return first == info.first_entry_id or _certain(info, first) is False


def _nothing_deleted(info: StreamInfo) -> bool:
    """Whether no XDEL ever took an entry, by the server's word: then only the front can be gone."""
    return info.max_deleted_entry_id == "0-0"


def _deleted(info: StreamInfo) -> tuple[int, int] | None:
    """The highest id that XDEL took; None where the server does not tell (before 7.0)."""
    return None if info.max_deleted_entry_id is None else entry_key(info.max_deleted_entry_id)
