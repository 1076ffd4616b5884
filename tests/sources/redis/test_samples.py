"""Sampled entries of a real server: read forward once, bounded, masked, counted where left out, off with one switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.sources.redis.raw import client_of
from tools.sources.entry_samples import EntrySample, LeftOut
from tools.sources.records import Poll
from tools.sources.redis import samples
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


class Eyes:
    """A source that keeps samples, on a clock of its own."""

    def __init__(self, client: ReadOnlyClient, *, reads: bool = True, **cursors: str) -> None:
        self.clock = ManualClock()
        self.source = StreamSource(client, self.clock, limits=LookLimits(samples=reads))
        self.source.keep_samples(cursors)
        self.last: Poll | None = None
        self.number = 0

    def look(self) -> list[EntrySample | LeftOut]:
        self.last = self.source.poll(self.number, previous=self.last)
        self.number += 1
        self.clock.advance(15)
        return self.source.samples()


@pytest.fixture
def client(server: Server) -> Iterator[ReadOnlyClient]:
    with ReadOnlyClient.connect(server.url) as opened:
        yield opened


@pytest.fixture
def eyes(client: ReadOnlyClient) -> Eyes:
    return Eyes(client)


def add(server: Server, count: int, stream: str = "s", size: int = 1, start: int = 1) -> None:
    pipe = server.client.pipeline(transaction=False)
    for number in range(start, start + count):
        pipe.xadd(stream, {"correlationId": f"c-{number}", "body": "x" * size}, id=f"{number}-0")
    pipe.execute()


def ids(taken: list[EntrySample | LeftOut]) -> list[str]:
    return [item.id for item in taken if isinstance(item, EntrySample)]


def left(taken: list[EntrySample | LeftOut]) -> list[tuple[str, str, str, int | None]]:
    return [(item.stream, item.after, item.to, item.entries) for item in taken if isinstance(item, LeftOut)]


def reads(server: Server) -> int:
    stats = client_of(server).info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("xrange", "xrevrange"))


def test_every_entry_is_read_once_and_forward(server: Server, eyes: Eyes) -> None:
    add(server, 40)
    assert ids(eyes.look()) == [f"{n}-0" for n in (1, 2, 3, *range(31, 41))]
    add(server, 60, start=41)
    taken = eyes.look()
    assert ids(taken) == [f"{n}-0" for n in range(41, 101)]
    assert taken[0] == EntrySample(
        stream="s", id="41-0", correlation_id="c-41", fields=("correlationId", "body")
    )
    assert eyes.look() == []


def test_one_new_entry_costs_no_command(server: Server, eyes: Eyes) -> None:
    add(server, 5)
    eyes.look()
    before = reads(server)
    add(server, 1, start=6)
    assert ids(eyes.look()) == ["6-0"]
    assert reads(server) == before


def test_what_goes_beyond_a_share_is_left_out_and_counted(server: Server, eyes: Eyes) -> None:
    add(server, 1)
    eyes.look()
    add(server, 500, start=2)
    taken = eyes.look()
    assert len(ids(taken)) == samples.ENTRIES_PER_STREAM + 1  # the newest comes with XINFO STREAM
    assert left(taken) == [("s", "1-0", "501-0", 299)]
    add(server, 1, start=502)
    assert ids(eyes.look()) == ["502-0"]


def test_many_streams_share_a_poll_and_none_waits_for_ever(server: Server, eyes: Eyes) -> None:
    names = [f"s{number}" for number in range(samples.STREAMS_PER_POLL + 10)]
    pipe = server.client.pipeline(transaction=False)
    for name in names:
        pipe.xadd(name, {"a": 1}, id="1-0")
    pipe.execute()
    served: set[str] = set()
    for look in range(2, 6):
        newly = {item.stream for item in eyes.look() if isinstance(item, EntrySample)}
        fresh = newly - served
        assert len(fresh) == min(samples.NEW_STREAMS_PER_POLL, len(names) - len(served))
        assert len(newly & served) == min(len(served), samples.STREAMS_PER_POLL - len(fresh))
        served |= newly
        pipe = server.client.pipeline(transaction=False)
        for name in served:  # those that were served are the first to move again
            pipe.xadd(name, {"a": 1}, id=f"{look}-0")
        pipe.execute()
    assert served == set(names)


def test_trimmed_entries_are_counted_as_left_out(server: Server, eyes: Eyes) -> None:
    add(server, 1)
    eyes.look()
    add(server, 30, start=2)
    client_of(server).xtrim("s", maxlen=5, approximate=False)
    taken = eyes.look()
    assert (ids(taken), left(taken)) == ([f"{n}-0" for n in range(27, 32)], [("s", "1-0", "31-0", 25)])


def test_entries_of_a_megabyte_are_not_read_but_counted(server: Server, eyes: Eyes) -> None:
    add(server, 5, size=1_000_000)
    assert ids(eyes.look()) == ["1-0", "5-0"]
    add(server, 5, size=1_000_000, start=6)
    before = reads(server)
    taken = eyes.look()
    assert (ids(taken), left(taken)) == (["10-0"], [("s", "5-0", "10-0", 4)])
    assert reads(server) == before


def test_big_entries_among_small_ones_end_the_page(server: Server, eyes: Eyes) -> None:
    add(server, 5)
    eyes.look()
    add(server, 60, size=60_000, start=6)
    add(server, 20, start=66)
    taken = eyes.look()
    assert len(ids(taken)) == samples.PAGE_ENTRIES + 1
    assert left(taken) == [("s", "5-0", "85-0", 80 - samples.PAGE_ENTRIES - 1)]


def test_values_never_leave_and_secrets_are_masked(server: Server, eyes: Eyes) -> None:
    secret = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    client_of(server).xadd("s", {"correlationId": secret, "card": "visa-of-anna"})
    client_of(server).xadd("t", {b"\xff\x00field": b"\x00\xff", "traceId": b"\x1b[31mred\xff"})
    taken = eyes.look()
    assert secret not in repr(taken)
    assert "anna" not in repr(taken)
    first, second = taken
    assert isinstance(first, EntrySample)
    assert str(first.correlation_id).startswith("[masked:")
    assert isinstance(second, EntrySample)
    assert (second.fields[0], second.correlation_id) == ("\\xff\\x00field", "\\x1b[31mred\\xff")


def test_switched_off_no_entry_is_read(server: Server, client: ReadOnlyClient) -> None:
    eyes = Eyes(client, reads=False)
    add(server, 40)
    for start in (41, 81):
        assert eyes.look() == []
        add(server, 40, start=start)
    assert reads(server) == 0
    assert eyes.last is not None
    state = eyes.last.stream("s")
    assert state is not None
    assert {name for shape in state.sample for name, _ in shape.fields} == {"correlationId", "body"}
    assert "redis.samples is off" in {gap.why for gap in eyes.source.gaps()}


def test_a_later_process_goes_on_where_the_last_one_was(server: Server, client: ReadOnlyClient) -> None:
    add(server, 40)
    assert ids(Eyes(client, s="20-0").look()) == [f"{n}-0" for n in range(21, 41)]


def test_a_stream_made_anew_with_lower_ids_is_looked_at_anew(server: Server, eyes: Eyes) -> None:
    add(server, 40)
    eyes.look()
    client_of(server).delete("s")
    add(server, 3)
    assert ids(eyes.look()) == ["1-0", "2-0", "3-0"]


def test_without_the_right_to_read_entries_what_xinfo_shows_is_kept(server: Server) -> None:
    rules = "on >pw ~* +@all -xrange -xrevrange"
    client_of(server).execute_command("ACL", "SETUSER", "narrow", *rules.split())
    try:
        with ReadOnlyClient.connect(server.url.replace("redis://", "redis://narrow:pw@")) as narrow:
            eyes = Eyes(narrow)
            add(server, 30)
            assert ids(eyes.look()) == ["1-0", "30-0"]
            add(server, 30, start=31)
            taken = eyes.look()
    finally:
        client_of(server).execute_command("ACL", "DELUSER", "narrow")
    assert (ids(taken), left(taken)) == (["60-0"], [("s", "30-0", "60-0", 29)])
