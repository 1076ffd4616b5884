"""Consumers and pending entries of the groups in a look.

Of many groups, those that have not moved are read at every fourth look: nothing was delivered, acknowledged or added
since, so only idle times and claims can be others, and idle times are aged meanwhile. Where the server has counted
no call since that could change even these, they are read at every sixteenth look. A consumer that waits in a read made
a call that is not counted yet, so ages are told only up to the limits of rules: a group is read anew before one of its
consumers or pending entries passes its limit, and where the clients are listed, if one began to wait after it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.clock import Clock
from tools.sources.redis import replies
from tools.sources.redis.allowlist import Form, Question
from tools.sources.redis.deep_pending import DeepPending, Page
from tools.sources.redis.ghosts import GhostFinder, all_there
from tools.sources.redis.look import CONSUMER_BYTES, CONSUMERS_MAX, Key, Seen, SeenGroup
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.pending import ENTRY_BYTES, PAGE_ENTRIES, WHOLE, PendingReader
from tools.sources.redis.readonly import Reply, ReplyError

GROUPS_ALWAYS = 5_000
"""Up to so many groups, the consumers and pending entries of every one are read at every look."""

TURNS = 4
"""Of more, those that stand still are read at one look of so many, as everything is in a quiet spell."""

UNTOUCHED_TURNS = 16
"""The same of those whose consumers and pending entries nobody has touched either."""


_CONSUMERS = Form("XINFO", "CONSUMERS")
_TOGETHER = _CONSUMERS.pair_beside(WHOLE)

_Doubtful = dict[Key, tuple[SeenGroup, Page]]
"""Groups with pending entries that may be gone."""


class DetailReader:
    """Reads the details of groups. Raises SourceUnavailable; `on_error` is told error replies, and may raise too."""

    def __init__(
        self, pacer: Pacer, clock: Clock, limits: LookLimits, on_error: Callable[[ReplyError], None]
    ) -> None:
        self._pacer, self._clock, self._on_error = pacer, clock, on_error
        self._stuck_idle_ms = limits.stuck_idle_ms
        self._pending = PendingReader(pacer, limits.stuck_idle_ms, on_error)
        self._deep = DeepPending(pacer, limits.stuck_idle_ms, on_error)
        self._ghosts = GhostFinder(pacer, limits.stuck_idle_ms, on_error)
        self._turn = self._touched = 0
        self.due_ms: int | None = None
        """When the first of what is known will pass its limit, ms since epoch."""

    @property
    def passed_over(self) -> int:
        """As in `DeepPending`."""
        return self._deep.passed_over

    def forget(self) -> None:
        """After a gap: nothing learned before counts."""
        self.due_ms = None
        self._pending.forget()
        self._deep.forget()
        self._ghosts.forget()

    def read(
        self, seen: Sequence[Seen], *, whole: bool, touched: bool, waits_since_ms: int | None = None
    ) -> None:
        """Set consumers and pending entries. `whole`: these streams are all that there are.

        `touched`: something was done since the last look that may show there alone. `waits_since_ms`: when the last of
        the clients that wait in a read began to, where they were listed for this look.
        """
        many = sum(len(item.groups) for item in seen) > GROUPS_ALWAYS
        self._turn += whole
        if touched and whole:
            self._touched = self._turn
        now_ms = self._clock.now_ms()
        together, apart = list[tuple[Seen, SeenGroup]](), list[tuple[Seen, SeenGroup]]()
        for number, item in enumerate(seen):
            for group in item.groups:
                info = group.info
                if many and whole and group.read_ms is not None and self._may_wait(group, number, now_ms):
                    began_after = waits_since_ms is not None and group.read_ms <= waits_since_ms
                    if not (began_after and group.is_idle(now_ms)):
                        group.waited += 1
                        continue
                group.consumers, group.waited = None, 0
                short = 0 < info.pending <= PAGE_ENTRIES and info.consumers <= CONSUMERS_MAX
                (together if short else apart).append((item, group))
        doubtful = self._read_together(together) | self._read_apart(apart)
        for key, page in self._ghosts.mark(seen, {key: page for key, (_, page) in doubtful.items()}).items():
            doubtful[key][0].pending = page[0]
        for _, group in (*together, *apart):
            group.set_due(self._stuck_idle_ms)
        if whole:
            every = [group.due_ms for item in seen for group in item.groups if group.due_ms is not None]
            self.due_ms = min(every, default=None)
            self._keep(seen)

    def _may_wait(self, group: SeenGroup, number: int, now_ms: int) -> bool:
        """Whether what was read of it at one of the last looks will do; a part of the streams has its turn at each."""
        touched = self._touched >= self._turn - group.waited
        turns = TURNS if touched else UNTOUCHED_TURNS
        due = number % turns == self._turn % turns or group.waited >= turns - 1
        passes = group.due_ms is not None and now_ms >= group.due_ms
        return not (due or passes or group.info.pending > PAGE_ENTRIES)

    def _read_together(self, wanted: Sequence[tuple[Seen, SeenGroup]]) -> _Doubtful:
        """Consumers and short pending entries lists, each group's in one question."""
        sizes: list[int] = []
        asks: list[Question] = []
        for _, group in wanted:
            book, info = group.book, group.info
            if book.details is None:
                book.details = _TOGETHER(*book.key)
            asks.append(book.details)
            sizes.append(CONSUMER_BYTES * info.consumers + ENTRY_BYTES * info.pending)
        answers = self._pacer.each(asks, sizes)
        doubtful: _Doubtful = {}
        for (item, group), consumers, answer in zip(wanted, answers, answers, strict=True):
            self._take_consumers(group, consumers)
            page: Page = ((), False)
            if isinstance(answer, ReplyError):
                self._on_error(answer)
            else:
                entries = tuple(replies.pending(answer))
                page = entries, len(entries) >= group.info.pending
            group.pending, group.complete = page
            if not all_there(item.info, page[0]):
                doubtful[group.book.key] = group, page
        return doubtful

    def _read_apart(self, groups: Sequence[tuple[Seen, SeenGroup]]) -> _Doubtful:
        """Consumers where they are not too many, then pages of pending entries lists, and what is watched of long ones."""
        wanted = [group for _, group in groups if group.info.consumers <= CONSUMERS_MAX]
        sizes = [CONSUMER_BYTES * group.info.consumers for group in wanted]
        answers = self._pacer.each([_CONSUMERS(*group.book.key) for group in wanted], sizes)
        for group, answer in zip(wanted, answers, strict=True):
            self._take_consumers(group, answer)
        counts = {group.book.key: group.info.pending for _, group in groups if group.info.pending}
        pages = self._deep.add(counts, self._pending.read(counts)) if counts else {}
        now_ms = self._clock.now_ms()
        doubtful: _Doubtful = {}
        for item, group in groups:
            page = pages.get(group.book.key, ((), group.info.pending == 0))
            group.pending, group.complete = page
            if group.info.pending or group.read_ms is None:
                group.read_ms = now_ms
            if not all_there(item.info, page[0]):
                doubtful[group.book.key] = group, page
        return doubtful

    def _take_consumers(self, group: SeenGroup, answer: Reply) -> None:
        if isinstance(answer, ReplyError):
            self._on_error(answer)
        else:
            group.consumers = tuple(replies.consumers(answer))
        group.read_ms = self._clock.now_ms()

    def _keep(self, seen: Sequence[Seen]) -> None:
        """Forget lists that are gone, or short."""
        long = {
            group.book.key: group.info.pending
            for item in seen
            for group in item.groups
            if group.info.pending > PAGE_ENTRIES
        }
        self._pending.keep(long)
        self._deep.keep(long)
