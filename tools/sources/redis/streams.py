"""One look at many streams: the light pass, then lag, consumers, pending entries and samples where they matter.

What has not moved since the last look, by the server's own answers, is not worked out a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.records import GroupInfo, Lag, StreamInfo, StreamState, entry_key
from tools.sources.redis import lag as lags
from tools.sources.redis import reach, replies
from tools.sources.redis.allowlist import Question, question
from tools.sources.redis.deep_pending import DeepPending
from tools.sources.redis.ghosts import GhostFinder
from tools.sources.redis.look import CONSUMER_BYTES, KEPT_BYTES, Book, Key, Seen, SeenGroup
from tools.sources.redis.names import NameBook
from tools.sources.redis.pacing import Never, Pacer
from tools.sources.redis.pending import PendingReader
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.samples import Sampler

CONSUMERS_MAX = 1_000
"""Consumers of one group that are read: 10,000 cost the server 2 to 3 ms."""

GROUPS_ALWAYS = 5_000
"""Up to so many groups, the consumers of every one are read at every look."""

COUNT_BYTES_PER_POLL = 4_000_000
REACHES_MAX = 1_000
"""Groups behind their stream whose last read is looked at; three light commands each."""

SECOND_LOOKS = 3
SECOND_LOOK_GAP_S = 0.25
SECOND_LOOK_STREAMS = 100

_UNSEEN_BYTES = 1_000
"""A guess of the two replies for a stream that was never seen."""


def _default_limit(_stream: str, _group: str) -> int:
    return 100


@dataclass(frozen=True)
class LookLimits:
    """What decides how closely a look looks; times in ms. `lag_limit` says it per stream and group."""

    stuck_idle_ms: int = 30_000
    time_lag_ms: int = 500
    lag_recheck_ms: int = 5_000
    gap_ms: int = 120_000
    samples: bool = True
    """Whether entries are read to sample them."""
    lag_limit: Callable[[str, str], int] = _default_limit


class StreamReader:
    """Looks at streams, and remembers per group what makes the next look cheaper or surer."""

    def __init__(self, pacer: Pacer, clock: Clock, names: NameBook, limits: LookLimits) -> None:
        self._pacer, self._clock, self._names, self._limits = pacer, clock, names, limits
        self._books: dict[Key, Book] = {}
        self._asks: dict[bytes, Question] = {}
        self._seen: dict[bytes, Seen] = {}
        self._sizes: dict[bytes, int] = {}
        self._pending = PendingReader(pacer, limits.stuck_idle_ms, self._excuse)
        self._deep = DeepPending(pacer, limits.stuck_idle_ms, self._excuse)
        self._ghosts = GhostFinder(pacer, limits.stuck_idle_ms, self._excuse)
        self.sampler = Sampler(pacer, reads=limits.samples, name_of=names.text)
        self.refused: str | None = None
        """The server's words where the user may not see a stream."""

    def forget(self) -> None:
        """After a gap: nothing learned before counts."""
        self._books.clear()
        self._seen.clear()
        self._pending.forget()
        self._deep.forget()
        self._ghosts.forget()
        self.sampler.forget()

    def distrust(self) -> None:
        """Before a look: something may have moved groups, or the server's counters of them, alone."""
        lags.distrust(book.memory for book in self._books.values())
        for seen in self._seen.values():
            seen.counted = False

    def light(self, raws: Sequence[bytes]) -> list[Seen]:
        """XINFO STREAM and GROUPS of each stream; those that are gone are left out. Raises SourceUnavailable."""
        for raw in raws:
            if raw not in self._asks:
                self._asks[raw] = question(("XINFO", "STREAM", raw), ("XINFO", "GROUPS", raw))
        sizes = [self._sizes.get(raw, _UNSEEN_BYTES) for raw in raws]
        answers = self._pacer.each([self._asks[raw] for raw in raws], sizes)
        found = []
        for raw, stream, groups in zip(raws, answers, answers, strict=True):
            seen = self._seen.get(raw)
            if seen is None or seen.answers != (stream, groups):
                seen = self._parse(raw, stream, groups)
            if seen is not None:
                found.append(seen)
        return found

    def _parse(self, raw: bytes, stream: object, groups: object) -> Seen | None:
        self._seen.pop(raw, None)
        refused = next((item for item in (stream, groups) if isinstance(item, ReplyError)), None)
        if refused is not None:
            self._excuse(refused)
            return None
        info, first, last = replies.stream_info(stream)
        name = self._names.text(raw)
        made = [SeenGroup(self._book(raw, name, own, group), group) for own, group in replies.groups(groups)]
        seen = Seen(raw, name, info, first, last, made, (stream, groups))
        self._sizes[raw] = seen.reply_bytes
        if seen.entry_size <= KEPT_BYTES:
            self._seen[raw] = seen
        return seen

    def _book(self, raw: bytes, name: str, own: bytes, group: GroupInfo) -> Book:
        key = (raw, own)
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = Book(key, self._limits.lag_limit(name, group.name))
        return book

    def _excuse(self, error: ReplyError) -> None:
        """A stream may go between two commands, or not be ours to see; any other error hides all of them."""
        if error.forbidden:
            self.refused = error.text
        elif not error.gone:
            raise SourceUnavailable(
                f"streams on Redis at {self._pacer.client.address}",
                error.text,
                "The server must answer XINFO STREAM and XINFO GROUPS under these names.",
            )

    def states(self, seen: Sequence[Seen], *, honest: bool, whole: bool = True) -> tuple[StreamState, ...]:
        """The states of streams seen in the light pass, by name. `whole`: these are all that there are."""
        for item in seen:
            item.counted = item.counted and whole  # a second look counts again
        self._read_lags(seen, honest=honest)
        self._read_consumers(seen)
        groups = {group.book.key: group for item in seen for group in item.groups}
        sizes = {key: group.info.pending for key, group in groups.items() if group.info.pending}
        pages = self._ghosts.mark(seen, self._deep.add(sizes, self._pending.read(sizes)))
        for key, group in groups.items():
            group.pending, group.complete = pages.get(key, ((), group.info.pending == 0))
        if whole:
            self._keep(seen, groups, sizes)
            self.sampler.read({item.raw: (item.info, item.first, item.last) for item in seen})
        made = [self._state(item) for item in seen]
        return tuple(sorted(made, key=lambda state: state.name))

    def _keep(self, seen: Sequence[Seen], groups: Mapping[Key, SeenGroup], sizes: Mapping[Key, int]) -> None:
        """Forget what is gone."""
        self._pending.keep(sizes)
        self._deep.keep(sizes)
        if len(groups) < len(self._books):
            self._books = {key: group.book for key, group in groups.items()}
        if len(seen) < len(self._asks):
            there = {item.raw for item in seen}
            for known in (self._asks, self._seen, self._sizes):
                for raw in known.keys() - there:
                    del known[raw]

    def _state(self, item: Seen) -> StreamState:
        return StreamState(
            name=item.name,
            info=item.info,
            groups=tuple([group.state() for group in item.groups]),
            sample=self.sampler.sample(item.raw),
            database=self._pacer.client.database,
        )

    def _read_lags(self, seen: Sequence[Seen], *, honest: bool) -> None:
        tallies = [tally for item in seen for tally in self._derive_lags(item, honest=honest)]
        lags.count(self._pacer, [tally for _, _, tally in tallies], COUNT_BYTES_PER_POLL)
        for item, group, tally in tallies:
            group.lag = tally.lag
            if tally.first:
                group.waiting = tally.first, tally.info.last_generated_id
            if tally.lag is None or tally.lag.source == "bound":
                item.counted = False  # the next look tries again
            group.late_ms = lags.time_lag_ms(item.info, group.info, group.lag)
        self._look_again(list(self._judge_lags(seen)))

    def _derive_lags(self, item: Seen, *, honest: bool) -> Iterator[tuple[Seen, SeenGroup, lags.Tally]]:
        """What can be said without reading an entry; yields the groups whose entries must be counted."""
        if item.counted:
            for group in item.groups:
                group.moved = False
            return
        item.counted = True
        for group in item.groups:
            memory, info = group.book.memory, group.info
            group.moved = entry_key(info.last_delivered_id) != memory.last_delivered
            first = lags.first_waiting(item.info, info)
            group.waiting = (first, item.info.last_generated_id) if first else None
            group.lag = lag = lags.derive(item.info, info, honest=honest, memory=memory)
            group.late_ms = lags.time_lag_ms(item.info, info, lag)
            if lag is None or (lag.source == "server" and group.far):
                yield item, group, lags.Tally(item.raw, item.info, info, item.entry_size)

    def _judge_lags(self, seen: Sequence[Seen]) -> Iterator[Seen]:
        """Confirm what is above its limit, take the time lags; yields the streams worth a second look."""
        limit_ms = self._limits.time_lag_ms
        behind: list[tuple[Seen, SeenGroup]] = []
        for item in seen:
            for group in item.groups:
                group.time_lag_ms = group.late_ms
                if group.far or (group.late_ms or 0) > limit_ms:
                    behind.append((item, group))
                else:
                    group.book.memory.above_since_ms = None
        keys = [group.book.key for _, group in behind if group.info.consumers <= CONSUMERS_MAX]
        told = reach.read(self._pacer, keys[:REACHES_MAX])
        for item, group in behind:
            last = told.get(group.book.key)
            self._confirm(group, last)
            late = self._timely(group, last)
            if late and late > limit_ms and group.lag is not None and not group.far:
                yield item

    def _confirm(self, group: SeenGroup, last: reach.Reach | None) -> None:
        """A lag stands when the group was above its limit all the time; at its end in between, it was not."""
        lag, memory, waiting = group.lag, group.book.memory, group.waiting
        if lag is None or not group.far:
            memory.above_since_ms = None
            return
        now = self._clock.now_ms()
        since = memory.above_since_ms
        memory.above_since_ms = now if since is None else since
        at_end = waiting and last is not None and not last.left_behind(*waiting)
        if since is not None and at_end and group.moved:
            memory.above_since_ms = since = now
        confirmed = since is not None and now - since >= self._limits.lag_recheck_ms
        group.lag = Lag(messages=lag.messages, source=lag.source, at_most=lag.at_most, confirmed=confirmed)

    def _timely(self, group: SeenGroup, last: reach.Reach | None) -> int | None:
        """The time lag; that of the last read where one was made since the last look: a batch in the making is not late."""
        late = group.time_lag_ms
        if late and last is not None and group.moved:
            group.time_lag_ms = late = min(late, last.age_ms)
        return late

    def _look_again(self, slow: Sequence[Seen]) -> None:
        """Time lag is the least of a few looks: a group that works in batches reaches the end in one of them."""
        first = {item.raw: item for item in slow[:SECOND_LOOK_STREAMS]}
        for _ in range(SECOND_LOOKS if first else 0):
            self._clock.sleep_until(self._clock.monotonic() + SECOND_LOOK_GAP_S, Never())
            for item in self.light(list(first)):
                known = {group.book.key: group for group in first[item.raw].groups}
                for group in item.groups:
                    before = known.get(group.book.key)
                    late = lags.time_lag_ms(item.info, group.info, _at_end(item.info, group.info))
                    if before is not None and before.time_lag_ms is not None and late is not None:
                        before.time_lag_ms = min(before.time_lag_ms, late)

    def _read_consumers(self, seen: Sequence[Seen]) -> None:
        every = sum(len(item.groups) for item in seen) <= GROUPS_ALWAYS
        wanted = []
        for item in seen:
            for group in item.groups:
                group.consumers = None
                if group.info.consumers <= CONSUMERS_MAX and (every or group.needs_consumers):
                    wanted.append(group)
        sizes = [CONSUMER_BYTES * group.info.consumers for group in wanted]
        answers = self._pacer.each([group.book.ask_consumers for group in wanted], sizes)
        for group, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ReplyError):
                self._excuse(answer)
            else:
                group.consumers = tuple(replies.consumers(answer))
                group.book.consumers = group.info.consumers


def _at_end(info: StreamInfo, group: GroupInfo) -> Lag | None:
    """A lag of 0 where the group is at the end, else None."""
    last = info.last_entry_id
    if last is None or entry_key(group.last_delivered_id) >= entry_key(last):
        return Lag(messages=0, source="derived")
    return None


def raw_names(names: NameBook, wanted: Iterable[str]) -> list[bytes]:
    """The raw names behind texts; unknown ones are left out."""
    found: Mapping[str, bytes | None] = {name: names.raw(name) for name in wanted}
    return [raw for raw in found.values() if raw is not None]
