"""The ledger in the report: exact figures, bounds, and what cannot be known, each readable."""

from __future__ import annotations

import msgspec
import pytest

from tests.detectors.streams.crafted import group, polls, stream
from tests.report.made_session import make
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.ledger.records import LedgerRow
from tools.report import markdown_ledger
from tools.report.sections import streams as section
from tools.report.write import write_report
from tools.sources.records import Lag, StreamState


def of(length: int, added: int, *, delivered: str = "1-0", pending: int = 0, first: int = 1) -> StreamState:
    """A stream with one group, all of whose entries wait where `delivered` lies before them."""
    lag = Lag(messages=length if delivered == "1-0" else 0, source="derived")
    return stream(
        "orders",
        length,
        group(lag=lag, delivered=delivered, pending_count=pending),
        added=added,
        first=f"1750000000000-{first}",
    )


def row(*states: StreamState, calls: dict[str, int] | None = None) -> LedgerRow:
    ledger = LedgerBook(polls(*states, calls={"xadd": 1} if calls is None else calls)).ledger()
    assert ledger is not None
    (made,) = ledger.rows
    return made


@pytest.mark.parametrize(
    ("made", "cells"),
    [
        pytest.param(row(of(10, 10), of(12, 12)), "10 | 0 | 2 | 0 | 0 | 12 | 0 | exact", id="nothing read"),
        pytest.param(
            row(of(10, 10), of(8, 12, first=5)), "10 | 0 | 2 | 0 | 0 | 8 | **4** | exact", id="four lost"
        ),
        pytest.param(
            row(of(10, 10), of(12, 12, delivered="1750000000000-12", pending=3), calls={"xack": 9}),
            "10 | 0 | 2 | 9 | 3 | 0 | 0 | exact",
            id="all read, three pending",
        ),
        pytest.param(
            row(of(10, 10), of(2, 12, delivered="1750000000000-12", first=11), calls={"xack": 2}),
            "10 | 0 | 2 | 2–12 | 0 | 0 | 0–10 | within bounds (1, 2)",
            id="trimmed while it moved",
        ),
    ],
)
def test_a_row_adds_up_or_says_by_how_much_it_cannot(made: LedgerRow, cells: str) -> None:
    ledger = LedgerBook(polls(of(1, 1))).ledger()
    assert ledger is not None
    text = markdown_ledger.render(msgspec.structs.replace(ledger, rows=(made,)))
    assert f"| `orders`, `workers` | {cells} |" in text
    assert ("\n\n1. " in text) == ("bounds" in cells)


def test_what_left_without_an_acknowledgement_is_named() -> None:
    made = row(of(10, 10), of(12, 12, delivered="1750000000000-12", pending=3))
    assert [text for text in made.unknown if "NOACK" in text]


def test_a_group_that_was_set_back_is_counted_anew() -> None:
    made = row(of(3, 3, delivered="1750000000000-3"), of(3, 3))
    assert (made.from_poll, made.added.least) == (2, 0)
    assert [text for text in made.unknown if "set back" in text]


def test_more_pending_than_was_given_is_off_by_so_much() -> None:
    made = row(of(2, 2, delivered="1750000000000-2"), of(2, 2, delivered="1750000000000-2", pending=5))
    assert made.off_by == -5
    assert [text for text in made.unknown if "FORCE" in text]


def test_the_report_holds_the_ledger_of_every_group(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = make(tmp_path_factory.mktemp("session"))
    report = write_report(made.workspace, made.project, made.clock)
    assert report.ledger is not None
    groups = {(state.stream, item.name) for state in report.streams for item in state.groups}
    assert {(item.stream, item.group) for item in report.ledger.rows} == groups
    text = made.workspace.report(report.session_id).read_text(encoding="utf-8")
    assert "### Conservation ledger" in text


def forecast(before: StreamState, now: StreamState) -> str | None:
    earlier, later = polls(before, now)
    return section._forecast(now, before, later.at_ms - earlier.at_ms)


def lagging(length: int, added: int, lag: int) -> StreamState:
    return stream("orders", length, group(lag=lag), added=added)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        pytest.param(
            lagging(100, 500, 20),
            lagging(100, 600, 30),
            "lag grows by 40 a minute; trimming reaches what is unread in about 2 min",
            id="a cap holds the length",
        ),
        pytest.param(
            lagging(100, 100, 20),
            lagging(200, 200, 30),
            "lag grows by 40 a minute; it does not drain",
            id="nothing trims",
        ),
        pytest.param(
            lagging(100, 500, 90),
            lagging(100, 600, 100),
            "lag grows by 40 a minute; what is trimmed now was not read",
            id="trimming is past the group",
        ),
    ],
)
def test_the_time_to_loss_is_told_where_a_cap_is_seen(
    before: StreamState, now: StreamState, said: str
) -> None:
    assert forecast(before, now) == said
