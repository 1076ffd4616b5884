"""What a group is given a minute, and what its stream gets, from recorded polls; no figure where something else moved the lag."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.detectors.streams.crafted import group, polls, stream
from tools.sources.records import Lag, StreamState
from tools.synthesis.pace import Pace, Paces


def at(
    added: int, lag: int | Lag | None, delivered: str = "5-0", first: str = "1-0", length: int | None = None
) -> StreamState:
    there = group("desk", lag=lag, delivered=delivered)
    return stream("orders", added if length is None else length, there, added=added, first=first)


def of(moments: Sequence[StreamState], gap_at: int | None = None) -> Pace | None:
    return Paces(polls(*moments, gap_at=gap_at)).of("orders", ["desk"]).get("desk")


GROWS = (at(100, 10), at(260, 130, "6-0"), at(420, 250, "7-0"))


def test_it_is_the_difference_of_two_polls_that_it_names() -> None:
    found = of(GROWS)
    assert found == Pace(
        added=320, given=80, lag=250, from_poll=1, to_poll=3, span_ms=30_000, idle_since=None
    )
    assert (found.added_a_minute, found.given_a_minute) == (640, 160)


def test_that_nothing_is_given_any_more_is_told_with_the_poll() -> None:
    found = of((at(100, 10), at(260, 130, "6-0"), at(420, 290, "6-0"), at(430, 300, "6-0")))
    assert found is not None
    assert (found.given, found.idle_since) == (40, 2)


@pytest.mark.parametrize(
    ("moments", "polls_told"),
    [
        pytest.param(GROWS[:1], None, id="one poll"),
        pytest.param((at(100, None), *GROWS[1:]), (2, 3), id="its lag was not known at first"),
        pytest.param((*GROWS[:2], at(420, Lag(messages=250, source="bound"), "7-0")), None, id="a bound at the end"),
        pytest.param((stream("orders", 9), *GROWS[1:]), (2, 3), id="the group is younger"),
        pytest.param((at(100, 10), at(260, 130, "6-0", first="3-0"), at(420, 250, "7-0", first="5-0")), (1, 3), id="what was read is trimmed"),
        pytest.param((at(100, 10), at(260, 130, "6-0", first="6-1"), at(420, 250, "7-0", first="6-1")), None, id="what was unread is trimmed"),
        pytest.param((at(100, 10), at(260, 0, "6-0", length=0)), None, id="all was taken away"),
        pytest.param((at(100, 10, "8-0"), at(260, 260, "5-0")), None, id="the group was set back"),
        pytest.param((at(400, 10), at(260, 130, "6-0")), None, id="the stream was made anew"),
    ],
)  # fmt: skip
def test_there_is_none_where_anything_else_may_have_moved_the_lag(
    moments: Sequence[StreamState], polls_told: tuple[int, int] | None
) -> None:
    found = of(moments)
    assert (None if found is None else (found.from_poll, found.to_poll)) == polls_told


def test_it_begins_behind_a_gap() -> None:
    found = of(GROWS, gap_at=2)
    assert found is not None
    assert (found.from_poll, found.added) == (2, 160)


@pytest.mark.parametrize(
    ("command", "calls", "from_poll"),
    [
        pytest.param("xgroup|setid", 1, 2, id="the group may have been set on"),
        pytest.param("xgroup|setid", 0, 1, id="nobody did"),
        pytest.param("xgroup|create", 1, 1, id="another was made"),
    ],
)
def test_it_begins_behind_a_command_that_may_have_moved_the_group(
    command: str, calls: int, from_poll: int
) -> None:
    first, second, third = polls(*GROWS)
    moved = replace(second, calls={command: calls})
    found = Paces((first, moved, third)).of("orders", ["desk"])["desk"]
    assert found.from_poll == from_poll
