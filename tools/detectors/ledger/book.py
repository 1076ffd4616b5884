"""The ledger, folded poll by poll: one account for each group of each stream.

What it holds does not grow with the window: a few figures and two polls' replies per group. Fed with the polls of a
journal, oldest first, it is what it was before a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from tools.detectors.ledger import interval
from tools.detectors.ledger.records import Ledger, LedgerRow, Point, Term, Unknown, between, exactly
from tools.sources.records import GroupState, Lag, Poll, StreamState

ROWS_MAX = 2_000
Key = tuple[str, str]
_COUNTING = frozenset({"redis", "valkey"})
"""Servers whose counters are known from their source."""
_ACKNOWLEDGING = ("xack", "xackdel")
_OF_WHAT_LEFT = frozenset({Unknown.CONSUMERS_DELETED, Unknown.GHOSTS_CLAIMED})
"""What matters only where something left the pending list."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries that a group lost: newly proven at the newest poll, and since its account began. The two polls prove it."""

    stream: str
    group: str
    new: int
    total: Term
    before: Point
    after: Point


@dataclass(slots=True)
class Account:
    """What is carried of one group."""

    key: Key
    start: Point
    last: Point
    born_ms: int | None
    """When it appeared, where it was not there from the first poll on."""
    moved_ms: int
    """When it was last seen to be given something; at first, when it was first seen."""
    added: Term = field(default_factory=lambda: exactly(0, "server"))
    lost_least: int = 0
    lost_most: int | None = 0
    anchor: Point | None = None
    anchored_least: int = 0
    """Losses proven since the anchor, a moment at which the counters could be read."""
    held: Loss | None = None
    """A loss that stands if the group is given nothing until the next poll."""
    skipped_most: int | None = 0
    """Entries that XGROUP SETID and its like may have moved the group over; None where nothing bounds them."""
    given_again: bool = False
    """Whether such a command may have made the group read entries twice."""
    in_step: bool = True
    """Whether the server's own lag may be believed: not after a group was set, until what waits is known otherwise."""
    hidden: bool = False
    """Whether the newest poll did not see it: the primary that holds its stream did not answer."""
    unknown: dict[Unknown, None] = field(default_factory=dict)
    loss: Loss | None = None
    seen: GroupState | None = None
    """The record it was carried on with last."""


@dataclass(frozen=True, slots=True)
class Step:
    """A poll, and what was called between the polls' looks at any group of it: since the last one's beginning."""

    poll: Poll
    calls: Mapping[str, int]


class LedgerBook:
    """Takes polls, oldest first; tells rows and new losses as of the newest one."""

    def __init__(self, polls: Iterable[Poll] = ()) -> None:
        self._accounts: dict[Key, Account] = {}
        self._poll: Poll | None = None
        self._acks = 0
        self._deleted_consumers = False
        for poll in polls:
            self.take(poll)

    def take(self, poll: Poll) -> None:
        """Add one poll; one that is not newer than the last is left out."""
        if self._poll is not None and (poll.number, poll.at_ms) <= (self._poll.number, self._poll.at_ms):
            return
        step = Step(poll, _called(self._poll, poll))
        first = self._poll is None
        self._poll = poll
        self._acks += sum(poll.calls.get(name, 0) for name in _ACKNOWLEDGING)
        kept: dict[Key, Account] = {}
        plain = not poll.after_gap and interval.sets_nothing(step.calls)
        for state in poll.streams:
            for group in state.groups:
                key = (state.name, group.info.name)
                account = self._accounts.get(key)
                if account is not None and plain and _stands(account, state, group):
                    kept[key] = account
                    last, account.loss = account.last, None
                    account.last = Point(
                        poll=poll.number, at_ms=poll.at_ms, info=last.info, group=last.group, lag=last.lag
                    )
                elif account is None:
                    point = _point(poll, state, group)
                    kept[key] = Account(key, point, point, None if first else poll.at_ms, poll.at_ms)
                    _anchor(kept[key], poll, point)
                else:
                    kept[key] = _carried(account, step, state, group)
                    kept[key].seen = group
        self._accounts = kept | self._out_of_sight(poll)

    def _out_of_sight(self, poll: Poll) -> dict[Key, Account]:
        """The accounts of streams that a poll without one of the primaries does not show: they wait to be seen again."""
        if poll.whole:
            return {}
        seen = {state.name for state in poll.streams}
        hidden = {key: account for key, account in self._accounts.items() if key[0] not in seen}
        for account in hidden.values():
            account.loss, account.held, account.hidden = None, None, True
            account.unknown[Unknown.GAP] = None
        return hidden

    def losses(self) -> Iterator[Loss]:
        """What the newest poll proves to be lost."""
        return (account.loss for account in self._accounts.values() if account.loss is not None)

    def account(self, stream: str, group: str) -> Account | None:
        """The account of one group that is there at the newest poll."""
        found = self._accounts.get((stream, group))
        return None if found is None or found.hidden else found

    def ledger(self) -> Ledger | None:
        """Every row as of the newest poll, those with losses first; None before the first poll."""
        if self._poll is None:
            return None
        rows = sorted((self._row(key, account) for key, account in self._accounts.items()), key=_order)
        return Ledger(
            poll=self._poll.number,
            at_ms=self._poll.at_ms,
            rows=tuple(rows[:ROWS_MAX]),
            left_out=max(len(rows) - ROWS_MAX, 0),
        )

    def _row(self, key: Key, account: Account) -> LedgerRow:
        start, last = account.start, account.last
        removed = between(account.lost_least, account.lost_most)
        given = _given(account, removed)
        acknowledged, off_by = _acknowledged(account, given)
        return LedgerRow(
            stream=key[0],
            group=key[1],
            from_poll=start.poll,
            to_poll=last.poll,
            from_ms=start.at_ms,
            to_ms=last.at_ms,
            waiting_at_start=start.waiting,
            pending_at_start=exactly(start.group.pending, "server"),
            added=account.added,
            acknowledged=acknowledged,
            pending=exactly(last.group.pending, "server"),
            waiting=last.waiting,
            removed_unread=removed,
            off_by=off_by,
            unknown=tuple(map(str, self._unknown(account, acknowledged, off_by))),
        )

    def _unknown(self, account: Account, acknowledged: Term, off_by: int | None) -> Iterator[Unknown]:
        left = acknowledged.most != 0
        yield from (reason for reason in account.unknown if left or reason not in _OF_WHAT_LEFT)
        if account.last.info.entries_added is None:
            yield Unknown.NO_ADDED_COUNT
        elif account.lost_most != account.lost_least and account.last.group.entries_read is None:
            yield Unknown.NO_READ_COUNT
        if any(point.waiting.source in {"bound", "unknown"} for point in (account.start, account.last)):
            yield Unknown.LAG_BOUND
        if acknowledged.least > 0 and not self._acks and not self._acknowledges_late():
            yield Unknown.NOT_ACKNOWLEDGED
        if off_by is not None:
            yield Unknown.CLAIMED_BY_FORCE

    def _acknowledges_late(self) -> bool:
        return self._poll is not None and any(self._poll.late_calls.get(name) for name in _ACKNOWLEDGING)


def _called(previous: Poll | None, poll: Poll) -> Mapping[str, int]:
    """What was called between two polls' looks at any group: groups are read after the calls are counted.

    {} where it is not known. Some are called before the earlier look, and some may be counted twice.
    """
    if not poll.calls:
        return {}
    called = Counter(poll.calls)
    called.update(poll.late_calls)
    if previous is not None:
        called.update(previous.late_calls)
    return called


def _point(poll: Poll, state: StreamState, group: GroupState) -> Point:
    return Point(poll=poll.number, at_ms=poll.at_ms, info=state.info, group=group.info, lag=group.lag)


def _stands(account: Account, state: StreamState, group: GroupState) -> bool:
    """Whether a group is the very record of the poll before, so that nothing but the time is another."""
    return (
        group is account.seen
        and state.info is account.last.info
        and (account.last.lag is group.lag or not account.in_step)
        and account.held is None
        and not account.hidden
    )


def _carried(account: Account, step: Step, state: StreamState, group: GroupState) -> Account:
    """The account at the next poll."""
    poll, before = step.poll, account.last
    after, account.loss = _point(poll, state, group), None
    doubt = interval.doubt(before, after, step.calls, gap=poll.after_gap or account.hidden)
    account.hidden = False
    account.in_step = (account.in_step and doubt is None) or _is_counted(group.lag)
    if not account.in_step:
        after = msgspec.structs.replace(after, lag=None)
    if doubt is None and before.info == after.info and before.group == after.group:
        account.last = after
        _tell(account, *_released(account, after))
        return account
    anew = interval.made_anew(before, after)
    if anew is not None:
        account = Account(account.key, after, after, account.born_ms, poll.at_ms, unknown={anew: None})
        _anchor(account, poll, after)
        return account
    if before.delivered != after.delivered:
        account.moved_ms = poll.at_ms
    _note_commands(account, before, after, step.calls, group)
    came = interval.added(before, after)
    account.added = _sum(account.added, came)
    if doubt is None:
        _judge(account, after, came, step)
    else:
        _doubted(account, after, came, doubt)
    _anchor(account, poll, after)
    account.last = after
    return account


def _doubted(account: Account, after: Point, came: Term, doubt: Unknown) -> None:
    """Note an interval that ends at `after` and of which no loss may be claimed."""
    before = account.last
    most = interval.most_lost(before, after, came, None)
    if most != 0 or doubt is not Unknown.NO_COMMANDS:
        account.unknown[doubt] = None
    if doubt is Unknown.GROUP_SET:
        # Set back, it waited for what it had read; set on, it was not given what waited.
        most = interval.removed(before, after, came).most
        went = interval.passed(before, after, came).most
        account.skipped_most = _plus(account.skipped_most, went)
        account.given_again = True
    account.anchor, account.held = None, None
    account.lost_most = _plus(account.lost_most, most)


def _judge(account: Account, after: Point, came: Term, step: Step) -> None:
    """Add what the interval that ends at `after` lost, or may have lost."""
    before = account.last
    found = interval.lost(before, after, came, step.calls)
    new, first = found.least, before
    account.anchored_least += found.least
    held, pair = _released(account, after)
    more = _by_counters(account, after, step.poll)
    if more and account.anchor is not None:
        new, first = new + more, account.anchor
    account.lost_most = _plus(account.lost_most, None if found.most is None else max(found.most, new))
    if came.exact and new != found.most:
        account.unknown[Unknown.HIDDEN_LOSS] = None
    _tell(account, new + held, pair if held and not new else (first, after))
    maybe = 0 if new else interval.missing_if_it_stands(before, after, came)
    account.held = Loss(*account.key, maybe, found, before, after) if maybe else None


def _released(account: Account, after: Point) -> tuple[int, tuple[Point, Point]]:
    """What was held back and stands now, and the two polls that show it."""
    held, account.held = account.held, None
    if held is None or held.after.delivered != after.delivered:
        return 0, (account.last, after)
    account.anchored_least += held.new
    return held.new, (held.before, held.after)


def _tell(account: Account, new: int, pair: tuple[Point, Point]) -> None:
    account.lost_least += new
    if account.lost_most is not None:
        account.lost_most = max(account.lost_most, account.lost_least)
    if new:
        total = between(account.lost_least, account.lost_most)
        account.loss = Loss(*account.key, new, total, *pair)


def _by_counters(account: Account, after: Point, poll: Poll) -> int:
    """What the counters prove beyond what is proven already, since the anchor."""
    if account.anchor is None or poll.server.flavour not in _COUNTING:
        return 0
    then, now = interval.missed_by_counters(account.anchor), interval.surely_missed_by_counters(after)
    if then is None or now is None:
        return 0
    return max(now - max(then, 0) - account.anchored_least, 0)


def _anchor(account: Account, poll: Poll, point: Point) -> None:
    known = account.anchor is None or interval.surely_missed_by_counters(point) is not None
    if poll.server.flavour in _COUNTING and known and interval.missed_by_counters(point) is not None:
        account.anchor, account.anchored_least = point, 0


def _is_counted(lag: Lag | None) -> bool:
    """Whether a lag is known without the server's counters."""
    return lag is not None and lag.source != "server"


def _note_commands(
    account: Account, before: Point, after: Point, calls: Mapping[str, int], group: GroupState
) -> None:
    if calls.get("xgroup|delconsumer") and after.group.consumers < before.group.consumers:
        account.unknown[Unknown.CONSUMERS_DELETED] = None
    claims = calls.get("xautoclaim", 0) + calls.get("xclaim", 0)
    if claims and any(entry.gone for entry in group.pending):
        account.unknown[Unknown.GHOSTS_CLAIMED] = None


def _given(account: Account, removed: Term) -> Term:
    """Entries given to the group since its account began."""
    start, end, came = account.start.waiting, account.last.waiting, account.added
    end_most = account.last.info.length if end.most is None else end.most
    hidden = _plus(removed.most, account.skipped_most)
    least = None if hidden is None else start.least + came.least - end_most - hidden
    most = None
    if came.most is not None and start.most is not None and not account.given_again:
        most = start.most + came.most - end.least - removed.least
    return Term(least=0 if least is None else least, most=most, source="derived")


def _acknowledged(account: Account, given: Term) -> tuple[Term, int | None]:
    """What left the pending list, and by how many messages the figures cannot meet."""
    fell = account.start.group.pending - account.last.group.pending
    least, most = given.least + fell, None if given.most is None else given.most + fell
    if not (account.start.in_one_piece and account.last.in_one_piece):
        most = None  # messages came and were given out between the two replies of a poll
    off_by = most if most is not None and most < 0 else None
    return between(max(least, 0), None if most is None else max(most, 0)), off_by


def _sum(one: Term, other: Term) -> Term:
    most = None if one.most is None or other.most is None else one.most + other.most
    return between(one.least + other.least, most, "server" if other.source == "server" else "derived")


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _order(row: LedgerRow) -> tuple[bool, bool, bool, int, str, str]:
    return (
        row.removed_unread.least == 0,
        row.off_by is None,
        row.removed_unread.exact,
        -row.added.least,
        row.stream,
        row.group,
    )
