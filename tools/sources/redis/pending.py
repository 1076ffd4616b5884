"""Pages of a group's pending entries list (PEL): bounded, however long the list is.

The list is in id order, not in order of delivery. XPENDING with IDLE walks all of it, 70 us for each 1,000
entries, so it is asked only of short lists; long ones are paged, and the page goes on at the next poll.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.sources.records import PendingEntry, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import pending

PAGE_ENTRIES = 100
IDLE_WALK_MAX = 2_000

Key = tuple[bytes, bytes]


class PendingReader:
    """Reads pages of many groups in batches; remembers how far the long lists are read.

    `on_error` is told each error reply; it may raise.
    """

    def __init__(self, pacer: Pacer, stuck_idle_ms: int, on_error: Callable[[ReplyError], None]) -> None:
        self._pacer = pacer
        self._on_error = on_error
        self._stuck_idle_ms = stuck_idle_ms
        self._cursors: dict[Key, str] = {}

    def read(self, sizes: dict[Key, int]) -> dict[Key, tuple[tuple[PendingEntry, ...], bool]]:
        """For each (stream, group) with its pending count: entries in id order, and whether they are all.

        Groups that are gone, or that the user may not read, are left out. Raises SourceUnavailable.
        """
        questions = [(key, command) for key, size in sizes.items() for command in self._commands(key, size)]
        replies = self._pacer.run(command for _, command in questions)
        found: dict[Key, dict[str, PendingEntry]] = {}
        for (key, command), reply in zip(questions, replies, strict=True):
            if isinstance(reply, ReplyError):
                self._on_error(reply)
                continue
            page = list(pending(reply))
            self._move_cursor(key, command, page)
            found.setdefault(key, {}).update({entry.id: entry for entry in page})
        return {
            key: (
                tuple(sorted(page.values(), key=lambda entry: entry_key(entry.id))),
                len(page) >= sizes[key],
            )
            for key, page in found.items()
        }

    def forget(self) -> None:
        """After a gap: every list is read from its start again."""
        self._cursors.clear()

    def keep(self, sizes: dict[Key, int]) -> None:
        """Forget the cursors of all other groups."""
        self._cursors = {key: at for key, at in self._cursors.items() if key in sizes}

    def _commands(self, key: Key, size: int) -> list[Command]:
        stream, group = key
        commands: list[Command] = [("XPENDING", stream, group, "-", "+", PAGE_ENTRIES)]
        if size <= PAGE_ENTRIES:
            return commands
        if size <= IDLE_WALK_MAX:
            commands.append(("XPENDING", stream, group, "IDLE", self._stuck_idle_ms, "-", "+", PAGE_ENTRIES))
        cursor = self._cursors.get(key)
        if cursor is not None:
            commands.append(("XPENDING", stream, group, f"({cursor}", "+", PAGE_ENTRIES))
        return commands

    def _move_cursor(self, key: Key, command: Command, page: list[PendingEntry]) -> None:
        """The cursor starts behind the first page and starts again at the end of the list."""
        if command[3] == "IDLE":
            return
        if len(page) < PAGE_ENTRIES:
            self._cursors.pop(key, None)
        elif command[3] != "-" or key not in self._cursors:
            self._cursors[key] = page[-1].id
