"""The ledger over polls made by hand: whose figures it takes, and when it may not believe them."""

from __future__ import annotations

import msgspec

from tests.detectors.streams.crafted import REDIS_6, START_MS, VALKEY, entry, group, polls, stream
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.ledger.records import LedgerRow, Unknown
from tools.sources.records import GroupState, Lag, NodeState, Poll, ServerState, StreamState

CALLS = {"xadd": 1, "xreadgroup": 1}


def at(number: int) -> str:
    return f"{START_MS}-{number}"


def made(
    *states: StreamState, late_at: int = 0, late: str = "", server: ServerState | None = None
) -> list[Poll]:
    """Polls of these states; during the one numbered `late_at` somebody sent `late`, which the next one knows too."""
    found = []
    for poll in polls(*states, calls=CALLS):
        calls = CALLS | ({late: 1} if late and poll.number == late_at + 1 else {})
        late_calls = {late: 1} if late and poll.number == late_at else {}
        found.append(
            msgspec.structs.replace(
                poll, calls=calls, late_calls=late_calls, server=poll.server if server is None else server
            )
        )
    return found


def row_of(book: LedgerBook) -> LedgerRow:
    ledger = book.ledger()
    assert ledger is not None
    (row,) = ledger.rows
    return row


def waits(number: int, lag: int, confirmed: bool = False) -> GroupState:
    counted = Lag(messages=lag, source="counted" if confirmed else "derived", confirmed=confirmed)
    return group(lag=counted, delivered=at(number))


def test_a_loss_quotes_the_lag_of_the_very_poll_it_names() -> None:
    """The second look counted the lag of a group that stood still: the poll holds that one and no other."""
    full = stream("s", 200, waits(1, 199), added=200)
    counted = stream("s", 200, waits(1, 199, confirmed=True), added=200)
    capped = stream("s", 200, waits(1, 200), added=300, first=at(101))
    seen = made(full, counted, capped)
    book = LedgerBook(seen)
    (loss,) = book.losses()
    assert (loss.before.poll, loss.after.poll, loss.new) == (2, 3, 99)
    for point in (loss.before, loss.after):
        state = seen[point.poll - 1].streams[0]
        assert (point.info, point.group, point.lag) == (state.info, state.groups[0].info, state.groups[0].lag)


def test_what_was_sent_while_a_poll_looked_leaves_no_figure_exact() -> None:
    """XGROUP SETID between the commands' count and the group's: 198 entries were skipped, not acknowledged."""
    before = stream("s", 200, group(lag=Lag(messages=199, source="derived"), delivered=at(1)))
    after = stream("s", 200, group(lag=Lag(messages=0, source="derived"), delivered=at(200)))
    sent = made(before, after, late_at=2, late="xgroup|setid")
    row = row_of(LedgerBook(sent))
    assert (row.acknowledged.least, row.acknowledged.most) == (0, None)
    assert row.unknown == (Unknown.GROUP_SET,)
    assert not row.exact
    row = row_of(LedgerBook(made(before, after)))
    assert (row.acknowledged.least, row.acknowledged.most, row.exact) == (199, 199, True)


def test_what_was_sent_while_the_earlier_poll_looked_counts_although_the_next_did_not_count() -> None:
    """The commands of the later poll alone may be known in part."""
    before = stream("s", 200, group(lag=Lag(messages=199, source="derived"), delivered=at(1)))
    after = stream("s", 200, group(lag=Lag(messages=0, source="derived"), delivered=at(200)))
    first, second = made(before, after, late_at=1, late="xgroup|setid")
    row = row_of(LedgerBook([first, msgspec.structs.replace(second, calls=CALLS)]))
    assert row.unknown == (Unknown.GROUP_SET,)


def test_a_deletion_while_a_poll_looked_may_be_a_loss() -> None:
    """Before 7.0 only the commands tell that something was deleted in the middle."""
    states = [
        msgspec.structs.replace(
            state, info=msgspec.structs.replace(state.info, entries_added=None, max_deleted_entry_id=None)
        )
        for state in (
            stream("s", 200, group(lag=199, delivered=at(1)), added=200),
            stream("s", 199, group(lag=197, delivered=at(2)), added=200),
        )
    ]
    row = row_of(LedgerBook(made(*states, late_at=2, late="xdel", server=REDIS_6)))
    assert (row.removed_unread.least, row.removed_unread.most) == (0, 1)
    assert not row.exact
    row = row_of(LedgerBook(made(*states, server=REDIS_6)))
    assert (row.removed_unread.least, row.removed_unread.most) == (0, 0)


def test_a_group_that_looks_the_same_may_have_been_set_too() -> None:
    """Set back, read once more and acknowledged: nothing shows but the command."""
    state = stream("s", 200, group(lag=Lag(messages=100, source="derived"), delivered=at(100)))
    row = row_of(LedgerBook(made(state, state, late_at=2, late="xgroup|setid")))
    assert row.unknown == (Unknown.GROUP_SET,)
    assert (row.acknowledged.least, row.acknowledged.most) == (0, None)
    assert not row.exact
    assert row_of(LedgerBook(made(state, state))).exact


def test_what_was_trimmed_behind_a_group_that_was_set_may_have_waited_for_it() -> None:
    """Set back to the beginning, 50 entries trimmed before it read them again, and on to where it was."""
    before = stream("s", 200, waits(100, 100), added=200, first=at(1))
    after = stream("s", 150, waits(100, 100), added=200, first=at(51))
    row = row_of(LedgerBook(made(before, after, late_at=2, late="xgroup|setid")))
    assert (row.removed_unread.least, row.removed_unread.most) == (0, 50)
    row = row_of(LedgerBook(made(before, after)))
    assert (row.removed_unread.least, row.removed_unread.most) == (0, 0)


def test_an_acknowledgement_while_the_last_poll_looked_is_one() -> None:
    before = stream("s", 2, group(lag=0, delivered=at(2), pending=[entry(1)]))
    after = stream("s", 2, group(lag=0, delivered=at(2)))
    quiet = made(before, after)
    assert row_of(LedgerBook(quiet)).unknown == (Unknown.NOT_ACKNOWLEDGED,)
    assert row_of(LedgerBook(made(before, after, late_at=2, late="xack"))).unknown == ()


def test_a_stream_whose_primary_is_unseen_keeps_what_it_lost() -> None:
    """Of a cluster's two primaries one does not answer at the third poll; at the fourth it is back."""
    states = [
        stream("s", 200, waits(0, 200), added=200, first=at(1)),
        stream("s", 100, waits(0, 100), added=200, first=at(101)),
        stream("t", 1, added=1),
        stream("s", 100, waits(0, 100), added=300, first=at(201)),
        stream("s", 100, waits(0, 100), added=350, first=at(251)),
    ]
    seen = [
        msgspec.structs.replace(poll, nodes=nodes(two=number != 3))
        for number, poll in enumerate(made(*states), start=1)
    ]
    book = LedgerBook(seen[:2])
    assert [loss.new for loss in book.losses()] == [100]
    book.take(seen[2])
    row = row_of(book)
    assert (row.to_poll, row.removed_unread.least, row.unknown) == (2, 100, (Unknown.GAP,))
    assert list(book.losses()) == []
    assert book.account("s", "workers") is None
    book.take(seen[3])
    row = row_of(book)
    assert (row.from_poll, row.to_poll, row.unknown[0]) == (1, 4, Unknown.GAP)
    assert (row.removed_unread.least, row.removed_unread.most) == (100, 200)
    assert list(book.losses()) == []
    book.take(seen[4])
    assert [loss.new for loss in book.losses()] == [50]
    assert row_of(book).removed_unread.least == 150


def test_a_stream_that_is_gone_from_a_whole_poll_has_no_account() -> None:
    first, second = made(stream("s", 1, waits(0, 1), added=1), stream("t", 1, added=1))
    whole = [msgspec.structs.replace(poll, nodes=nodes(two=True)) for poll in (first, second)]
    ledger = LedgerBook(whole).ledger()
    assert ledger is not None
    assert ledger.rows == ()


def nodes(*, two: bool) -> tuple[NodeState, ...]:
    """Two primaries; whether the second one answered."""
    return (
        NodeState(address="a:1", server=VALKEY),
        NodeState(address="b:1", server=VALKEY if two else None),
    )
