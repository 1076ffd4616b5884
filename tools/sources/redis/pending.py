"""Pages of a group's pending entries list (PEL): bounded, however long the list is.

The list is in id order, not in order of delivery. XPENDING with IDLE walks all of it, 70 us for each 1,000
entries, so it is asked only of short lists; long ones are paged, and the page goes on at the next poll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tools.sources.records import PendingEntry, entry_key
from tools.sources.redis.allowlist import Ask, Command, Form, Question
from tools.sources.redis.look import Key
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import pending

PAGE_ENTRIES = 100
IDLE_WALK_MAX = 2_000
ENTRY_BYTES = 70
"""A guess of what XPENDING sends for an entry."""
_WALK_BYTES = 28
"""As many bytes take the server as long to send as IDLE takes to walk over an entry: 0.07 us."""

WHOLE = Form("XPENDING", then=("-", "+", PAGE_ENTRIES))
"""All of a short list, by stream and group."""


class PendingReader:
    """Reads pages of many groups in batches; remembers how far the long lists are read.

    `on_error` is told each error reply; it may raise.
    """

    def __init__(self, pacer: Pacer, stuck_idle_ms: int, on_error: Callable[[ReplyError], None]) -> None:
        self._pacer = pacer
        self._on_error = on_error
        self._stuck_idle_ms = stuck_idle_ms
        self._cursors: dict[Key, str] = {}

    def read(self, sizes: Mapping[Key, int]) -> dict[Key, tuple[tuple[PendingEntry, ...], bool]]:
        """For each (stream, group) with its pending count: entries in id order, and whether they are all.

        Groups that are gone, or that the user may not read, are left out. Raises SourceUnavailable.
        """
        questions = [(key, size, ask) for key, size in sizes.items() for ask in self._asks(key, size)]
        guesses = [_guess(ask, size) for _, size, ask in questions]
        replies = self._pacer.each([ask for _, _, ask in questions], guesses)
        found: dict[Key, tuple[PendingEntry, ...]] = {}
        for (key, _, ask), reply in zip(questions, replies, strict=True):
            if isinstance(reply, ReplyError):
                self._on_error(reply)
                continue
            page = tuple(pending(reply))
            if sizes[key] > PAGE_ENTRIES and not isinstance(ask, Question):
                self._move_cursor(key, ask, page)
            found[key] = _joined(found[key], page) if key in found else page
        return {key: (page, len(page) >= sizes[key]) for key, page in found.items()}

    def forget(self) -> None:
        """After a gap: every list is read from its start again."""
        self._cursors.clear()

    def keep(self, sizes: Mapping[Key, int]) -> None:
        """Forget all groups whose lists are short or gone."""
        self._cursors = {key: at for key, at in self._cursors.items() if sizes.get(key, 0) > PAGE_ENTRIES}

    def _asks(self, key: Key, size: int) -> list[Ask]:
        if size <= PAGE_ENTRIES:
            return [WHOLE(*key)]
        asks: list[Ask] = [_page(key, "-")]
        if size <= IDLE_WALK_MAX:
            asks.append(("XPENDING", *key, "IDLE", self._stuck_idle_ms, "-", "+", PAGE_ENTRIES))
        cursor = self._cursors.get(key)
        if cursor is not None:
            asks.append(_page(key, f"({cursor}"))
        return asks

    def _move_cursor(self, key: Key, command: Command, page: Sequence[PendingEntry]) -> None:
        """The cursor starts behind the first page and starts again at the end of the list."""
        if command[3] == "IDLE":
            return
        if len(page) < PAGE_ENTRIES:
            self._cursors.pop(key, None)
        elif command[3] != "-" or key not in self._cursors:
            self._cursors[key] = page[-1].id


def _guess(ask: Ask, size: int) -> int:
    walk = 0 if isinstance(ask, Question) or ask[3] != "IDLE" else _WALK_BYTES * size
    return walk + ENTRY_BYTES * min(size, PAGE_ENTRIES)


def _page(key: Key, start: str) -> Command:
    return ("XPENDING", *key, start, "+", PAGE_ENTRIES)


def _joined(page: Iterable[PendingEntry], more: Iterable[PendingEntry]) -> tuple[PendingEntry, ...]:
    """Two pages as one, in id order; of an entry in both, what the second says."""
    entries = {entry.id: entry for entry in (*page, *more)}
    return tuple(sorted(entries.values(), key=lambda entry: entry_key(entry.id)))
