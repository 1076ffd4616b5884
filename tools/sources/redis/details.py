"""Consumers and pending entries of the groups in a look.

Of many groups, those that have not moved are read at every fourth look: nothing was delivered, acknowledged or added
since, so only idle times and claims can be others, and idle times are aged meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.clock import Clock
from tools.sources.redis import replies
from tools.sources.redis.deep_pending import DeepPending
from tools.sources.redis.ghosts import GhostFinder
from tools.sources.redis.look import CONSUMER_BYTES, CONSUMERS_MAX, Key, Seen, SeenGroup
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.pending import PAGE_ENTRIES, PendingReader
from tools.sources.redis.readonly import ReplyError

GROUPS_ALWAYS = 5_000
"""Up to so many groups, the consumers and pending entries of every one are read at every look."""

TURNS = 4
"""Of more, those that stand still are read at one look of so many, as everything is in a quiet spell."""


class DetailReader:
    """Reads the details of groups. Raises SourceUnavailable; `on_error` is told error replies, and may raise too."""

    def __init__(
        self, pacer: Pacer, clock: Clock, limits: LookLimits, on_error: Callable[[ReplyError], None]
    ) -> None:
        self._pacer, self._clock, self._on_error = pacer, clock, on_error
        self._pending = PendingReader(pacer, limits.stuck_idle_ms, on_error)
        self._deep = DeepPending(pacer, limits.stuck_idle_ms, on_error)
        self._ghosts = GhostFinder(pacer, limits.stuck_idle_ms, on_error)
        self._turn = 0

    def forget(self) -> None:
        """After a gap: nothing learned before counts."""
        self._pending.forget()
        self._deep.forget()
        self._ghosts.forget()

    def read(self, seen: Sequence[Seen], *, whole: bool) -> None:
        """Set consumers and pending entries. `whole`: these streams are all that there are."""
        many = sum(len(item.groups) for item in seen) > GROUPS_ALWAYS
        self._turn += whole
        groups = [
            group
            for number, item in enumerate(seen)
            for group in item.groups
            if not (many and whole and self._may_wait(group, number))
        ]
        for group in groups:
            group.consumers, group.waited = None, 0
        self._read_consumers(groups)
        self._read_pending(seen, groups, whole=whole)

    def _may_wait(self, group: SeenGroup, number: int) -> bool:
        """Whether what was read of it at one of the last looks will do; a part of the streams has its turn at each."""
        due = number % TURNS == self._turn % TURNS or group.waited >= TURNS - 1
        if group.read_ms is None or due or group.info.pending > PAGE_ENTRIES:
            group.waited = 0
            return False
        group.waited += 1
        return True

    def _read_consumers(self, groups: Sequence[SeenGroup]) -> None:
        wanted = [group for group in groups if group.info.consumers <= CONSUMERS_MAX]
        sizes = [CONSUMER_BYTES * group.info.consumers for group in wanted]
        answers = self._pacer.each([group.book.ask_consumers for group in wanted], sizes)
        for group, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ReplyError):
                self._on_error(answer)
            else:
                group.consumers = tuple(replies.consumers(answer))
            group.read_ms = self._clock.now_ms()

    def _read_pending(self, seen: Sequence[Seen], groups: Sequence[SeenGroup], *, whole: bool) -> None:
        sizes: dict[Key, int] = {group.book.key: group.info.pending for group in groups if group.info.pending}
        pages = self._ghosts.mark(seen, self._deep.add(sizes, self._pending.read(sizes)))
        now = self._clock.now_ms()
        for group in groups:
            group.pending, group.complete = pages.get(group.book.key, ((), group.info.pending == 0))
            if group.info.pending or group.read_ms is None:
                group.read_ms = now
        if whole:
            there = {
                group.book.key: group.info.pending
                for item in seen
                for group in item.groups
                if group.info.pending
            }
            self._pending.keep(there)
            self._deep.keep(there)
