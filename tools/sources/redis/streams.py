"""One look at many streams: the light pass, then lag, consumers, pending entries and samples where they matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.records import (
    ConsumerInfo,
    GroupInfo,
    GroupState,
    Lag,
    PendingEntry,
    Poll,
    StreamInfo,
    StreamState,
    entry_key,
)
from tools.sources.redis import lag as lags
from tools.sources.redis import reach, replies
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

Key = tuple[bytes, bytes]


def _default_limit(_stream: str, _group: str) -> int:
    return 100


@dataclass(frozen=True)
class LookLimits:
    """What decides how closely a look looks; times in ms. `lag_limit` says it per stream and group."""

    stuck_idle_ms: int = 30_000
    time_lag_ms: int = 500
    lag_recheck_ms: int = 5_000
    gap_ms: int = 120_000
    lag_limit: Callable[[str, str], int] = _default_limit


@dataclass
class Seen:
    """A stream in the light pass."""

    raw: bytes
    name: str
    info: StreamInfo
    first: replies.Entry | None
    last: replies.Entry | None
    groups: list[tuple[bytes, GroupInfo]]

    @property
    def entry_size(self) -> int:
        """A guess of the bytes of an entry."""
        return max(replies.entry_bytes(self.first), replies.entry_bytes(self.last))


@dataclass
class _Parts:
    """What is known about the groups of one look, by key."""

    lag: dict[Key, Lag | None] = field(default_factory=dict)
    waiting: dict[Key, tuple[str, str]] = field(default_factory=dict)
    """The ids of the first and the last entry that wait, where they are known."""
    moved: set[Key] = field(default_factory=set)
    """Groups that were given something since the last look."""
    time_lag: dict[Key, int | None] = field(default_factory=dict)
    consumers: dict[Key, tuple[ConsumerInfo, ...]] = field(default_factory=dict)
    pending: dict[Key, tuple[tuple[PendingEntry, ...], bool]] = field(default_factory=dict)


class StreamReader:
    """Looks at streams, and remembers per group what makes the next look cheaper or surer."""

    def __init__(self, pacer: Pacer, clock: Clock, names: NameBook, limits: LookLimits) -> None:
        self._pacer, self._clock, self._names, self._limits = pacer, clock, names, limits
        self._memory: dict[Key, lags.GroupMemory] = {}
        self._sizes: dict[bytes, int] = {}
        self._pending = PendingReader(pacer, limits.stuck_idle_ms, self._excuse)
        self.sampler = Sampler(pacer)
        self.refused: str | None = None
        """The server's words where the user may not see a stream."""

    def forget(self) -> None:
        """After a gap: nothing learned before counts."""
        self._memory.clear()
        self._pending.forget()
        self.sampler.forget()

    def light(self, raws: Sequence[bytes]) -> list[Seen]:
        """XINFO STREAM and GROUPS of each stream; those that are gone are left out. Raises SourceUnavailable."""
        commands = [("XINFO", word, raw) for raw in raws for word in ("STREAM", "GROUPS")]
        sizes = [size for raw in raws for size in (self._sizes.get(raw, 0), 0)]
        answers = self._pacer.run(commands, sizes)
        found = []
        for raw, stream, groups in zip(raws, answers[::2], answers[1::2], strict=True):
            refused = next((item for item in (stream, groups) if isinstance(item, ReplyError)), None)
            if refused is not None:
                self._excuse(refused)
                continue
            info, first, last = replies.stream_info(stream)
            self._sizes[raw] = replies.entry_bytes(first) + replies.entry_bytes(last)
            name = self._names.text(raw)
            found.append(Seen(raw, name, info, first, last, list(replies.groups(groups))))
        return found

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

    def states(
        self, seen: Sequence[Seen], previous: Poll | None, *, honest: bool, whole: bool = True
    ) -> tuple[StreamState, ...]:
        """The states of streams seen in the light pass, by name. `whole`: these are all that there are."""
        parts = _Parts()
        self._read_lags(seen, parts, honest=honest)
        self._read_consumers(seen, parts, previous)
        sizes = {
            (item.raw, raw): group.pending for item in seen for raw, group in item.groups if group.pending
        }
        parts.pending = self._pending.read(sizes)
        if whole:
            self._pending.keep(sizes)
            keys = {(item.raw, raw): None for item in seen for raw, _ in item.groups}
            lags.forget(self._memory, keys)
            self._sizes = {item.raw: self._sizes[item.raw] for item in seen}
            self.sampler.read({item.raw: (item.info, item.first, item.last) for item in seen})
        made = [self._state(item, parts) for item in seen]
        return tuple(sorted(made, key=lambda state: state.name))

    def _state(self, item: Seen, parts: _Parts) -> StreamState:
        groups = []
        for raw, info in item.groups:
            key = (item.raw, raw)
            entries, complete = parts.pending.get(key, ((), info.pending == 0))
            groups.append(
                GroupState(
                    info=info,
                    lag=parts.lag.get(key),
                    time_lag_ms=parts.time_lag.get(key),
                    consumers=parts.consumers.get(key),
                    pending=entries,
                    pending_complete=complete,
                )
            )
        return StreamState(
            name=item.name,
            info=item.info,
            groups=tuple(groups),
            sample=self.sampler.sample(item.raw),
            database=self._pacer.client.database,
        )

    def _read_lags(self, seen: Sequence[Seen], parts: _Parts, *, honest: bool) -> None:
        tallies: dict[Key, lags.Tally] = {}
        for item in seen:
            for raw, group in item.groups:
                key = (item.raw, raw)
                memory = self._memory.setdefault(key, lags.GroupMemory())
                if entry_key(group.last_delivered_id) != memory.last_delivered:
                    parts.moved.add(key)
                if first := lags.first_waiting(item.info, group):
                    parts.waiting[key] = first, item.info.last_generated_id
                lag = lags.derive(item.info, group, honest=honest, memory=memory)
                limit = self._limits.lag_limit(item.name, group.name)
                if lag is None or (lag.source == "server" and lag.messages > limit):
                    tallies[key] = lags.Tally(item.raw, item.info, group, item.entry_size)
                parts.lag[key] = lag
        lags.count(self._pacer, list(tallies.values()), COUNT_BYTES_PER_POLL)
        parts.lag.update({key: tally.lag for key, tally in tallies.items()})
        for key, tally in tallies.items():
            if tally.first:
                parts.waiting[key] = tally.first, tally.info.last_generated_id
        self._look_again(list(self._judge_lags(seen, parts)), parts)

    def _judge_lags(self, seen: Sequence[Seen], parts: _Parts) -> Iterator[Seen]:
        """Confirm what is above its limit, take the time lags; yields the streams worth a second look."""
        behind: dict[Key, Seen] = {}
        for item in seen:
            for raw, group in item.groups:
                key, lag = (item.raw, raw), parts.lag[item.raw, raw]
                parts.time_lag[key] = late = lags.time_lag_ms(item.info, group, lag)
                far = lag is not None and lag.messages > self._limits.lag_limit(item.name, group.name)
                if (far or (late and late > self._limits.time_lag_ms)) and group.consumers <= CONSUMERS_MAX:
                    behind[key] = item
        told = reach.read(self._pacer, list(behind)[:REACHES_MAX])
        for item in seen:
            for raw, group in item.groups:
                key = (item.raw, raw)
                limit = self._limits.lag_limit(item.name, group.name)
                lag = parts.lag[key] = self._confirm(key, parts, limit, told.get(key))
                late = self._timely(key, parts, told.get(key))
                if late and late > self._limits.time_lag_ms and lag is not None and lag.messages <= limit:
                    yield item

    def _confirm(self, key: Key, parts: _Parts, limit: int, last: reach.Reach | None) -> Lag | None:
        """A lag stands when the group was above its limit all the time; at its end in between, it was not."""
        lag, memory, waiting = parts.lag[key], self._memory[key], parts.waiting.get(key)
        if lag is None or lag.messages <= limit:
            memory.above_since_ms = None
            return lag
        now = self._clock.now_ms()
        since = memory.above_since_ms
        memory.above_since_ms = now if since is None else since
        at_end = waiting and last is not None and not last.left_behind(*waiting)
        if since is not None and at_end and key in parts.moved:
            memory.above_since_ms = since = now
        confirmed = since is not None and now - since >= self._limits.lag_recheck_ms
        return Lag(messages=lag.messages, source=lag.source, at_most=lag.at_most, confirmed=confirmed)

    def _timely(self, key: Key, parts: _Parts, last: reach.Reach | None) -> int | None:
        """The time lag; that of the last read where one was made since the last look: a batch in the making is not late."""
        late = parts.time_lag[key]
        if late and last is not None and key in parts.moved:
            parts.time_lag[key] = late = min(late, last.age_ms)
        return late

    def _look_again(self, slow: Sequence[Seen], parts: _Parts) -> None:
        """Time lag is the least of a few looks: a group that works in batches reaches the end in one of them."""
        raws = list(dict.fromkeys(item.raw for item in slow))[:SECOND_LOOK_STREAMS]
        for _ in range(SECOND_LOOKS if raws else 0):
            self._clock.sleep_until(self._clock.monotonic() + SECOND_LOOK_GAP_S, Never())
            for item in self.light(raws):
                for raw, group in item.groups:
                    key = (item.raw, raw)
                    before = parts.time_lag.get(key)
                    late = lags.time_lag_ms(item.info, group, _at_end(item.info, group))
                    if before is not None and late is not None:
                        parts.time_lag[key] = min(before, late)

    def _read_consumers(self, seen: Sequence[Seen], parts: _Parts, previous: Poll | None) -> None:
        every = sum(len(item.groups) for item in seen) <= GROUPS_ALWAYS
        known_streams = {} if every or previous is None else {state.name: state for state in previous.streams}
        keys: list[Key] = []
        for item in seen:
            before = known_streams.get(item.name)
            for raw, group in item.groups:
                known = None if before is None else before.group(group.name)
                if group.consumers <= CONSUMERS_MAX and (
                    every or _needs_consumers(group, parts.lag[item.raw, raw], known)
                ):
                    keys.append((item.raw, raw))
        answers = self._pacer.run(("XINFO", "CONSUMERS", *key) for key in keys)
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, ReplyError):
                self._excuse(answer)
            else:
                parts.consumers[key] = tuple(replies.consumers(answer))


def _needs_consumers(group: GroupInfo, lag: Lag | None, before: GroupState | None) -> bool:
    behind = group.pending > 0 or lag is None or lag.messages > 0
    return behind or before is None or before.info.consumers != group.consumers


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
