"""Pending entries lists read to their end, for the last look of a session.

The shortest come first, so that a budget leaves as few groups as possible unfinished. An entry is asked for once: each
page begins behind the last id of the one before. What is acknowledged, claimed or added meanwhile shows as it is when
its page is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from tools.clock import NEVER, Clock, StopSignal
from tools.errors import SourceUnavailable
from tools.sources.records import GroupState, PendingEntry, Poll, StreamState, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.look import GROUP_BYTES
from tools.sources.redis.meter import Meter
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import groups, pending

PAGE_ENTRIES = 400
"""They cost the server 0.2 ms (0.5 us each): what one batch may."""

_ROUND_ENTRIES = 2_500
"""Entries asked for between two looks at the budget; five batches or so."""
_ENTRY_BYTES = 140
"""As many bytes take the server as long to send as an entry of XPENDING takes it."""
_GONE = "it was no longer where the last look saw it"


@dataclass(frozen=True, slots=True)
class Budget:
    """Where reading ends: entries over all lists, and seconds.

    200,000 entries cost the server 0.1 s in 500 batches and fill 14 MB of the file; on loopback they take 5 s.
    """

    entries: int = 200_000
    seconds: float = 10.0


class UnreadPending(Struct, frozen=True, kw_only=True):
    """A pending entries list that was not read to its end: `read` of `pending` entries, and why.

    `blind`: the reason is no limit of ours, but that the server did not answer, or not this user.
    """

    stream: str
    group: str
    read: int
    pending: int
    why: str
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One database of one server, and the streams there (by raw name) that have lists to read."""

    client: ReadOnlyClient
    streams: Mapping[bytes, StreamState]


@dataclass(slots=True, eq=False)
class _List:
    """One group's list. `own` is the group's raw name; `why` and `blind` say what stopped it."""

    raw: bytes
    state: StreamState
    group: GroupState
    pacer: Pacer
    own: bytes | None = None
    entries: list[PendingEntry] = field(default_factory=list)
    ended: bool = False
    why: str = ""
    blind: bool = False

    @property
    def waits(self) -> bool:
        return not self.ended and not self.why

    @property
    def left(self) -> int:
        """Entries that are still to come, by what the look said; at least one."""
        return max(self.group.info.pending - len(self.entries), 1)

    def page(self, count: int) -> Command:
        assert self.own is not None
        start = f"({self.entries[-1].id}" if self.entries else "-"
        return ("XPENDING", self.raw, self.own, start, "+", count)

    def take(self, reply: object, count: int) -> int:
        """Add a page; returns its length."""
        if isinstance(reply, ReplyError):
            self.refuse(reply)
            return 0
        page = pending(reply)
        self.entries += page
        self.ended = len(page) < count
        return len(page)

    def refuse(self, error: ReplyError) -> None:
        self.stop(_GONE if error.gone else f"the server answered: {error.text}", blind=not error.gone)

    def stop(self, why: str, *, blind: bool) -> None:
        if 0 < self.group.info.pending <= len(self.entries):
            self.ended = True  # as many as there were at the look: what came since is more than was asked for
        elif self.waits:
            self.why, self.blind = why, blind


class AllPending:
    """Reads within one budget, which begins to run now. `stop` ends it early."""

    def __init__(self, clock: Clock, budget: Budget | None = None, stop: StopSignal = NEVER) -> None:
        self._clock, self._budget, self._stop = clock, budget or Budget(), stop
        self._left = self._budget.entries
        self._until = clock.monotonic() + self._budget.seconds

    def read(self, poll: Poll, places: Sequence[Place]) -> tuple[Poll, tuple[UnreadPending, ...]]:
        """The poll with every list of `places` read to its end, and all that were not. Raises nothing for lost servers."""
        pacers = [Pacer(place.client, self._clock) for place in places]
        meters = [Meter(place.client) for place in places]
        trips, began = sum(place.client.round_trips for place in places), self._clock.monotonic()
        lists: list[_List] = []
        for place, pacer, meter in zip(places, pacers, meters, strict=True):
            _cost_us(meter, pacer)
            lists += self._lists(place, pacer)
        self._read(sorted((item for item in lists if item.waits), key=lambda item: item.group.info.pending))
        server_us = sum(_cost_us(meter, pacer) for pacer, meter in zip(pacers, meters, strict=True))
        cost = replace(
            poll.cost,
            server_us=poll.cost.server_us + server_us,
            round_trips=poll.cost.round_trips + sum(place.client.round_trips for place in places) - trips,
            wall_ms=round(poll.cost.wall_ms + (self._clock.monotonic() - began) * 1000, 3),
        )
        by_group = {id(item.group): item for item in lists}
        streams = tuple([_with(state, by_group) for state in poll.streams])
        whole = replace(poll, streams=streams, cost=cost, until_ms=self._clock.now_ms())
        return whole, tuple(_unread(item) for item in lists if not item.ended)

    def _lists(self, place: Place, pacer: Pacer) -> list[_List]:
        """The lists of a place that are not whole yet, with the raw names of their groups."""
        lists = {
            raw: [_List(raw, state, group, pacer) for group in state.groups if not group.pending_complete]
            for raw, state in place.streams.items()
        }
        sizes = [GROUP_BYTES * len(state.groups) for state in place.streams.values()]
        replies = pacer.each([("XINFO", "GROUPS", raw) for raw in lists], sizes)
        why, blind = self._over(), False
        for found in lists.values():
            try:
                if not why:
                    _find(found, next(replies))
                    why = self._over()
            except SourceUnavailable as error:
                why, blind = error.why, True
            for item in found if why else ():
                item.stop(why, blind=blind)
        return [item for found in lists.values() for item in found]

    def _over(self) -> str:
        """Why no more may be read; "" where it may."""
        if self._stop.is_set():
            return "the session was ended at once"
        if self._left <= 0:
            return f"the budget of {self._budget.entries:,} entries was used up"
        if self._clock.monotonic() >= self._until:
            return f"the budget of {self._budget.seconds:g} s was used up"
        return ""

    def _read(self, waiting: list[_List]) -> None:
        while waiting and not (why := self._over()):
            self._round(waiting)
            waiting = [item for item in waiting if item.waits]
        for item in waiting:
            item.stop(why, blind=False)

    def _round(self, waiting: Sequence[_List]) -> None:
        """A page of each of the shortest lists of one place."""
        pacer = waiting[0].pacer
        asked: list[tuple[_List, int]] = []
        sizes: list[int] = []
        room = min(_ROUND_ENTRIES, self._left)
        for item in waiting:
            if item.pacer is pacer and room > 0:
                asked.append((item, min(PAGE_ENTRIES, room)))
                expected = min(PAGE_ENTRIES, room, item.left)
                sizes.append(_ENTRY_BYTES * expected)
                room -= expected
        opened = pacer.client.opened
        try:
            replies = pacer.run([item.page(count) for item, count in asked], sizes)
            if pacer.client.opened != opened:
                raise SourceUnavailable("", "the connection was lost while they were read", "")
        except SourceUnavailable as error:
            for item in waiting:
                if item.pacer is pacer:
                    item.stop(error.why, blind=True)
            return
        for (item, count), reply in zip(asked, replies, strict=True):
            self._left -= item.take(reply, count)


def _find(lists: Sequence[_List], reply: object) -> None:
    """Set the raw names of one stream's groups; several may read the same, and are told apart by their order."""
    if isinstance(reply, ReplyError):
        for item in lists:
            item.refuse(reply)
        return
    named: dict[str, list[bytes]] = {}
    for own, info in groups(reply):
        named.setdefault(info.name, []).append(own)
    for item in lists:
        name = item.group.info.name
        same = [group for group in item.state.groups if group.info.name == name]
        place = next(number for number, group in enumerate(same) if group is item.group)
        alike = named.get(name, [])
        if place < len(alike):
            item.own = alike[place]
        else:
            item.stop(_GONE, blind=False)


def _cost_us(meter: Meter, pacer: Pacer) -> int:
    try:
        return meter.read(pacer)
    except SourceUnavailable:
        return 0  # who reads the lists tells


def _with(state: StreamState, lists: Mapping[int, _List]) -> StreamState:
    """The stream with what was read of its lists."""
    if all(id(group) not in lists for group in state.groups):
        return state
    return replace(state, groups=tuple([_joined(group, lists.get(id(group))) for group in state.groups]))


def _joined(group: GroupState, item: _List | None) -> GroupState:
    """The group with its list; of one that was not read to its end also what the look knew of the rest."""
    if item is None:
        return group
    gone = {entry.id for entry in group.pending if entry.gone}
    entries = [replace(entry, gone=True) if entry.id in gone else entry for entry in item.entries]
    if not item.ended:
        last = entry_key(entries[-1].id) if entries else (-1, -1)
        entries += [entry for entry in group.pending if entry_key(entry.id) > last]
    return replace(group, pending=tuple(entries), pending_complete=item.ended)


def _unread(item: _List) -> UnreadPending:
    return UnreadPending(
        stream=item.state.name,
        group=item.group.info.name,
        read=len(_joined(item.group, item).pending),
        pending=item.group.info.pending,
        why=item.why,
        blind=item.blind,
    )
