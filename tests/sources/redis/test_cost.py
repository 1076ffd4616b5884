"""What a look costs the server: one INFO where nothing moved, small batches where something did, all of it told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import redis

from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.sources.redis.raw import client_of
from tools.clock import SystemClock
from tools.errors import CommandRefused
from tools.sources.records import Poll
from tools.sources.redis import commandstats, details
from tools.sources.redis.allowlist import question
from tools.sources.redis.details import TURNS, UNTOUCHED_TURNS
from tools.sources.redis.guard import CostGuard
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.pacing import Pace, Pacer
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


class Polling:
    """A source that polls every 15 s of a clock of its own."""

    def __init__(self, client: ReadOnlyClient, pace: Pace | None = None) -> None:
        self.client, self.clock = client, ManualClock()
        # Its clock runs ahead of the server's: no pending entry of these tests gets old.
        self.source = StreamSource(client, self.clock, pace=pace, limits=LookLimits(stuck_idle_ms=3_600_000))
        self.polls: list[Poll] = []

    def poll(self) -> Poll:
        before = self.polls[-1] if self.polls else None
        self.polls.append(self.source.poll(len(self.polls), previous=before))
        self.clock.advance(15)
        return self.polls[-1]


@pytest.fixture
def polling(server: Server) -> Iterator[Polling]:
    with ReadOnlyClient.connect(server.url) as client:
        yield Polling(client)


def fill(server: Server, streams: int, groups: int = 1) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(streams):
        for group in range(groups):
            pipe.xgroup_create(f"s{number}", f"g{group}", "0", mkstream=True)
        pipe.xadd(f"s{number}", {"a": number})
        for group in range(groups):
            pipe.xreadgroup(f"g{group}", "c", {f"s{number}": ">"})
    pipe.execute()


def test_a_poll_when_nothing_moved_is_one_info(server: Server, polling: Polling) -> None:
    fill(server, 30)
    polling.poll()
    before = polling.client.sent.copy()
    quiet = polling.poll()
    assert quiet.quiet
    assert polling.client.sent - before == {"info": 1}
    assert quiet.cost.round_trips == 1
    assert [state.name for state in quiet.streams] == [state.name for state in polling.polls[0].streams]


def test_reads_of_others_keep_a_poll_quiet_and_are_told_once(server: Server, polling: Polling) -> None:
    fill(server, 3)
    polling.poll()
    client_of(server).get("key")
    first, second = polling.poll(), polling.poll()
    assert (first.quiet, first.calls.get("get")) == (True, 1)
    assert (second.quiet, second.calls.get("get")) == (True, None)


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(("XADD", "s1", "*", "a", "1"), id="an entry"),
        pytest.param(("XACK", "s1", "g0", "1-0"), id="an acknowledgement of nothing"),
        pytest.param(("DEL", "s1"), id="a deletion"),
        pytest.param(("RENAME", "s1", "elsewhere"), id="a new name"),
        pytest.param(("EVAL", "return redis.call('XDEL', 's1', '1-0')", "0"), id="a script"),
        pytest.param(("PEXPIREAT", "s1", "1"), id="an expiry that is due"),
        pytest.param(("CONFIG", "RESETSTAT"), id="counters that begin anew"),
        pytest.param(("FLUSHALL",), id="everything"),
    ],
)
def test_what_may_move_a_stream_is_looked_at(server: Server, polling: Polling, move: tuple[str, ...]) -> None:
    fill(server, 3)
    polling.poll()
    client_of(server).execute_command(*move)
    assert not polling.poll().quiet


@pytest.mark.parametrize("name", sorted(commandstats.READ_ONLY | commandstats.OTHER_TYPES))
def test_what_counts_as_quiet_leaves_a_stream_as_it_is(server: Server, name: str) -> None:
    """Each with the stream in the place of its keys: by the server's own table, or refused as the wrong type."""
    with closing(redis.Redis(port=server.port)) as raw:
        _try_on_a_stream(raw, server, name)


def _try_on_a_stream(raw: Any, server: Server, name: str) -> None:
    described = raw.execute_command("COMMAND", "INFO", name)
    assert described
    if name in commandstats.READ_ONLY:
        assert "write" not in next(iter(described.values()))["flags"]
        return
    client_of(server).xadd("s", {"a": 1}, id="1-0")
    before = raw.execute_command("DUMP", "s")
    for count in range(7):
        words = ["s", *["1"] * count]
        for argv in (words, [words[0], "s", *words[2:]], ["1", *words]):
            with suppress(redis.ResponseError):
                raw.execute_command(name, *argv)
    assert raw.execute_command("DUMP", "s") == before


def test_a_stream_that_expires_between_two_polls_is_seen_to_go(server: Server, polling: Polling) -> None:
    """It sends no command: only the server's count of losses tells."""
    fill(server, 2)
    client_of(server).pexpire("s1", 1000)
    polling.poll()
    before = client_of(server).info("stats")["expired_keys"]
    deadline = time.monotonic() + 10
    while client_of(server).info("stats")["expired_keys"] == before and time.monotonic() < deadline:
        time.sleep(0.01)
    gone = polling.poll()
    assert not gone.quiet
    assert [state.name for state in gone.streams] == ["s0"]


def test_every_microsecond_of_ours_is_told_once(server: Server, polling: Polling) -> None:
    fill(server, 20, groups=2)
    client_of(server).config_resetstat()
    polling.poll()  # its first reading is where the account begins
    polling.poll()
    client_of(server).xadd("s1", {"a": 1})
    polling.poll()
    stats = client_of(server).info("commandstats")
    truth = {name.removeprefix("cmdstat_"): stat["usec"] for name, stat in stats.items()}
    told = sum(poll.cost.server_us for poll in polling.polls)
    streams = sum(
        usec for name, usec in truth.items() if name.startswith(("xinfo", "xpending", "xrange", "xrev"))
    )
    ours = streams + sum(truth.get(name, 0) for name in ("info", "scan", "client|list", "config|get", "time"))
    assert streams <= told <= ours


def test_a_batch_is_bounded_by_commands_and_by_the_time_they_take(server: Server) -> None:
    with ReadOnlyClient.connect(server.url) as client:
        asks = [question(("PING",)) for _ in range(120)]
        pacer = Pacer(client, ManualClock(), Pace(batch_us=1_000, commands=50, gap_s=0.005))
        before = client.round_trips
        assert pacer.run(asks) == [b"PONG"] * 120
        assert client.round_trips - before == 3
        pacer.learn(measured_us=4 * pacer.estimated_us, estimated_us=pacer.estimated_us)
        pacer.learn(measured_us=4 * pacer.estimated_us, estimated_us=pacer.estimated_us)
        slow = Pacer(client, ManualClock(), Pace(batch_us=22, commands=50, gap_s=0.005))
        before = client.round_trips
        slow.run(asks)
        assert client.round_trips - before == 12


def test_a_slow_server_is_asked_in_smaller_batches(server: Server) -> None:
    with ReadOnlyClient.connect(server.url) as client:
        clock = ManualClock()
        pacer = Pacer(client, clock, Pace(batch_us=110, commands=50, gap_s=0.0))
        asks = [question(("PING",)) for _ in range(50)]
        trips = client.round_trips
        pacer.run(asks)
        quick = client.round_trips - trips
        for _ in range(8):
            pacer.learn(measured_us=pacer.estimated_us * 4, estimated_us=pacer.estimated_us)
        trips = client.round_trips
        pacer.run(asks)
        assert client.round_trips - trips >= 4 * quick


class Slow(ManualClock):
    """A clock on which every round trip takes as long as the next of `takes_s` says."""

    def __init__(self, takes_s: list[float]) -> None:
        super().__init__()
        self._takes_s = takes_s
        self._asked = 0

    def monotonic(self) -> float:
        # Read before and after each batch; the first reading is the pacer's own.
        self._asked += 1
        if self._asked > 1 and self._asked % 2 and self._takes_s:
            self.advance(self._takes_s.pop(0))
        return super().monotonic()


@pytest.mark.parametrize(
    ("takes_s", "trips"),
    [
        pytest.param([0.001] * 8, [50] * 4, id="quick"),
        pytest.param([0.001, 0.02, 0.02, 0.001], [50] * 4, id="two pauses of our own"),
        pytest.param(
            [0.001, 0.02, 0.02, 0.02, 0.001], [50, 50, 50, 50, 25, 50], id="a slow server, quick again"
        ),
        pytest.param(
            [0.001] + [0.02] * 12, [50] * 4 + [25] * 3 + [12] * 3 + [10] * 3, id="and slow for long"
        ),
    ],
)
def test_only_batches_that_are_slow_in_a_row_make_smaller_ones(
    server: Server, takes_s: list[float], trips: list[int]
) -> None:
    with ReadOnlyClient.connect(server.url) as client:
        pacer = Pacer(client, Slow(takes_s), Pace(batch_us=10_000, commands=50, gap_s=0.005))
        sizes = []
        asks = [question(("PING",)) for _ in range(sum(trips))]
        known = client.sent["ping"]
        for _ in pacer.each(asks):
            if client.sent["ping"] != known:
                sizes.append(client.sent["ping"] - known)
                known = client.sent["ping"]
        assert sizes == trips


def test_an_unpaced_look_sees_the_same_in_few_round_trips(server: Server, polling: Polling) -> None:
    fill(server, 300, groups=2)
    paced = polling.poll()
    with ReadOnlyClient.connect(server.url) as client:
        unpaced = Polling(client, Pace(batch_us=10_000.0, commands=2_000, gap_s=0.0)).poll()
    assert [(state.name, state.info) for state in unpaced.streams] == [
        (state.name, state.info) for state in paced.streams
    ]
    assert unpaced.cost.round_trips < paced.cost.round_trips / 3


def test_a_question_is_checked_when_it_is_made() -> None:
    with pytest.raises(CommandRefused):
        question(("XINFO", "STREAM", "s"), ("XADD", "s", "*", "a", "1"))


@pytest.mark.parametrize(
    ("costs_us", "interval_s"),
    [
        pytest.param([], 15, id="nothing known"),
        pytest.param([225_000], 15, id="just affordable"),
        pytest.param([450_000], 30, id="twice too dear"),
        pytest.param([450_000, 450_000, 0, 0], 15, id="dear, but seldom"),
        pytest.param([100_000, 9_000_000, 100_000], 15, id="once, as in a pause of its machine"),
        pytest.param([9_000_000, 9_000_000, 9_000_000], 120, id="as rare as polls get"),
        pytest.param([9_000_000, 1_000, 1_000, 1_000, 1_000], 15, id="it was long ago"),
    ],
)
def test_polls_come_as_often_as_their_share_of_a_core_allows(costs_us: list[int], interval_s: float) -> None:
    guard = CostGuard(15.0, 0.015)
    for cost in costs_us:
        guard.saw(cost)
    assert guard.interval_s == pytest.approx(interval_s)
    assert (guard.slowed() is None) == (interval_s == 15)


@pytest.mark.parametrize(
    ("move", "turns"),
    [
        pytest.param(("SET", "else", "1"), UNTOUCHED_TURNS, id="nobody reads or claims"),
        pytest.param(("XCLAIM", "s0", "g0", "c", "999999", "1-0"), TURNS, id="somebody may have claimed"),
    ],
)
def test_of_many_groups_that_stand_still_a_part_is_read_at_each_look(
    server: Server, polling: Polling, move: tuple[str, ...], turns: int
) -> None:
    fill(server, 2_600, groups=2)

    def asked() -> int:
        before = polling.client.sent["xinfo|consumers"]
        client_of(server).execute_command(*move)
        polling.poll()
        return polling.client.sent["xinfo|consumers"] - before

    counts = [asked() for _ in range(6)]
    assert counts[0] == 5_200
    assert max(counts[1:]) - min(counts[1:]) <= 2
    assert max(counts[1:]) - 5_200 / turns <= 2
    ages = [
        [consumer.idle for group in state.groups for consumer in group.consumers or ()]
        for state in polling.polls[-1].streams
    ]
    assert min(map(len, ages)) == 2
    client_of(server).xack("s7", "g0", client_of(server).xrange("s7")[0][0])
    client_of(server).xack("s8", "g0", client_of(server).xrange("s8")[0][0])
    asked()
    moved = {name: polling.polls[-1].stream(name) for name in ("s7", "s8")}
    pending = [group.info.pending for state in moved.values() if state for group in state.groups]
    entries = [len(group.pending) for state in moved.values() if state for group in state.groups]
    assert pending == entries == [0, 1, 0, 1]


def test_a_group_is_read_anew_before_its_consumers_pass_for_idle(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that began to wait in a read is seen by nobody: the server counts its call when it ends."""
    monkeypatch.setattr(details, "GROUPS_ALWAYS", 0)
    fill(server, 40)
    with ReadOnlyClient.connect(server.url) as client:
        polling = Polling(client)
        limits = LookLimits(stuck_idle_ms=3_600_000, idle_limit_ms=lambda stream, group: 40_000)
        polling.source = StreamSource(client, polling.clock, limits=limits)
        asked = []
        for number in range(6):
            before = client.sent["xinfo|consumers"]
            client_of(server).set("else", number)
            polling.poll()
            asked.append(client.sent["xinfo|consumers"] - before)
    assert (asked[0], asked[3]) == (40, 40 - asked[1] - asked[2])  # the fourth look is 45 s after the first
    assert max(asked[1], asked[2], asked[4], asked[5]) <= 6


def test_groups_at_one_place_of_a_stream_are_counted_once(server: Server, polling: Polling) -> None:
    for number in range(1, 8):
        client_of(server).xadd("s", {"a": 1}, id=f"{number}-0")
    for group in ("g1", "g2", "g3"):
        client_of(server).xgroup_create("s", group, "3-0")
    client_of(server).xgroup_create("s", "far", "5-0")
    polling.source.keep_samples({})
    lags = {group.info.name: group.lag and group.lag.messages for group in polling.poll().streams[0].groups}
    assert lags == {"far": 2, "g1": 4, "g2": 4, "g3": 4}
    counted = polling.client.sent["xrange"] + polling.client.sent["xrevrange"]
    assert counted == 2 + 1  # two places, and the sample of its newest entries


def test_no_idle_time_is_told_to_be_longer_than_the_server_says(server: Server) -> None:
    """On a slow network a look takes seconds of the clock, and quiet polls age what it read at its end."""
    fill(server, 60, groups=2)
    with ReadOnlyClient.connect(server.url) as client:
        polling = Polling(client)
        polling.clock = SystemClock()  # type: ignore[assignment]  # the real one: idle times are the server's
        polling.source = StreamSource(client, SystemClock(), pace=Pace(batch_us=30, commands=10, gap_s=0.005))
        previous = None
        for number in range(3):
            previous = polling.source.poll(number, previous=previous)
            told = {
                state.name: consumer.idle
                for state in previous.streams
                for group in state.groups
                for consumer in group.consumers or ()
            }
            for name, idle in told.items():
                real = min(item["idle"] for item in client_of(server).xinfo_consumers(name, "g1"))
                assert idle <= real
        assert previous is not None
        assert previous.quiet


def test_entries_of_unknown_size_are_counted_in_pages_that_begin_small(server: Server) -> None:
    client_of(server).xadd("s", {"a": 1}, id="1-0")
    for number in range(2, 60):
        client_of(server).xadd("s", {"a": "x" * 50_000}, id=f"{number}-0")
    client_of(server).xadd("s", {"a": 1}, id="60-0")
    client_of(server).xgroup_create("s", "g", "1-0")
    client_of(server).config_resetstat()
    with ReadOnlyClient.connect(server.url) as client:
        source = StreamSource(client, ManualClock(), limits=LookLimits(samples=False))
        before = client_of(server).info("stats")["total_net_output_bytes"]
        [state] = source.poll(0, previous=None).streams
        sent = client_of(server).info("stats")["total_net_output_bytes"] - before
    lag = state.groups[0].lag
    assert lag is not None
    assert lag.messages <= 59 <= (lag.at_most or lag.messages)
    assert sent < 2_500_000


def test_what_was_called_while_a_poll_was_made_is_told_by_it_and_by_the_next(
    server: Server, polling: Polling
) -> None:
    fill(server, 3)
    first = polling.poll()
    assert "xadd" not in first.late_calls
    client_of(server).xadd("s1", {"a": 1})
    again = polling.source.recheck(first, [("s1", "g0")])
    assert again.late_calls["xadd"] == 1
    assert again.cost.server_us > first.cost.server_us
    polling.polls[-1] = again
    assert polling.poll().calls["xadd"] == 1


def test_what_one_look_cannot_count_is_counted_by_the_next_ones_and_not_again(
    server: Server, polling: Polling
) -> None:
    pipe = client_of(server).pipeline(transaction=False)
    for stream in range(30):
        for number in range(1, 40):
            pipe.xadd(f"s{stream}", {"a": "x" * 20_000}, id=f"{number}-0")
        pipe.xgroup_create(f"s{stream}", "g", "2-0")
    pipe.execute()
    exact, asked = [], []
    for _ in range(8):
        before = polling.client.sent["xrange"]
        client_of(server).set("else", len(polling.polls))
        lags = [group.lag for state in polling.poll().streams for group in state.groups]
        exact.append(sum(lag is not None and lag.messages == 37 and lag.source == "counted" for lag in lags))
        asked.append(polling.client.sent["xrange"] - before)
    assert exact[-1] == 30
    assert exact == sorted(exact)
    assert exact[0] < 30
    assert asked[-1] <= 1  # the samples of a stream, if any
