"""What happens between two polls and parts a group from the server's count of it: then the server is not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Server
from tests.sources.redis.lag_fuzz import Meddling
from tools.sources.records import Lag, Poll
from tools.sources.redis import lag
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def client(server: Server) -> Iterator[ReadOnlyClient]:
    with ReadOnlyClient.connect(server.url) as opened:
        yield opened


def add(server: Server, *numbers: int) -> None:
    for number in numbers:
        server.send("XADD", "s", f"{number}-0", "a", number)


def read(server: Server, count: int) -> None:
    server.send("XREADGROUP", "GROUP", "g", "c", "COUNT", count, "STREAMS", "s", ">")


def counters(server: Server, *options: str | int) -> tuple[str | int, ...]:
    """Options about the server's counters, where it has counters."""
    return options if server.product.has_what_came_with(7, 0) else ()


def trimmed_past_the_group_and_read(server: Server) -> None:
    """Two entries were trimmed away unread, five read, three wait; what was there at the last poll is gone."""
    add(server, *range(5, 15))
    server.send("XTRIM", "s", "MAXLEN", 8)
    read(server, 5)


def trimmed_past_the_group_read_and_deleted(server: Server) -> None:
    add(server, *range(5, 15))
    server.send("XTRIM", "s", "MAXLEN", 8)
    read(server, 5)
    server.send("XDEL", "s", "8-0")


def set_with_a_wrong_count(server: Server) -> None:
    counted = counters(server, "ENTRIESREAD", 7)
    add(server, 5, 6, 7, 8, 9)
    server.send("XGROUP", "SETID", "s", "g", "6-0", *counted)


def made_again_with_a_wrong_count(server: Server) -> None:
    counted = counters(server, "ENTRIESREAD", 7)
    add(server, 5, 6, 7, 8, 9)
    server.send("XGROUP", "DESTROY", "s", "g")
    server.send("XGROUP", "CREATE", "s", "g", "6-0", *counted)


def moved_by_a_claim(server: Server) -> None:
    add(server, 5, 6, 7, 8, 9)
    read(server, 1)
    server.send("XCLAIM", "s", "g", "c", 0, "5-0", "LASTID", "6-0")


def count_of_the_stream_set(server: Server) -> None:
    add(server, 5, 6, 7, 8, 9)
    read(server, 2)
    counted = counters(server, "ENTRIESADDED", 10, "MAXDELETEDID", "0-0")
    server.send("XSETID", "s", "9-0", *counted)


def another_stream_in_its_place(server: Server) -> None:
    counted = counters(server, "ENTRIESREAD", 3)
    for number in (3, 4, 5, 6, 7):
        server.send("XADD", "t", f"{number}-0", "a", number)
    server.send("XGROUP", "CREATE", "t", "g", "4-0", *counted)
    server.send("RENAME", "t", "s")


@pytest.mark.parametrize(
    "work",
    [
        trimmed_past_the_group_and_read, trimmed_past_the_group_read_and_deleted, set_with_a_wrong_count,
        made_again_with_a_wrong_count, moved_by_a_claim, count_of_the_stream_set, another_stream_in_its_place,
    ],
    ids=lambda work: work.__name__,
)  # fmt: skip
@pytest.mark.parametrize("during", [False, True], ids=["between two polls", "during a poll"])
def test_a_group_that_was_in_step_is_counted_after(
    server: Server, client: ReadOnlyClient, work: Callable[[Server], None], during: bool
) -> None:
    clock = Meddling()
    source = StreamSource(client, clock)
    add(server, 1, 2, 3, 4)
    server.send("XGROUP", "CREATE", "s", "g", "0")
    read(server, 4)
    first = source.poll(0, previous=None)
    assert lag_of(first) == Lag(messages=0, source="derived")
    clock.advance(15)
    server.send("XADD", "other", "1-0", "a", 1)  # else a poll is quiet, and looks at no stream
    if during:
        clock.then = lambda: work(server)
    else:
        work(server)
    second = source.poll(1, previous=first)
    clock.advance(15)
    third = source.poll(2, previous=second)
    assert [lag_of(poll) for poll in (second, third)] == [Lag(messages=3, source="counted")] * 2


def test_a_group_set_beyond_the_newest_id_is_not_in_step(server: Server, client: ReadOnlyClient) -> None:
    clock = Meddling()
    source = StreamSource(client, clock)
    add(server, 1, 2, 3, 4)
    server.send("XGROUP", "CREATE", "s", "g", "0")
    server.send("XGROUP", "SETID", "s", "g", "6-0", *counters(server, "ENTRIESREAD", 4))
    first = source.poll(0, previous=None)
    assert lag_of(first) == Lag(messages=0, source="derived")
    add(server, 5, 7)
    server.send("XDEL", "s", "1-0")  # from here on servers count up what a group reads, and no longer look
    read(server, 1)
    add(server, 8, 9, 10)
    clock.advance(15)
    second = source.poll(1, previous=first)
    assert lag_of(second) == Lag(messages=3, source="counted")


def lag_of(poll: Poll) -> Lag | None:
    state = poll.stream("s")
    assert state is not None
    return state.groups[0].lag


@pytest.mark.parametrize(
    ("moved", "steady"),
    [
        ([], True), (["xadd", "xreadgroup", "xack", "set", "get", "del", "expire", "eval"], True),
        (["xgroup|createconsumer"], True), (["xinfo|stream", "xtrim"], True), (["xgroup|setid"], False),
        (["xadd", "xgroup|create"], False), (["xsetid"], False), (["xclaim"], False), (["xgroup"], False),
        (["restore"], False), (["rename"], False), (["xnack"], False), (["swapdb", "get"], False),
    ],
)  # fmt: skip
def test_what_may_move_groups_or_counters_alone(moved: list[str], steady: bool) -> None:
    assert lag.is_steady(moved) is steady
