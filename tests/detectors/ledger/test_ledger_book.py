"""The ledger over polls made by hand: whose figures it takes, and when it may not believe them."""

from __future__ import annotations

import msgspec

from tests.detectors.streams.crafted import START_MS, group, polls, stream
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.ledger.records import LedgerRow
from tools.sources.records import GroupState, Lag, Poll, ServerState, StreamState

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
