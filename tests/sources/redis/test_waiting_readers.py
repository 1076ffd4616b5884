"""What is told of groups that were not read at a look: no rule may find a worker dead that waits in a read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.sources.redis.raw import client_of
from tools.detectors.thresholds import Limits
from tools.sources.redis import deep_pending, details, lag_reader, streams
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.sweep import StreamSource

FEW = 17


@pytest.fixture(autouse=True)
def as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few groups, taken as too many."""
    monkeypatch.setattr(details, "GROUPS_ALWAYS", 0)
    monkeypatch.setattr(streams, "STREAMS_ALWAYS", 0)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came to be")


class Workers:
    """A blocked reader of each of a few groups; `reconnect` cuts them off, and they begin to wait again."""

    def __init__(self, server: Server) -> None:
        self._server, self._client = server, client_of(server)
        self._clients: list[redis.Redis] = []
        for number in range(FEW):
            self._client.xgroup_create(f"s{number}", "g", "$", mkstream=True)

    def wait(self) -> None:
        never_again = Retry(NoBackoff(), 0)
        self._clients = [redis.Redis(port=self._server.port, retry=never_again) for _ in range(FEW)]
        for number, client in enumerate(self._clients):
            threading.Thread(target=self._read, args=(client, number), daemon=True).start()
        wait_for(lambda: self._client.info("clients")["blocked_clients"] == FEW)

    def reconnect(self) -> None:
        self.cut()
        self.wait()

    def cut(self) -> None:
        self._client.client_kill_filter(_type="normal", skipme=True)
        wait_for(lambda: self._client.info("clients")["blocked_clients"] == 0)

    @staticmethod
    def _read(client: redis.Redis, number: int) -> None:
        try:
            client.xreadgroup("g", "c", {f"s{number}": ">"}, block=0)
        except redis.RedisError:
            return


@pytest.fixture
def workers(own_server: Server) -> Iterator[Workers]:
    made = Workers(own_server)
    made.wait()
    yield made
    made.cut()


def polled(watch: Watch, server: Server) -> None:
    client_of(server).set("elsewhere", len(watch.polls))  # or the poll would be a quiet one
    watch.poll()


def test_workers_that_wait_again_are_not_dead(own_server: Server, workers: Workers) -> None:
    """The server counts a read that waits when it ends, and never one that is cut off."""
    with watching(own_server, Limits(consumer_idle=100)) as watch:
        watch.source = StreamSource(
            watch.source._client,
            watch.clock,
            limits=LookLimits(idle_limit_ms=lambda _stream, _group: 100_000),
        )
        for number in range(24):
            if number == 2:
                workers.reconnect()
            polled(watch, own_server)
            assert watch.told("stream.dead-consumer") == []


def test_one_that_was_idle_for_too_long_is_read_anew_where_the_clients_are_listed(
    own_server: Server, workers: Workers
) -> None:
    with watching(own_server) as watch:
        limits = LookLimits(idle_limit_ms=lambda _stream, _group: 1)
        watch.source = StreamSource(watch.source._client, watch.clock, limits=limits)
        for number in range(9):
            if number == 2:
                workers.reconnect()
            polled(watch, own_server)
            if watch.polls[-1].clients is not None and number > 2:
                idle = [
                    one.idle for s in watch.polls[-1].streams for g in s.groups for one in g.consumers or ()
                ]
                assert len(idle) == FEW
                assert max(idle) < 15_000  # what is aged only would be 15 s old at least


def test_a_quiet_poll_carries_nobody_over_a_limit(own_server: Server, workers: Workers) -> None:
    with watching(own_server) as watch:
        limits = LookLimits(idle_limit_ms=lambda _stream, _group: 40_000)
        watch.source = StreamSource(watch.source._client, watch.clock, limits=limits)
        watch.poll(9)
        assert any(poll.quiet for poll in watch.polls)
        idle = [o.idle for p in watch.polls for s in p.streams for g in s.groups for o in g.consumers or ()]
        assert max(idle) <= 40_000


def test_a_pending_entry_is_looked_up_before_it_passes_for_stuck(own_server: Server) -> None:
    """It was deleted while it was young, when nobody asked whether it is there."""
    client = client_of(own_server)
    for entry in ("1-0", "2-0", "3-0"):
        client.xadd("s", {"a": 1}, id=entry)
    client.xgroup_create("s", "g", "0")
    client.xreadgroup("g", "c", {"s": ">"})
    client.xdel("s", "2-0")
    with watching(own_server, Limits(pending_idle=1)) as watch:
        watch.poll()
        assert not any(entry.gone for entry in watch.polls[-1].streams[0].groups[0].pending)
        wait_for(lambda: client.xpending_range("s", "g", "-", "+", 1)[0]["time_since_delivered"] > 1_000)
        watch.poll(2)
        gone = {entry.id: entry.gone for entry in watch.polls[-1].streams[0].groups[0].pending}
        assert gone == {"1-0": False, "2-0": True, "3-0": False}
        assert [s.rule.id for s in watch.symptoms() if "2-0" in str(s.evidence)].count(
            "stream.stuck-message"
        ) == 0


def test_a_reader_without_acknowledgements_that_empties_its_stream_is_not_behind(own_server: Server) -> None:
    client = client_of(own_server)
    client.xgroup_create("s", "g", "$", mkstream=True)

    def add() -> None:
        pipe = client.pipeline(transaction=False)
        for _ in range(150):
            pipe.xadd("s", {"a": 1})
        pipe.execute()

    with watching(own_server) as watch:
        for _ in range(4):
            add()
            watch.poll()
            client.xreadgroup("g", "c", {"s": ">"}, noack=True)
        assert [p.streams[0].groups[0].lag.messages for p in watch.polls] == [150] * 4  # type: ignore[union-attr]
        assert watch.told("stream.consumer-lag") == []


def test_a_group_whose_last_read_nobody_asked_for_is_not_said_to_be_behind(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag_reader, "REACHES_MAX", 1)
    client = client_of(own_server)
    for name in ("a", "b", "c"):
        client.xgroup_create(name, "g", "$", mkstream=True)
    with watching(own_server) as watch:
        for _ in range(5):
            for name in ("a", "b", "c"):
                pipe = client.pipeline(transaction=False)
                for _ in range(150):
                    pipe.xadd(name, {"a": 1})
                pipe.execute()
            watch.poll()
            assert watch.told("stream.consumer-lag") == []
            for name in ("a", "b", "c"):
                ids = [
                    entry_id for _, found in client.xreadgroup("g", "c", {name: ">"}) for entry_id, _ in found
                ]
                client.xack(name, "g", *ids)


def test_every_small_lag_is_counted_in_its_turn(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag_reader, "SMALL_COUNTS_PER_POLL", 5)
    client = client_of(own_server)
    for number in range(12):
        for entry in range(1, 30):
            client.xadd(f"s{number:02}", {"a": 1}, id=f"{entry}-0")
        client.xgroup_create(f"s{number:02}", "g", "10-0")
    counted: set[str] = set()
    with watching(own_server) as watch:
        for look in range(3):
            for number in range(12):
                client.xadd(f"s{number:02}", {"a": 1}, id=f"{100 + look}-0")
            for state in watch.poll().streams:
                lag = state.groups[0].lag
                assert lag is not None
                if lag.source == "counted":
                    assert lag.messages == 20 + look
                    counted.add(state.name)
    assert len(counted) == 12


def test_of_many_long_lists_the_most_telling_are_watched(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deep_pending, "WATCHED_MAX", 4)
    client = client_of(own_server)
    for name in ("a", "b", "c", "d"):
        pipe = client.pipeline(transaction=False)
        for number in range(1, 301):
            pipe.xadd(name, {"a": 1}, id=f"{number}-0")
        pipe.execute()
        client.xgroup_create(name, "g", "0")
        client.xreadgroup("g", "c", {name: ">"}, count=300)
        client.xclaim(name, "g", "c", 0, ["250-0"], retrycount=9 if name == "d" else 2, justid=True)
    with watching(own_server) as watch:
        for _ in range(4):
            polled(watch, own_server)
            deep = {
                state.name
                for state in watch.polls[-1].streams
                if any(entry.id == "250-0" for entry in state.groups[0].pending)
            }
            assert "d" in deep
        told = {gap.what.rpartition(": ")[2] for gap in watch.source.gaps()}
        assert "pending entries lists" in told
