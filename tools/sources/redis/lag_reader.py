"""Lag and time lag of every group in a look: derived, counted, confirmed by a second look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tools.clock import Clock
from tools.sources.records import GroupInfo, Lag, StreamInfo, entry_key
from tools.sources.redis import lag as lags
from tools.sources.redis import reach
from tools.sources.redis.look import CONSUMER_BYTES, CONSUMERS_MAX, GROUP_BYTES, Seen, SeenGroup
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.pacing import Never, Pacer

COUNT_BYTES_PER_POLL = 16_000_000
"""What is not reached is a bound, and its turn comes at the next poll: what has not moved is not counted again."""

SMALL_COUNT_BYTES_PER_POLL = 4_000_000
SMALL_COUNTS_PER_POLL = 240
"""The same of groups whose lag cannot be above their limit: no claim waits for it, so many are counted by and by."""

REACHES_MAX = 1_000
"""Groups behind their stream whose last read is looked at; three light commands each. Those above their limit come
first, by turns; one that was not asked for is not confirmed."""

SECOND_LOOKS = 3
SECOND_LOOK_GAP_S = 0.25
SECOND_LOOK_STREAMS = 100


class _Plan:
    """What is counted at this look: once for all groups of a stream that stand at the same entry."""

    def __init__(self) -> None:
        self.urgent: list[lags.Tally] = []
        self.small: list[lags.Tally] = []
        self.groups: list[tuple[Seen, SeenGroup, lags.Tally]] = []
        self._tallies: dict[tuple[bytes, str], lags.Tally] = {}
        self._waiting: list[tuple[Seen, SeenGroup]] = []

    def add(self, item: Seen, group: SeenGroup) -> None:
        """Count this one; if even all entries but one would be within its limit, as far as their budget goes."""
        if item.info.length - 1 <= group.book.limit:
            self._waiting.append((item, group))
        else:
            self._count(item, group, self.urgent)

    def end(self) -> None:
        """Choose among those that need not be counted now: who waited longest comes first."""
        if len(self._waiting) > SMALL_COUNTS_PER_POLL:
            self._waiting.sort(key=_waited, reverse=True)
        planned = 0
        for item, group in self._waiting:
            is_full = planned >= SMALL_COUNT_BYTES_PER_POLL or len(self.small) >= SMALL_COUNTS_PER_POLL
            if is_full and (item.raw, group.info.last_delivered_id) not in self._tallies:
                group.lag, group.counted = lags.uncounted(item.info), False
                group.late_ms = lags.time_lag_ms(item.info, group.info, group.lag)
                group.book.uncounted += 1
                continue
            group.book.uncounted = 0
            planned += self._count(item, group, self.small)

    def _count(self, item: Seen, group: SeenGroup, among: list[lags.Tally]) -> int:
        """Plan to count it; returns how many bytes more that is."""
        place, size = (item.raw, group.info.last_delivered_id), 0
        tally = self._tallies.get(place)
        if tally is None:
            tally = self._tallies[place] = lags.Tally(item.raw, item.info, group.info, item.entry_size)
            among.append(tally)
            size = tally.rest_bytes
        self.groups.append((item, group, tally))
        return size


def _waited(pair: tuple[Seen, SeenGroup]) -> int:
    return pair[1].book.uncounted


class LagReader:
    """Sets the lags of what the light pass saw; `light` looks at streams once more. Raises SourceUnavailable."""

    def __init__(
        self, pacer: Pacer, clock: Clock, limits: LookLimits, light: Callable[[Sequence[bytes]], list[Seen]]
    ) -> None:
        self._pacer, self._clock, self._limits, self._light = pacer, clock, limits, light
        self._turn = 0

    def read(self, seen: Sequence[Seen], *, honest: bool) -> None:
        """Set the lags and time lags of all groups. Raises SourceUnavailable."""
        plan = _Plan()
        for item in seen:
            for group in item.groups:
                if group.counted:
                    group.moved = False
                elif self._must_be_counted(item, group, honest=honest):
                    plan.add(item, group)
        plan.end()
        self._count(plan)
        self._look_again(list(self._judge_lags(seen)))

    def _count(self, plan: _Plan) -> None:
        left = COUNT_BYTES_PER_POLL - lags.count(self._pacer, plan.urgent, COUNT_BYTES_PER_POLL)
        lags.count(self._pacer, plan.small, min(left, SMALL_COUNT_BYTES_PER_POLL))
        for item, group, tally in plan.groups:
            if tally.first:
                group.waiting = tally.first, tally.info.last_generated_id
            group.lag = lag = tally.lag
            group.counted = lag is not None and lag.source != "bound"  # of a bound the next look tries again
            group.late_ms = lags.time_lag_ms(item.info, group.info, lag)

    def _must_be_counted(self, item: Seen, group: SeenGroup, *, honest: bool) -> bool:
        """Set what can be said without reading an entry; whether that is too little."""
        group.counted = True
        memory, info = group.book.memory, group.info
        group.moved = entry_key(info.last_delivered_id) != memory.last_delivered
        first = lags.first_waiting(item.info, info)
        group.waiting = (first, item.info.last_generated_id) if first else None
        group.lag = lag = lags.derive(item.info, info, honest=honest, memory=memory)
        if lag is None or (lag.source == "server" and group.far):
            return True
        group.late_ms = lags.time_lag_ms(item.info, info, lag)
        return False

    def _judge_lags(self, seen: Sequence[Seen]) -> Iterator[Seen]:
        """Confirm what is above its limit, take the time lags; yields the streams worth a second look."""
        limit_ms = self._limits.time_lag_ms
        behind: list[tuple[Seen, SeenGroup]] = []
        for item in seen:
            for group in item.groups:
                group.time_lag_ms = late_ms = group.late_ms
                if (late_ms is not None and late_ms > limit_ms) or group.far:
                    behind.append((item, group))
                else:
                    group.book.memory.above_since_ms = None
        asked = self._chosen(behind)
        sizes = [
            GROUP_BYTES * len(item.groups) + CONSUMER_BYTES * group.info.consumers for item, group in asked
        ]
        told = reach.read(self._pacer, [group.book.key for _, group in asked], sizes)
        known = {group.book.key for _, group in asked}
        for item, group in behind:
            last = told.get(group.book.key)
            is_known = group.book.key in known or group.info.consumers > CONSUMERS_MAX
            self._confirm(group, last, is_known=is_known)
            late = self._timely(group, last, is_known=is_known)
            if late and late > limit_ms and group.lag is not None and not group.far:
                yield item

    def _chosen(self, behind: Sequence[tuple[Seen, SeenGroup]]) -> list[tuple[Seen, SeenGroup]]:
        """Those whose last read is looked at."""
        can = [pair for pair in behind if pair[1].info.consumers <= CONSUMERS_MAX]
        if len(can) <= REACHES_MAX:
            return can
        self._turn += 1
        start = self._turn * REACHES_MAX % len(can)
        return sorted(can[start:] + can[:start], key=lambda pair: not pair[1].far)[:REACHES_MAX]

    def _confirm(self, group: SeenGroup, last: reach.Reach | None, *, is_known: bool) -> None:
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
        is_sure = is_known or not group.moved  # one that was given nothing since has not been at its end
        confirmed = is_sure and since is not None and now - since >= self._limits.lag_recheck_ms
        group.lag = Lag(messages=lag.messages, source=lag.source, at_most=lag.at_most, confirmed=confirmed)

    def _timely(self, group: SeenGroup, last: reach.Reach | None, *, is_known: bool) -> int | None:
        """The time lag; that of the last read where one was made since the last look: a batch in the making is not late.

        None where a read was made and nobody asked for it.
        """
        late = group.time_lag_ms
        if group.moved and not is_known:
            group.time_lag_ms = late = None
        if late and last is not None and group.moved:
            group.time_lag_ms = late = min(late, last.age_ms)
        return late

    def _look_again(self, slow: Sequence[Seen]) -> None:
        """Time lag is the least of a few looks: a group that works in batches reaches the end in one of them."""
        first = {item.raw: item for item in slow[:SECOND_LOOK_STREAMS]}
        for _ in range(SECOND_LOOKS if first else 0):
            self._clock.sleep_until(self._clock.monotonic() + SECOND_LOOK_GAP_S, Never())
            for item in self._light(list(first)):
                known = {group.book.key: group for group in first[item.raw].groups}
                for group in item.groups:
                    before = known.get(group.book.key)
                    late = lags.time_lag_ms(item.info, group.info, _at_end(item.info, group.info))
                    if before is not None and before.time_lag_ms is not None and late is not None:
                        before.time_lag_ms = min(before.time_lag_ms, late)


def _at_end(info: StreamInfo, group: GroupInfo) -> Lag | None:
    """A lag of 0 where the group is at the end, else None."""
    last = info.last_entry_id
    if last is None or entry_key(group.last_delivered_id) >= entry_key(last):
        return Lag(messages=0, source="derived")
    return None
