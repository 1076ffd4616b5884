"""Polls of a real server: exact lag, pending, consumers, hostile names, and nothing changed by looking."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.fakes.forwarder import Forwarder
from tests.sources.redis.raw import client_of
from tools.clock import StopSignal, SystemClock
from tools.errors import SourceUnavailable
from tools.sources.records import GroupState, Lag, Poll, StreamState
from tools.sources.redis import discovery, lag, preflight
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


@pytest.fixture
def client(server: Server) -> Iterator[ReadOnlyClient]:
    with ReadOnlyClient.connect(server.url) as opened:
        yield opened


class Eyes:
    """A source on a clock of its own: pauses cost no time."""

    def __init__(self, client: ReadOnlyClient, **limits: object) -> None:
        self.clock = ManualClock()
        self.source = StreamSource(client, self.clock, limits=LookLimits(**limits))  # type: ignore[arg-type]  # by name
        self.last: Poll | None = None
        self.number = 0

    def poll(self) -> Poll:
        self.last = self.source.poll(self.number, previous=self.last)
        self.number += 1
        self.clock.advance(15)
        return self.last

    def stream(self, name: str = "s") -> StreamState:
        state = self.poll().stream(name)
        assert state is not None
        return state

    def group(self, stream: str = "s", name: str = "g") -> GroupState:
        group = self.stream(stream).group(name)
        assert group is not None
        return group


@pytest.fixture
def eyes(client: ReadOnlyClient) -> Eyes:
    return Eyes(client)


def five(server: Server) -> None:
    for number in range(1, 6):
        client_of(server).xadd("s", {"a": number}, id=f"{number}-0")


def read(server: Server, count: int, group: str = "g", consumer: str = "c") -> list[str]:
    reply = client_of(server).xreadgroup(group, consumer, {"s": ">"}, count=count)
    return [entry_id for entry_id, _ in reply[0][1]] if reply else []


def read_two(server: Server) -> None:
    client_of(server).xgroup_create("s", "g", "0")
    read(server, 2)


def deleted_behind(server: Server) -> None:
    read_two(server)
    client_of(server).xdel("s", "1-0")


def deleted_ahead(server: Server) -> None:
    read_two(server)
    client_of(server).xdel("s", "4-0")


def created_in_the_middle(server: Server) -> None:
    client_of(server).xgroup_create("s", "g", "3-0")


def created_in_the_middle_and_read(server: Server) -> None:
    created_in_the_middle(server)
    read(server, 1)


def created_with_entries_read(server: Server, count: int) -> None:
    if server.product.has_what_came_with(7, 0):
        client_of(server).xgroup_create("s", "g", "3-0", entries_read=count)
        return
    with pytest.raises(redis.ResponseError, match=r"(?i)syntax|unknown"):
        client_of(server).xgroup_create("s", "g", "3-0", entries_read=count)
    created_in_the_middle(server)


def entries_read_told_right(server: Server) -> None:
    created_with_entries_read(server, 3)


def entries_read_lies(server: Server) -> None:
    created_with_entries_read(server, 100)


def entries_read_lies_by_one(server: Server) -> None:
    created_with_entries_read(server, 4)


def set_to_the_middle(server: Server) -> None:
    read_two(server)
    client_of(server).xgroup_setid("s", "g", "3-0")


def set_to_the_start(server: Server) -> None:
    read_two(server)
    client_of(server).xgroup_setid("s", "g", "0")


def trimmed_past_the_group(server: Server) -> None:
    client_of(server).xgroup_create("s", "g", "0")
    read(server, 1)
    client_of(server).xtrim("s", maxlen=1, approximate=False)


def trimmed_and_read(server: Server) -> None:
    trimmed_past_the_group(server)
    read(server, 1)


def never_read(server: Server) -> None:
    client_of(server).xgroup_create("s", "g", "0")


def from_now_on(server: Server) -> None:
    client_of(server).xgroup_create("s", "g", "$")


def entries_added_set(server: Server) -> None:
    read_two(server)
    counted = ("ENTRIESADDED", 100) if server.product.has_what_came_with(7, 0) else ()
    client_of(server).execute_command("XSETID", "s", "5-0", *counted)


def all_deleted(server: Server) -> None:
    read_two(server)
    client_of(server).xtrim("s", maxlen=0, approximate=False)


@pytest.mark.parametrize(
    ("prepare", "truth", "source"),
    [
        (read_two, 3, "counted"),
        (deleted_behind, 3, "counted"),
        (deleted_ahead, 2, "counted"),
        (created_in_the_middle, 2, "counted"),
        (created_in_the_middle_and_read, 1, "counted"),
        (entries_read_told_right, 2, "counted"),
        (entries_read_lies, 2, "counted"),
        (entries_read_lies_by_one, 2, "counted"),
        (set_to_the_middle, 2, "counted"),
        (set_to_the_start, 5, "derived"),
        (trimmed_past_the_group, 1, "derived"),
        (trimmed_and_read, 0, "derived"),
        (never_read, 5, "derived"),
        (from_now_on, 0, "derived"),
        (entries_added_set, 3, "counted"),
        (all_deleted, 0, "derived"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_lag_is_exact_where_the_server_is_nil_or_wrong(
    server: Server, eyes: Eyes, prepare: Callable[[Server], None], truth: int, source: str
) -> None:
    five(server)
    prepare(server)
    found = eyes.group().lag
    assert found is not None
    assert (found.messages, found.source) == (truth, source)


def test_the_server_is_believed_once_it_was_seen_in_step(server: Server, eyes: Eyes) -> None:
    five(server)
    client_of(server).xgroup_create("s", "g", "0")
    read(server, 10)
    assert eyes.group().lag == Lag(messages=0, source="derived")
    client_of(server).xadd("s", {"a": 6}, id="6-0")
    client_of(server).xadd("s", {"a": 7}, id="7-0")
    read(server, 1)
    honest = server.product.has_what_came_with(7, 4) or server.product.flavour == "valkey"
    assert eyes.group().lag == Lag(messages=1, source="server" if honest else "counted")


def test_lag_is_true_through_a_thousand_hostile_steps(server: Server, eyes: Eyes) -> None:
    dice, entries = random.Random(7), 1
    client_of(server).xadd("s", {"a": 1}, id="1-0")
    client_of(server).xgroup_create("s", "g", "0")
    for step in range(1000):
        choice = dice.random()
        if choice < 0.45:
            entries += 1
            cap = dice.randint(3, 15) if dice.random() < 0.3 else None
            client_of(server).xadd("s", {"a": 1}, id=f"{entries}-0", maxlen=cap, approximate=False)
        elif choice < 0.75:
            read(server, dice.randint(1, 6))
        elif choice < 0.83:
            there = client_of(server).xrange("s")
            if there:
                client_of(server).xdel("s", dice.choice(there)[0])
        elif choice < 0.87:
            client_of(server).xgroup_setid("s", "g", f"{dice.randint(0, entries)}-0")
        elif choice < 0.9:
            client_of(server).xtrim("s", maxlen=dice.randint(0, 10), approximate=False)
        if step % 4 == 0:
            group = eyes.group()
            truth = len(client_of(server).xrange("s", f"({group.info.last_delivered_id}"))
            assert group.lag is not None
            assert group.lag.messages == truth, (step, group)


def test_a_count_ends_at_its_bound_and_says_so(
    server: Server, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "COUNT_ENTRIES_MAX", 300)
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(1, 1001):
        pipe.xadd("s", {"a": "x"}, id=f"{number}-0")
    pipe.execute()
    client_of(server).xgroup_create("s", "g", "100-0")
    assert eyes.group().lag == Lag(messages=300, source="bound", at_most=999)


def test_lag_above_its_limit_stands_only_after_a_second_look(server: Server, eyes: Eyes) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(1, 202):
        pipe.xadd("s", {"a": "x"}, id=f"{number}-0")
    pipe.execute()
    client_of(server).xgroup_create("s", "g", "50-0")
    poll = eyes.source.poll(0, previous=None)
    first = poll.streams[0].groups[0].lag
    assert first == Lag(messages=151, source="counted", confirmed=False)
    eyes.clock.advance(4.5)
    early = eyes.source.recheck(poll, [("s", "g")]).streams[0].groups[0].lag
    assert early is not None
    assert not early.confirmed
    eyes.clock.advance(0.5)
    again = eyes.source.recheck(poll, [("s", "g")])
    assert again.streams[0].groups[0].lag == Lag(messages=151, source="counted", confirmed=True)
    assert again.number == poll.number
    read(server, 100)
    drained = eyes.source.recheck(again, [("s", "g")]).streams[0].groups[0].lag
    assert drained is not None
    assert (drained.messages, drained.confirmed) == (51, False)


def test_a_stream_deleted_between_poll_and_recheck_is_gone(server: Server, eyes: Eyes) -> None:
    five(server)
    client_of(server).xadd("other", {"a": 1})
    poll = eyes.poll()
    client_of(server).delete("s")
    assert [state.name for state in eyes.source.recheck(poll, [("s", "g"), ("never", "g")]).streams] == [
        "other"
    ]


def test_pending_and_consumers_are_read(server: Server, eyes: Eyes) -> None:
    five(server)
    read_two(server)
    group = eyes.group()
    assert [(entry.id, entry.consumer, entry.deliveries) for entry in group.pending] == [
        ("1-0", "c", 1),
        ("2-0", "c", 1),
    ]
    assert group.pending_complete
    assert group.consumers is not None
    assert [(item.name, item.pending) for item in group.consumers] == [("c", 2)]


def test_a_long_pending_list_is_paged_and_the_page_moves_on(server: Server, eyes: Eyes) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(1, 2502):
        pipe.xadd("s", {"a": "x"}, id=f"{number}-0")
    pipe.execute()
    client_of(server).xgroup_create("s", "g", "0")
    read(server, 2501)
    client_of(server).config_resetstat()
    seen = []
    for _ in range(3):
        client_of(server).xadd("other", {"a": 1})
        group = eyes.group()
        assert not group.pending_complete
        seen.append({int(entry.id[:-2]) for entry in group.pending})
    assert seen[0] == set(range(1, 101))
    assert seen[1] == set(range(1, 201))
    assert seen[2] == set(range(1, 101)) | set(range(201, 301))


def test_names_are_arbitrary_bytes(server: Server, eyes: Eyes) -> None:
    names = [b"\xff\x00", b"a b\r\nFLUSHALL\r\n", "é\u202e".encode(), b"", b"x" * 5000, b"x" * 5001]
    with redis.Redis(port=server.port) as plain:
        for name in names:
            plain.xadd(name, {b"\xfe\x1b": b"1"})
            plain.xgroup_create(name, b"g\xff\n", "0")
            plain.xreadgroup(b"g\xff\n", b"c\xfe", {name: ">"})
    states = eyes.poll().streams
    assert len({state.name for state in states}) == len(names)
    assert {state.groups[0].info.name for state in states} == {"g\\xff\\x0a"}
    assert {state.groups[0].pending[0].consumer for state in states} == {"c\\xfe"}
    assert {state.sample[0].fields[0][0] for state in states} == {"\\xfe\\x1b"}


def test_a_secret_in_a_name_does_not_leave_the_source(server: Server, eyes: Eyes) -> None:
    client_of(server).xadd("jobs:redis://user:hunter2hunter@host/0", {"a": 1})
    assert "hunter2" not in repr(eyes.poll())


def test_a_stream_that_goes_or_changes_its_type_is_gone(
    server: Server, client: ReadOnlyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stays", "goes", "turns"):
        client_of(server).xadd(name, {"a": 1})

    def scanned_before(*_args: object) -> tuple[list[bytes], bool]:
        return [b"goes", b"stays", b"turns"], True

    client_of(server).delete("goes", "turns")
    client_of(server).set("turns", "text")
    monkeypatch.setattr(discovery, "streams", scanned_before)
    assert [state.name for state in Eyes(client).poll().streams] == ["stays"]


def test_the_shapes_of_entries_are_sampled_and_trimmed_ones_forgotten(server: Server, eyes: Eyes) -> None:
    client_of(server).xadd("s", {"id": 1, "amount": "12.5"}, id="1-0")
    client_of(server).xadd("s", {"id": 2, "total": "a lot"}, id="2-0")
    for number in range(3, 30):
        client_of(server).xadd("s", {"id": number, "amount": "1"}, id=f"{number}-0")
    sample = eyes.stream().sample
    assert [item.fields for item in sample] == [
        (("id", "int"), ("amount", "int")),
        (("id", "int"), ("total", "text")),
        (("id", "int"), ("amount", "float")),
    ]
    assert sample[0].id == "29-0"
    client_of(server).xtrim("s", maxlen=5, approximate=False)
    assert [item.id for item in eyes.stream().sample] == ["29-0"]


def test_a_quiet_server_is_not_swept_and_idle_times_go_on(server: Server, client: ReadOnlyClient) -> None:
    eyes = Eyes(client, stuck_idle_ms=3_600_000)  # or a look would be due before an entry passes it
    five(server)
    read_two(server)
    first = eyes.poll()
    sent = eyes.source._client.sent["xinfo|stream"]
    second = eyes.poll()
    assert second.quiet
    assert eyes.source._client.sent["xinfo|stream"] == sent
    idle = [poll.streams[0].groups[0].pending[0].idle for poll in (first, second)]
    assert 15_000 <= idle[1] - idle[0] < 15_500  # the pauses between batches count
    client_of(server).xack("s", "g", "1-0")
    third = eyes.poll()
    assert not third.quiet
    assert third.calls == {"xack": 1}
    assert [poll.quiet for poll in (eyes.poll(), eyes.poll(), eyes.poll(), eyes.poll())] == [
        True,
        True,
        True,
        False,
    ]


def test_reset_counters_make_a_sweep(server: Server, eyes: Eyes) -> None:
    five(server)
    eyes.poll()
    client_of(server).config_resetstat()
    poll = eyes.poll()
    assert not poll.quiet
    assert poll.calls == {}


def test_looking_changes_nothing(server: Server, eyes: Eyes) -> None:
    five(server)
    read_two(server)
    before = (
        client_of(server).xinfo_stream("s", full=True)["groups"][0]["pel-count"],
        client_of(server).xrange("s"),
        client_of(server).xpending_range("s", "g", "-", "+", 10)[0]["times_delivered"],
        client_of(server).keys("*"),
    )
    client_of(server).config_resetstat()
    for _ in range(5):
        eyes.poll()
        client_of(server).xlen("s")
    seen = {name.removeprefix("cmdstat_") for name in client_of(server).info("commandstats")}
    sent = {
        "info", "scan", "xinfo|stream", "xinfo|groups", "xinfo|consumers", "xpending", "xrange", "xrevrange", "xlen",
        "client|list", "config|get", "config|resetstat",
    }  # fmt: skip
    assert seen <= sent | {
        name.partition("|")[0] for name in sent if not server.product.has_what_came_with(7, 0)
    }
    after = (
        client_of(server).xinfo_stream("s", full=True)["groups"][0]["pel-count"],
        client_of(server).xrange("s"),
        client_of(server).xpending_range("s", "g", "-", "+", 10)[0]["times_delivered"],
        client_of(server).keys("*"),
    )
    assert after == before


def test_a_poll_states_what_it_cost(server: Server, eyes: Eyes) -> None:
    five(server)
    cost = eyes.poll().cost
    assert 0 < cost.server_us < 100_000
    assert 0 < cost.round_trips < 30


def test_a_server_that_went_away_makes_the_next_poll_begin_anew(own_server: Server) -> None:
    with ReadOnlyClient.connect(own_server.url, command_timeout_s=0.5) as client:
        eyes = Eyes(client)
        client_of(own_server).xadd("s", {"a": 1})
        assert not eyes.poll().after_gap
        client._connection.disconnect()
        assert eyes.poll().number == 1  # a dropped connection alone is opened again
        own_server.stop()
        with pytest.raises(SourceUnavailable):
            eyes.poll()


def test_another_server_at_the_address_is_a_gap(server: Server, eyes: Eyes) -> None:
    five(server)
    eyes.poll()
    assert eyes.last is not None
    other = type(eyes.last.server)(flavour="valkey", version="9.1.2", run_id="another")
    eyes.last = Poll(number=0, at_ms=eyes.last.at_ms, server=other, streams=eyes.last.streams)
    assert eyes.poll().after_gap
    eyes.clock.advance(600)
    assert eyes.poll().after_gap


def test_other_databases_are_a_limit_that_is_stated(server: Server, eyes: Eyes) -> None:
    client_of(server).execute_command("SELECT", 3)
    try:
        client_of(server).xadd("elsewhere", {"a": 1})
    finally:
        client_of(server).execute_command("SELECT", 0)
    assert eyes.poll().streams == ()
    assert [(gap.what.split(": ")[1], gap.blind) for gap in eyes.source.gaps()] == [("databases 3", False)]


def test_streams_are_found_among_other_keys(server: Server, eyes: Eyes) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(3000):
        pipe.set(f"k{number}", 1)
    for number in range(120):
        pipe.xadd(f"s{number}", {"a": 1})
    pipe.execute()
    assert len(eyes.poll().streams) == 120
    assert eyes.source._client.sent["scan"] >= 3
    assert "keys" not in {name.removeprefix("cmdstat_") for name in client_of(server).info("commandstats")}


def test_the_real_clock_paces_batches(server: Server, client: ReadOnlyClient) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(60):
        pipe.xadd(f"s{number}", {"a": 1})
    pipe.execute()
    poll = StreamSource(client, SystemClock()).poll(0, previous=None)
    assert len(poll.streams) == 60
    assert poll.cost.wall_ms >= 5 * (poll.cost.round_trips - 3)


def test_a_server_without_xinfo_is_no_server_without_streams(tmp_path: Path) -> None:
    renamed = Server(tmp_path, "--rename-command", "XINFO", "XINFO_HIDDEN")
    try:
        client_of(renamed).xadd("s", {"a": 1})
        with ReadOnlyClient.connect(renamed.url) as client:
            with pytest.raises(SourceUnavailable, match="unknown command"):
                StreamSource(client, ManualClock()).poll(0, previous=None)
            found = preflight.missing_commands(client)
        assert found.missing == ()
        assert "XINFO" in str(found.unknown)
    finally:
        renamed.stop()


def add(server: Server, count: int) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for _ in range(count):
        pipe.xadd("s", {"a": "x"})
    pipe.execute()


def test_a_batch_in_the_making_is_no_standing_lag(server: Server, eyes: Eyes) -> None:
    client_of(server).xgroup_create("s", "g", "0", mkstream=True)
    confirmed = []
    for _ in range(4):  # at each look the group has been at the end since the one before
        add(server, 150)
        confirmed.append(eyes.group().lag)
        assert len(read(server, 500)) == 150
        time.sleep(0.002)
    assert [item and (item.messages, item.confirmed) for item in confirmed] == [(150, False)] * 4


def test_a_group_that_stops_after_its_batch_has_a_standing_lag(server: Server, eyes: Eyes) -> None:
    client_of(server).xgroup_create("s", "g", "0", mkstream=True)
    add(server, 150)
    assert len(read(server, 500)) == 150
    time.sleep(0.002)
    add(server, 150)
    poll = eyes.poll()
    again = eyes.source.recheck(poll, [("s", "g")])
    assert [state.groups[0].lag for state in (poll.streams[0], again.streams[0])] == [
        Lag(messages=150, source="counted", confirmed=False),
        Lag(messages=150, source="counted", confirmed=True),
    ]


def test_a_group_that_always_leaves_entries_behind_has_a_standing_lag(server: Server, eyes: Eyes) -> None:
    client_of(server).xgroup_create("s", "g", "0", mkstream=True)
    add(server, 300)
    confirmed = []
    for _ in range(2):
        time.sleep(0.002)
        assert len(read(server, 100)) == 100
        lag = eyes.group().lag
        confirmed.append(lag is not None and lag.confirmed)
        add(server, 100)
    assert confirmed == [False, True]


def test_trimming_under_a_batch_is_a_standing_lag(server: Server, eyes: Eyes) -> None:
    client_of(server).xgroup_create("s", "g", "0", mkstream=True)
    seen = []
    for _ in range(3):
        add(server, 300)
        client_of(server).xtrim("s", maxlen=150, approximate=False)
        seen.append(eyes.group().lag)
        read(server, 500)
        time.sleep(0.002)
    assert [item and item.confirmed for item in seen] == [False, True, True]


@pytest.mark.parametrize(("age_ms", "late"), [(100, False), (3000, True)])
def test_time_lag_is_that_of_the_last_read_where_one_was_made(
    server: Server, eyes: Eyes, age_ms: int, late: bool
) -> None:
    client = client_of(server)
    client.xgroup_create("s", "g", "0", mkstream=True)
    now = round(time.time() * 1000)
    client.xadd("s", {"a": 1}, id=f"{now - age_ms}-0")
    read(server, 1)
    client.xadd("s", {"a": 1}, id=f"{now + 5000}-0")
    measured = [eyes.group().time_lag_ms]
    client.set("another", "key")
    measured.append(eyes.group().time_lag_ms)
    assert [value is not None and value > 500 for value in measured] == [late, True]


class Turning(ManualClock):
    """At the first pause in a look, the address leads to another server."""

    def __init__(self, turn: Callable[[], None]) -> None:
        super().__init__()
        self.turn: Callable[[], None] | None = None
        self._turn = turn

    def arm(self) -> None:
        self.turn = self._turn

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        super().sleep_until(when, stop)
        if self.turn is not None:
            turn, self.turn = self.turn, None
            turn()


@pytest.fixture
def turning(server: Server, own_server: Server) -> Iterator[tuple[StreamSource, Turning, Server]]:
    """The shared server holds a lag; the other one, where the address leads in the middle of a look, does not."""
    client_of(server).xgroup_create("s", "g", "0", mkstream=True)
    add(server, 150)
    client_of(own_server).xadd("other", {"a": 1})
    forwarder = Forwarder(server.port)
    clock = Turning(lambda: forwarder.turn_to(own_server.port))
    with ReadOnlyClient.connect(forwarder.url) as client:
        yield StreamSource(client, clock), clock, own_server
    forwarder.close()


def test_a_look_is_of_one_server_whatever_happens_in_its_middle(
    turning: tuple[StreamSource, Turning, Server], server: Server
) -> None:
    source, clock, _ = turning
    first = source.poll(0, previous=None)
    clock.advance(15)
    add(server, 1)  # where nothing moves, nothing is looked at
    clock.arm()
    second = source.poll(1, previous=first)
    assert [state.name for state in second.streams] == ["other"]
    assert second.after_gap
    assert second.server.run_id != first.server.run_id


def test_a_second_look_that_met_another_server_confirms_nothing(
    turning: tuple[StreamSource, Turning, Server],
) -> None:
    source, clock, _ = turning
    poll = source.poll(0, previous=None)
    clock.advance(5)
    clock.arm()
    assert source.recheck(poll, [("s", "g")]) == poll
