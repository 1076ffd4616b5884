"""What lies deep in a long pending entries list: found within a stated number of polls, and kept in sight from then on.

A long list is swept page by page, at most 10,000 entries a poll over all lists: a list of n entries is seen whole
within n / 10,000 looks (rounded up) where it is the only one, and that many times the number of long lists at most. A
quiet poll, at which no client did anything, is no look; three in a row are the most.
What is found idle for too long or delivered again is watched: it is asked for by its id at every poll until it is gone
from the list. Its age in the rules so counts on, whatever page the sweep is at and whoever claims it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tools.sources.records import PendingEntry, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.pending import PAGE_ENTRIES
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import pending

SWEEP_ENTRIES_PER_POLL = 10_000
"""They cost the server 3 to 4 ms (0.35 us each), a page at a time with a pause after every other one."""

SWEEP_PAGE_ENTRIES = 250
WATCHED_PER_GROUP = 100
WATCHED_MAX = 1_000
_PAGE_BYTES = 35_000
"""Bytes that take the server as long to send as it takes for such a page: 0.09 ms."""

Key = tuple[bytes, bytes]
Page = tuple[tuple[PendingEntry, ...], bool]


class DeepPending:
    """Sweeps long lists and watches what it found there. Raises SourceUnavailable; `on_error` may raise too."""

    def __init__(self, pacer: Pacer, stuck_idle_ms: int, on_error: Callable[[ReplyError], None]) -> None:
        self._pacer, self._stuck_idle_ms, self._on_error = pacer, stuck_idle_ms, on_error
        self._cursors: dict[Key, str] = {}
        self._watched: dict[Key, dict[str, PendingEntry]] = {}
        self._turn = 0
        self.passed_over = 0
        """Lists that held something to watch and were left to the sweep at the last look, for there were too many."""

    def forget(self) -> None:
        """After a gap: every list is read from its start again."""
        self._cursors.clear()
        self._watched.clear()

    def keep(self, sizes: Mapping[Key, int]) -> None:
        """Forget groups that are gone, or have nothing pending."""
        self._cursors = {key: at for key, at in self._cursors.items() if key in sizes}
        self._watched = {key: found for key, found in self._watched.items() if key in sizes}

    def add(self, sizes: Mapping[Key, int], pages: Mapping[Key, Page]) -> dict[Key, Page]:
        """The pages, and with them what is watched of the rest of the long lists, in id order."""
        long = [key for key, size in sizes.items() if size > PAGE_ENTRIES and key in pages]
        on_page = {key: {entry.id: entry for entry in pages[key][0]} for key in long}
        found: dict[Key, dict[str, PendingEntry]] = {key: {} for key in long}
        for key, entry in self._sweep(long):
            if self._is_telling(entry):
                found[key][entry.id] = entry
        for key, entries in found.items():
            known = self._watched.get(key, {})
            entries |= {
                entry.id: entry
                for entry in on_page[key].values()
                if self._is_telling(entry) or entry.id in known
            }
        self._ask_again(found)
        telling = {key: entries for key, entries in found.items() if entries}
        found = _most_telling(telling)
        self.passed_over = len(telling) - len(found)
        room = max(min(WATCHED_PER_GROUP, WATCHED_MAX // max(len(found), 1)), 2)
        chosen = {key: self._chosen(key, entries, room) for key, entries in found.items()}
        # A second look at some groups says nothing of the others.
        self._watched = {key: known for key, known in self._watched.items() if key not in sizes} | chosen
        joined = {key: (_joined(pages[key][0], watched), pages[key][1]) for key, watched in chosen.items()}
        return {**pages, **joined}

    def _is_telling(self, entry: PendingEntry) -> bool:
        return entry.idle > self._stuck_idle_ms or entry.deliveries > 1

    def _sweep(self, keys: list[Key]) -> Iterator[tuple[Key, PendingEntry]]:
        """The next pages of each list, a page of each in turn, until the budget or every list is at its end."""
        start = self._turn % len(keys) if keys else 0
        left, waiting = SWEEP_ENTRIES_PER_POLL, keys[start:] + keys[:start]
        while waiting and left > 0:
            asked = waiting[: max(left // SWEEP_PAGE_ENTRIES, 1)]
            waiting = waiting[len(asked) :]
            self._turn += len(asked)  # the next poll goes on with the list after these
            for key, page in self._pages(asked):
                left -= len(page)
                if len(page) < SWEEP_PAGE_ENTRIES:
                    self._cursors.pop(key, None)
                else:
                    self._cursors[key] = page[-1].id
                    waiting.append(key)
                yield from ((key, entry) for entry in page)

    def _pages(self, keys: list[Key]) -> list[tuple[Key, list[PendingEntry]]]:
        commands: list[Command] = [
            (
                "XPENDING",
                *key,
                f"({self._cursors[key]}" if key in self._cursors else "-",
                "+",
                SWEEP_PAGE_ENTRIES,
            )
            for key in keys
        ]
        replies = self._pacer.run(commands, [_PAGE_BYTES] * len(commands))
        return [(key, self._entries(reply)) for key, reply in zip(keys, replies, strict=True)]

    def _entries(self, reply: object) -> list[PendingEntry]:
        if isinstance(reply, ReplyError):
            self._on_error(reply)
            return []
        return pending(reply)

    def _ask_again(self, found: Mapping[Key, dict[str, PendingEntry]]) -> None:
        """What is watched and was on no page of this poll: asked for by id, and dropped where it has left the list."""
        asked = [
            (key, entry_id)
            for key, entries in found.items()
            for entry_id in self._watched.get(key, {})
            if entry_id not in entries
        ]
        replies = self._pacer.run([("XPENDING", *key, entry_id, entry_id, 1) for key, entry_id in asked])
        for (key, _), reply in zip(asked, replies, strict=True):
            for entry in self._entries(reply):
                found[key][entry.id] = entry

    def _chosen(self, key: Key, entries: Mapping[str, PendingEntry], room: int) -> dict[str, PendingEntry]:
        """Those delivered most often, and the oldest deliveries; of these, who is watched already stays so."""
        known = self._watched.get(key, {})
        often = sorted(entries.values(), key=lambda entry: -entry.deliveries)[: room // 2]
        idle = sorted(entries.values(), key=lambda entry: (entry.id not in known, -entry.idle))[: room // 2]
        return {entry.id: entry for entry in (*often, *idle)}


def _most_telling(telling: dict[Key, dict[str, PendingEntry]]) -> dict[Key, dict[str, PendingEntry]]:
    """Of very many lists those with what was delivered most often, then longest ago."""
    if len(telling) <= WATCHED_MAX // 2:
        return telling
    ranks = {
        key: max((entry.deliveries, entry.idle) for entry in entries.values())
        for key, entries in telling.items()
    }
    first = sorted(ranks, key=lambda key: ranks[key], reverse=True)[: WATCHED_MAX // 2]
    return {key: telling[key] for key in first}


def _joined(page: tuple[PendingEntry, ...], watched: Mapping[str, PendingEntry]) -> tuple[PendingEntry, ...]:
    on_page = {entry.id for entry in page}
    more = [entry for entry in watched.values() if entry.id not in on_page]
    return tuple(sorted((*page, *more), key=_place)) if more else page


def _place(entry: PendingEntry) -> tuple[int, int]:
    return entry_key(entry.id)
