"""What the polls tell of one message: delivered, pending, acknowledged, removed; between which two looks.

A group was given an entry where its last-delivered id passed it between two polls and the entry was still there.
It acknowledged it where the entry was on its pending entries list, or had been given, and a complete list no longer
holds it; where it may have been deleted before, or its consumer was, nobody need have acknowledged it.
A server that does not tell the highest id deleted (before 7.0) leaves open whether an entry was there at all: there
only pending lists tell. Nothing is concluded across a poll after a gap, a group that was set to another id, or a list of which only
a page was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from tools.detectors.thresholds import Judgement
from tools.sources.records import (
    ConsumerInfo,
    GroupState,
    PendingEntry,
    Poll,
    StreamState,
    entry_key,
)
from tools.sources.redis.poll_steps import Step, steps_of
from tools.synthesis.flows.marks import Key, Marks, Sight, Sights, ends, first_key, place
from tools.synthesis.flows.model import GRACE_MS

PENDING_MAX = 100_000
"""Pending entries that are remembered."""
_CHANGES_MAX = 6


@dataclass(slots=True)
class Pend:
    """An entry on a pending list: the polls that showed it, and where a complete list no longer did."""

    first: int
    last: int
    entry: PendingEntry
    changes: list[tuple[int, PendingEntry]] = field(default_factory=list)
    gone: int | None = None
    dropped: str = ""
    """Why nobody need have acknowledged it: its consumer was gone too, or the entry was."""


@dataclass(slots=True)
class _Group:
    segments: list[Marks] = field(default_factory=list)
    entries_read: int | None = None
    consumers: tuple[int, tuple[ConsumerInfo, ...]] | None = None
    """The last look at its consumers, and its poll: not every look at a group that stands still is one."""
    open: dict[str, Pend] = field(default_factory=dict)
    ended: dict[str, list[Pend]] = field(default_factory=dict)
    seen: int = -1


@dataclass(frozen=True, slots=True)
class Delivery:
    """A group was given an entry after poll `after`, by poll `by` (indices)."""

    after: int
    by: int


@dataclass(frozen=True, slots=True)
class Removal:
    """When an entry left its stream; `trimmed` where nobody can have deleted it."""

    when: Delivery
    trimmed: bool


class ServerStory:
    """The polls of a session, oldest first, taken in one by one; what it holds grows with what changed.

    `judgement` holds what is called stuck or gone, and what the owners intend. Polls that are at hand may be given at
    once, else `end` says that all were taken. `end_ms` is the window's end, `pause_ms` that between polls.
    """

    def __init__(
        self,
        polls: Iterable[Poll] = (),
        end_ms: int = 0,
        pause_ms: int = 0,
        judgement: Judgement | None = None,
    ) -> None:
        self.polls: list[Poll] = []
        """Without their streams."""
        self.held: dict[str, tuple[str, ...]] = {}
        """Entry id → the streams that had it on a pending list."""
        self.final: Poll | None = None
        """The last poll, whole."""
        self.fresh = False
        """Whether the last poll speaks for the end of the window."""
        self.plain_reads = True
        """Whether somebody may read streams without a group: which, the server does not tell."""
        self.judgement = judgement or Judgement()
        self._groups: dict[str, dict[str, _Group]] = {}
        self._firsts: dict[str, list[Marks]] = {}
        self._sights: dict[str, Sights] = {}
        self._complete: dict[frozenset[str], frozenset[str]] = {}
        """Each set of groups once."""
        self._finals: dict[str, StreamState] = {}
        self._pendings = 0
        for step in steps_of(polls):
            self.take(step)
            self.final = step.poll
        self.end(self.final, end_ms, pause_ms)

    # --- reading the polls

    def take(self, step: Step) -> None:
        """The next poll."""
        number = len(self.polls)
        self.polls.append(replace(step.poll, streams=()))
        for state in step.before.values():
            self._settle(number - 1, state)
        for state in step.changed:
            self._take(number, step.poll.after_gap, state)
        for name in step.before.keys() - {state.name for state in step.changed}:
            self._sights[name].add(number, None)

    def end(self, final: Poll | None, end_ms: int, pause_ms: int) -> None:
        """All polls were taken; `final` is the last of them, whole."""
        self.final = final
        self.fresh = final is not None and end_ms - final.at_ms <= max(3 * pause_ms, GRACE_MS)
        calls = [poll.calls for poll in self.polls if poll.calls]
        self.plain_reads = not calls or any(counts.get("xread") for counts in calls)
        self._finals = {state.name: state for state in (() if final is None else final.streams)}
        for state in self._finals.values():
            self._settle(len(self.polls) - 1, state)

    def _settle(self, number: int, state: StreamState) -> None:
        """A stream that did not change since it was taken was last seen so at this poll, with these idle times."""
        self._firsts[state.name][-1].last[-1] = number
        groups = self._groups[state.name]
        for group in state.groups:
            known = groups[group.info.name]
            known.segments[-1].last[-1] = known.seen = number
            if group.consumers is not None:
                known.consumers = number, group.consumers
            for entry in group.pending:
                pend = known.open.get(entry.id)
                if pend is not None:
                    pend.last, pend.entry = number, entry

    def _take(self, number: int, anew: bool, state: StreamState) -> None:
        marks = self._firsts.setdefault(state.name, [])
        first = place(first_key(state.info))
        if anew or not marks or first < marks[-1].values[-1]:
            marks.append(Marks())
        marks[-1].add(first, number)
        complete = frozenset(group.info.name for group in state.groups if group.pending_complete)
        complete = self._complete.setdefault(complete, complete)
        self._sights.setdefault(state.name, Sights()).add(number, ends(state.info), complete)
        groups = self._groups.setdefault(state.name, {})
        for group in state.groups:
            self._take_group(number, anew, groups.setdefault(group.info.name, _Group()), group, state)
            for entry in group.pending:
                at = self.held.get(entry.id, ())
                if state.name not in at:
                    self.held[entry.id] = (*at, state.name)

    def _take_group(
        self, number: int, anew: bool, known: _Group, group: GroupState, state: StreamState
    ) -> None:
        delivered = place(entry_key(group.info.last_delivered_id))
        segments = known.segments
        was_set = known.entries_read is not None and group.info.entries_read is None
        if anew or not segments or known.seen != number - 1 or was_set or delivered < segments[-1].values[-1]:
            segments.append(Marks())
            known.open.clear()
        segments[-1].add(delivered, number)
        known.entries_read, known.seen = group.info.entries_read, number
        if group.consumers is not None:
            known.consumers = number, group.consumers
        page = {entry.id: entry for entry in group.pending}
        if group.pending_complete:
            for entry_id in [name for name in known.open if name not in page]:
                ended = known.open.pop(entry_id)
                ended.gone = number
                ended.dropped = _dropped(state, group, ended.entry)
        for entry_id, entry in page.items():
            self._see_pending(number, known, entry_id, entry)

    def _see_pending(self, number: int, known: _Group, entry_id: str, entry: PendingEntry) -> None:
        pend = known.open.get(entry_id)
        if pend is not None:
            is_new = (pend.entry.consumer, pend.entry.deliveries) != (entry.consumer, entry.deliveries)
            if is_new and len(pend.changes) < _CHANGES_MAX:
                pend.changes.append((number, entry))
            pend.last, pend.entry = number, entry
        elif self._pendings < PENDING_MAX:
            self._pendings += 1
            pend = Pend(number, number, entry, [(number, entry)])
            known.open[entry_id] = pend
            known.ended.setdefault(entry_id, []).append(pend)

    # --- what is known of one entry

    def latest_ms(self, number: int) -> int:
        """When the last of a poll was read: a state it shows may be as young as that."""
        poll = self.polls[number]
        return max(poll.at_ms, poll.until_ms)

    def groups(self, stream: str) -> Iterator[str]:
        """The groups of a stream that any poll showed."""
        yield from self._groups.get(stream, ())

    def pends(self, stream: str, group: str, entry_id: str) -> Sequence[Pend]:
        """The times an entry was on a group's pending list."""
        return self._groups[stream][group].ended.get(entry_id, ())

    def delivery(self, stream: str, group: str, key: Key) -> Delivery | None:
        """When a group was given an entry, where two polls show it."""
        for marks in self._groups[stream][group].segments:
            passed = marks.passed(key)
            # A group jumps over what was trimmed or deleted before it: only an entry that is there was given.
            if passed is not None and passed[0] is not None and self._holds(passed[1], stream, key):
                return Delivery(passed[0], passed[1])
        return None

    def acked(self, stream: str, group: str, entry_id: str, given: Delivery | None) -> Delivery | None:
        """Between which polls an entry that was given is known to have left the pending list, by an XACK alone."""
        pends = self.pends(stream, group, entry_id)
        if pends:
            last = pends[-1]
            return None if last.gone is None or last.dropped else Delivery(last.last, last.gone)
        if given is None:
            return None
        sight = self._sight(given.by, stream)
        # Of a list of which a page was read nobody knows who is missing on it.
        return given if sight is not None and group in sight.complete else None

    def removal(self, stream: str, key: Key) -> Removal | None:
        """Between which polls an entry left the stream at its old end, and whether it can only have been trimmed."""
        for marks in self._firsts.get(stream, ()):
            passed = marks.passed((key[0], key[1] + 1))
            if passed is not None and passed[0] is not None and self._holds(passed[0], stream, key):
                after = self._sight(passed[1], stream)
                deleted = None if after is None else after.deleted
                trimmed = deleted is not None and deleted < key
                return Removal(Delivery(passed[0], passed[1]), trimmed)
        return None

    def pending_now(self, stream: str, entry_id: str) -> Iterator[tuple[str, Pend]]:
        """Groups on whose list an entry was at the last poll."""
        last = len(self.polls) - 1
        for name, group in self._groups.get(stream, {}).items():
            pend = group.open.get(entry_id)
            if pend is not None and pend.last == last:
                yield name, pend

    def is_stuck(self, stream: str, group: str, pend: Pend) -> bool:
        """Whether an entry that pends at the last poll has done so for longer than its group's `pending_idle`."""
        if not self.fresh or self.final is None:
            return False
        age_ms = max(pend.entry.idle, self.final.at_ms - self.polls[pend.first].at_ms)
        return age_ms > self.judgement.limits_for(stream=stream, group=group).pending_idle * 1000

    def was_given(self, stream: str, key: Key) -> bool:
        """Whether any group's last-delivered id was ever seen at or past an entry. Doubt counts as yes."""
        return any(
            marks.values[-1] >= place(key)
            for group in self._groups.get(stream, {}).values()
            for marks in group.segments
        )

    def never_taken(self, stream: str, key: Key, published_ms: int) -> bool:
        """Whether it is certain that no group was given an entry, none is on its way to it, and none may do without.

        Either it was trimmed before every group, or every group stands still while it waits, with nobody at work.
        """
        final = self._finals.get(stream)
        if final is None or not final.groups or not self.fresh or self.was_given(stream, key):
            return False
        assert self.final is not None
        deleted = final.info.max_deleted_entry_id
        if deleted is None or entry_key(deleted) >= key:
            return False  # somebody may have deleted it, and meant to
        groups = [group for group in final.groups if not self._may("idle_ok", stream, group)]
        removal = self.removal(stream, key)
        if removal is not None:
            return removal.trimmed and any(not self._may("loss_ok", stream, group) for group in groups)
        if published_ms > self.final.at_ms - GRACE_MS or entry_key(final.info.last_generated_id) < key:
            return False
        # A group of which one may be idle is no proof, and neither is one that works: it will come to the entry.
        return bool(groups) and all(self._is_dead(stream, group) for group in groups)

    def _may(self, what: str, stream: str, group: GroupState) -> bool:
        return self.judgement.allows(what, stream=stream, group=group.info.name)

    def _is_dead(self, stream: str, group: GroupState) -> bool:
        """Whether a group stands still, holds nothing that may be at work, and no consumer was seen of late."""
        assert self.final is not None
        known = self._groups[stream][group.info.name]
        limits = self.judgement.limits_for(stream=stream, group=group.info.name)
        since = known.segments[-1].first[-1]
        still_ms = self.final.at_ms - self.polls[since].at_ms
        if still_ms < max(GRACE_MS, limits.pending_idle * 1000) or group.info.pending or group.pending:
            return False
        if known.consumers is None:
            return group.info.consumers == 0
        number, consumers = known.consumers
        since_ms = self.final.at_ms - self.polls[number].at_ms
        return number >= since and all(
            item.idle + since_ms >= limits.consumer_idle * 1000 for item in consumers
        )

    def _holds(self, number: int, stream: str, key: Key) -> bool:
        """Whether a stream certainly held an entry at a poll, by its ends and its deletions."""
        sight = self._sight(number, stream)
        if sight is None or not sight.first <= key <= sight.last:
            return False
        return sight.deleted is not None and sight.deleted < key

    def _sight(self, number: int, stream: str) -> Sight | None:
        sights = self._sights.get(stream)
        return None if sights is None else sights.at(number)


def _dropped(state: StreamState, group: GroupState, entry: PendingEntry) -> str:
    """Why an entry that left the pending list need not have been acknowledged; "" where it was."""
    key, deleted = entry_key(entry.id), state.info.max_deleted_entry_id
    if _is_gone(group, entry.consumer):
        return (
            "no longer on the pending list, and its consumer gone: acknowledged, or removed with the consumer"
        )
    # XCLAIM and XAUTOCLAIM drop what is no longer in the stream.
    if entry.gone or key < first_key(state.info) or (deleted is not None and entry_key(deleted) >= key):
        return (
            "no longer on the pending list: acknowledged, or dropped as the entry was no longer in the stream"
        )
    return ""


def _is_gone(group: GroupState, consumer: str) -> bool:
    return group.consumers is not None and consumer not in {item.name for item in group.consumers}
