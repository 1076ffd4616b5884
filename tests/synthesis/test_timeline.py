"""Series of streams and of log lines keep every peak and do not grow with the window."""

from __future__ import annotations

import pytest

from tests.synthesis.made import code_finding, stream_finding
from tools.findings.model import Finding
from tools.sources.line_blocks import LineBlock
from tools.sources.records import (
    GroupInfo,
    GroupState,
    Lag,
    LogLine,
    Poll,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.redis.poll_steps import steps_of
from tools.synthesis.log_survey import survey
from tools.synthesis.timeline import POINTS_MAX, SERIES_MAX, SeriesBook, named

START_MS = 1_750_000_000_000


def stream(name: str, length: int, pending: int = 0, lag: int | None = 0) -> StreamState:
    group = GroupInfo(name="g", consumers=1, pending=pending, last_delivered_id="0-0")
    known = GroupState(info=group, lag=None if lag is None else Lag(messages=lag, source="counted"))
    info = StreamInfo(length=length, groups=1, last_generated_id="0-0")
    return StreamState(name=name, info=info, groups=(known,))


def poll(number: int, *streams: StreamState) -> Poll:
    server = ServerState(flavour="valkey", version="9.1.0")
    return Poll(number=number, at_ms=START_MS + number * 1_000, server=server, streams=streams)


def book_of(polls: list[Poll], *wanted: str) -> SeriesBook:
    book = SeriesBook(wanted)
    for step in steps_of(polls):
        book.take(step)
    return book


def test_a_series_has_one_figure_for_each_poll_and_none_where_the_stream_was_not_there() -> None:
    book = book_of([poll(1), poll(2, stream("a", 5, 2, 7)), poll(3, stream("a", 6, 0, None)), poll(4)])
    (series,) = book.series()
    assert book.at_ms == [START_MS + number * 1_000 for number in (1, 2, 3, 4)]
    assert (series.length, series.pending, series.lag) == (
        (None, 5, 6, None),
        (None, 2, 0, None),
        (None, 7, None, None),
    )


@pytest.mark.parametrize("polls", [2 * POINTS_MAX - 1, 2 * POINTS_MAX, 7 * POINTS_MAX + 1, 50 * POINTS_MAX])
@pytest.mark.parametrize("peak", [0, 1, 100])
def test_a_long_window_keeps_its_peak_in_a_bounded_number_of_points(polls: int, peak: int) -> None:
    book = book_of([poll(at, stream("a", 9 if at == peak else 1)) for at in range(polls)])
    (series,) = book.series()
    assert len(book.at_ms) == len(series.length) < 2 * POINTS_MAX
    assert len(book.at_ms) >= min(polls, POINTS_MAX)
    assert book.at_ms == sorted(set(book.at_ms))
    assert book.at_ms[-1] == START_MS + (polls - 1) * 1_000
    assert series.length.count(9) == 1


def test_streams_that_findings_name_are_followed_before_all_others() -> None:
    names = [f"s{number:04}" for number in range(3 * SERIES_MAX)]
    book = book_of([poll(1, *(stream(name, 1) for name in names))], names[-1], names[-2])
    followed = {series.stream for series in book.series()}
    assert followed == {*names[: SERIES_MAX - 2], names[-1], names[-2]}
    assert book.left_out == 2 * SERIES_MAX


def test_families_are_followed_by_a_member_and_advice_keeps_no_place() -> None:
    found: list[Finding] = [
        *(stream_finding(at, "CONSUMER_LAG", f"fam{at}:{{}}") for at in range(1, SERIES_MAX // 2 + 1)),
        *(code_finding(at, "code.no-maxlen", f"only-in-code-{at}") for at in range(1, SERIES_MAX)),
    ]
    names = [f"fam{at}:{member}" for at in range(1, SERIES_MAX // 2 + 1) for member in range(3)]
    book = book_of([poll(1, *(stream(name, 1) for name in names))], *named(found))
    followed = {series.stream.split(":")[0] for series in book.series()}
    assert len(followed) == SERIES_MAX // 2
    assert len(book.series()) == SERIES_MAX


def test_of_a_family_whose_members_are_listed_the_worst_is_followed() -> None:
    found = [stream_finding(1, "CONSUMER_LAG", "fam:{}", members=["fam:9", "fam:1"])]
    assert named(found) == ("fam:9",)


def line(at_ms: int, level: str = "INFO", *, backfill: bool = False) -> LogLine:
    return LogLine(service="a", text="x", source="a.log", line=1, byte_offset=0, byte_length=1, arrived_ms=at_ms, level=level, backfill=backfill)  # fmt: skip


def test_lines_are_counted_when_they_arrived_those_of_a_block_too() -> None:
    block = LineBlock(service="a", source="a.log", arrived_ms=START_MS + 2_500, first_line=1, byte_offset=0, byte_length=9, lines=40)  # fmt: skip
    lines: list[LogLine | LineBlock] = [
        line(START_MS),
        line(START_MS + 999, "ERROR"),
        line(START_MS + 1, backfill=True),
        block,
    ]
    rate = survey(lines).rate
    assert rate is not None
    assert (rate.from_ms, rate.step_ms, rate.lines, rate.failures) == (START_MS, 1_000, (2, 0, 40), (1, 0, 0))


def test_no_line_has_no_rate() -> None:
    assert survey([]).rate is None


def test_a_day_of_lines_takes_a_bounded_number_of_steps_and_loses_no_line() -> None:
    rate = survey([line(START_MS + minute * 60_000) for minute in range(24 * 60)]).rate
    assert rate is not None
    assert len(rate.lines) <= 2 * POINTS_MAX
    assert sum(rate.lines) == 24 * 60
