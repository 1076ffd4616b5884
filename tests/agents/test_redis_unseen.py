"""Redis is lost and found in every way: each span is one gap with both its ends, and nothing false is raised.

Each server of the matrix; polls are 15 s apart on a clock of ours, so a span is told in polls.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.session.exit_code import exit_code
from tests.agents.desk import AGENT, Desk
from tests.conftest import Server
from tests.fakes.forwarder import Forwarder
from tests.fakes.waiting import wait_for
from tests.servers.binaries import Product
from tools.errors import SourceUnavailable
from tools.findings import recorder
from tools.findings.journal import read_data
from tools.findings.model import Severity, rank_of
from tools.sources import gaps
from tools.sources.redis import polls as journal
from tools.sources.redis.readonly import ReadOnlyClient

POLL_S = 15


class Outage:
    """One audited server that may be lost, a healthy fleet of one service on it, and the analyst."""

    def __init__(self, folder: Path, product: Product, *options: str) -> None:
        self.folder, self.product, self.options = folder / "server", product, options
        self.folder.mkdir()
        self.server = Server(self.folder, *options, product=product)
        self.extra: list[Server] = []
        self.desk = Desk(folder / "ws", self.server.url)
        self.begun_ms = self.desk.clock.now_ms()
        self.attempts = 0
        self.missed_group = False

    def start_analyst(self) -> None:
        self.attempts += 1
        self.desk.attempt(self.attempts)

    def work(self) -> None:
        """Twenty orders are written, read and acknowledged. A consumer makes its lost group only at its next turn."""
        client = self.server.client
        for number in range(20):
            client.xadd("orders", {"id": number})
        if client.xinfo_groups("orders"):
            read: Any = client.xreadgroup("mail", "m1", {"orders": ">"}, count=1000)
            client.xack("orders", "mail", *[entry_id for entry_id, _ in read[0][1]])
        elif self.missed_group:
            client.xgroup_create("orders", "mail", "0")
        self.missed_group = not self.missed_group

    def poll(self, times: int = 1, *, work: bool = True) -> None:
        for _ in range(times):
            if work:
                self.work()
            self.desk.open[-1][0].look()
            self.desk.clock.advance(POLL_S)

    def finish(self) -> None:
        analyst, reporter = self.desk.open[-1]
        analyst.finish()
        reporter.recorder.flush()

    def kill_server(self) -> None:
        self.server.process.kill()
        self.server.process.wait()
        self.server.client.close()

    def start_server(self, *, wait: bool = True, options: tuple[str, ...] = ()) -> None:
        self.server = Server(
            self.folder, *self.options, *options, port=self.server.port, wait=wait, product=self.product
        )
        self.missed_group = False

    def spans(self) -> list[tuple[int, int | None, bool]]:
        """From which poll to which, and whether it blinds: one row a gap that is a span."""
        told = [gap for gap in gaps.read(self.desk.workspace.gaps) if gap.period]
        return [(self._poll_at(gap.at_ms), self._poll_at(gap.until_ms), gap.blind) for gap in told]  # type: ignore[misc]

    def _poll_at(self, at_ms: int | None) -> int | None:
        return None if at_ms is None else (at_ms - self.begun_ms) // (POLL_S * 1000)

    def records(self) -> int:
        return sum(bool(gap.get("period")) for gap in read_data(self.desk.workspace.gaps))

    def after_gap(self) -> list[int]:
        return [poll.number for poll in journal.read_polls(self.desk.workspace.polls) if poll.after_gap]

    def above_low(self) -> list[str]:
        found = recorder.load(self.desk.workspace.findings(AGENT))
        return [item.title for item in found if rank_of(item) < Severity.LOW.rank]

    def exit_code(self) -> int:
        return exit_code(self.desk.workspace, fail_on="high", failed=False, signal=None)

    def close(self) -> None:
        self.desk.close()
        for server in (self.server, *self.extra):
            server.stop()


@pytest.fixture
def outage(product: Product, tmp_path: Path) -> Iterator[Outage]:
    made = Outage(tmp_path, product)
    made.server.client.xadd("mail.dlq", {"old": 1})
    made.work()
    made.work()
    made.start_analyst()
    made.poll(3)
    yield made
    made.close()


def refused_for_a_while(outage: Outage) -> None:
    outage.kill_server()
    outage.poll(3, work=False)
    outage.start_server()
    outage.poll(4)


def restarted_from_its_older_file(outage: Outage) -> None:
    outage.server.client.save()
    outage.poll(2)
    outage.kill_server()
    outage.poll(1, work=False)
    outage.start_server()
    outage.poll(4)


def stands_still(outage: Outage) -> None:
    outage.server.process.send_signal(signal.SIGSTOP)
    outage.poll(2, work=False)
    outage.server.process.send_signal(signal.SIGCONT)
    outage.poll(4)


def restarted_between_two_polls(outage: Outage) -> None:
    outage.kill_server()
    outage.start_server()
    outage.poll(4)


def twice(outage: Outage) -> None:
    stands_still(outage)
    refused_for_a_while(outage)


def loads_its_data(outage: Outage) -> None:
    new = outage.product.has_what_came_with(7, 0)  # before, a server answers at every 2 MB that it has loaded
    outage.server.client.config_set("rdbcompression", "no")
    pipe = outage.server.client.pipeline(transaction=False)
    for number in range(2000):
        pipe.set(f"key-{number}", number if new else "x" * 16_384)
    pipe.execute()
    outage.server.client.save()
    outage.kill_server()
    slow = ("--key-load-delay", "1000", *(("--loading-process-events-interval-bytes", "1024") if new else ()))
    outage.start_server(wait=False, options=slow)
    wait_for(lambda: _is_loading(outage.server), what="LOADING")
    outage.poll(1, work=False)
    outage.server.wait()
    outage.poll(4)


def _is_loading(server: Server) -> bool:
    # The client of the tests would try again until the server has loaded.
    try:
        ReadOnlyClient.connect(server.url).close()
    except SourceUnavailable as error:
        return "loading" in error.why
    return False


def has_no_room(outage: Outage) -> None:
    outage.server.client.config_set("maxmemory", "1")
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        outage.work()
    outage.poll(3, work=False)
    outage.server.client.config_set("maxmemory", "0")
    outage.poll(2)


@pytest.mark.parametrize(
    ("happens", "spans", "after_gap", "code"),
    [
        pytest.param(refused_for_a_while, [(2, 6, True)], [6], 3, id="refused, then restarted empty"),
        pytest.param(
            restarted_from_its_older_file, [(4, 6, True)], [6], 3, id="restarted from an older file"
        ),
        pytest.param(stands_still, [(2, 5, True)], [5], 3, id="SIGSTOP"),
        pytest.param(restarted_between_two_polls, [(2, 3, False)], [3], 0, id="restarted between two polls"),
        pytest.param(twice, [(2, 5, True), (8, 12, True)], [5, 12], 3, id="twice in one window"),
        pytest.param(loads_its_data, [(2, 4, True)], [4], 3, id="LOADING"),
        pytest.param(has_no_room, [], [], 0, id="OOM is the writers' trouble"),
    ],
)
def test_each_span_in_which_redis_was_not_seen_is_one_gap(
    outage: Outage,
    happens: Callable[[Outage], None],
    spans: list[tuple[int, int, bool]],
    after_gap: list[int],
    code: int,
) -> None:
    happens(outage)
    outage.finish()
    assert outage.spans() == spans
    assert outage.records() == 2 * sum(blind for _, _, blind in spans) + sum(not blind for *_, blind in spans)
    assert outage.after_gap() == after_gap
    assert outage.above_low() == []
    assert outage.exit_code() == code


def test_a_server_that_never_comes_back_is_a_gap_to_the_windows_end(outage: Outage) -> None:
    outage.kill_server()
    outage.poll(2, work=False)
    assert outage.spans() == [(2, None, True)]
    outage.finish()
    assert outage.spans() == [(2, 5, True)]
    assert outage.exit_code() == 3


def test_a_gap_outlives_the_analyst_that_began_it(outage: Outage) -> None:
    outage.server.process.send_signal(signal.SIGSTOP)
    outage.poll(1, work=False)
    outage.start_analyst()  # the attempt before is as kill -9 leaves it: nothing is closed
    outage.poll(1, work=False)
    outage.server.process.send_signal(signal.SIGCONT)
    outage.start_analyst()
    outage.poll(2)
    assert outage.spans() == [(2, 5, True)]
    assert outage.records() == 2
    assert outage.after_gap() == [3]  # the server is the same, but nobody saw it meanwhile
    assert outage.above_low() == []


def test_reasons_that_change_within_a_span_are_told_at_its_end(outage: Outage) -> None:
    outage.server.process.send_signal(signal.SIGSTOP)
    outage.poll(1, work=False)
    outage.kill_server()
    outage.poll(1, work=False)
    outage.start_server()
    outage.poll(1)
    [gap] = [gap for gap in gaps.read(outage.desk.workspace.gaps) if gap.period]
    first, second, third = gap.why.split("; then ")
    assert "no answer in time" in first
    assert "no connection" in second
    assert "restarted or replaced" in third


@pytest.mark.parametrize(
    ("still", "found"), [(False, []), (True, ["Group mail is 170 entries behind on orders"])]
)
def test_a_backlog_right_after_a_gap_is_judged_at_the_next_poll(
    outage: Outage, still: bool, found: list[str]
) -> None:
    """Consumers take a moment to come back; a second look 5 s later would blame them."""
    outage.server.client.save()
    outage.kill_server()
    outage.poll(1, work=False)
    outage.start_server()
    for number in range(150):
        outage.server.client.xadd("orders", {"id": number})
    outage.poll(1, work=False)
    if still:
        for number in range(20):
            outage.server.client.xadd("orders", {"id": number})
    outage.poll(1, work=not still)
    assert outage.above_low() == found


def test_the_rules_compare_with_the_first_poll_after_the_gap_also_in_a_new_attempt(outage: Outage) -> None:
    """The dead-letter stream that came back from an older file received nothing."""
    outage.server.client.save()
    outage.kill_server()
    outage.start_server()
    outage.poll(2)
    outage.start_analyst()
    outage.poll(2)
    outage.finish()
    assert outage.spans() == [(2, 3, False)]
    assert outage.above_low() == []
    newest, _ = outage.desk.open[-1]
    assert newest._view().baseline.number == 3


# --- Rights ----------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(product: Product, tmp_path: Path) -> Iterator[Outage]:
    """The analyst is a user of its own, whose rights are taken and given back."""
    made = Outage(tmp_path, product)
    made.server.client.execute_command(  # type: ignore[no-untyped-call]
        "ACL", "SETUSER", "auditor", "on", ">of-the-auditor", "+@all", "~*", "&*"
    )
    made.desk.url = f"redis://auditor:of-the-auditor@127.0.0.1:{made.server.port}/0"
    for _ in range(40):
        made.server.client.xadd("mail.dlq", {"old": 1})
    made.work()
    made.work()
    made.start_analyst()
    made.poll(3)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("taken", "given", "spans", "after_gap"),
    [
        pytest.param(["-info"], ["+info"], [(2, 5, True)], [5], id="INFO"),
        pytest.param(["-xinfo"], ["+xinfo"], [(2, 5, True)], [5], id="XINFO"),
        pytest.param(["-scan"], ["+scan"], [(2, 5, True)], [5], id="SCAN"),
        pytest.param(["off"], ["on"], [], [], id="a user that is switched off keeps its connection"),
        pytest.param(["resetkeys", "~orders"], ["~*"], [(2, 5, True)], [5], id="one stream"),
        pytest.param(["-xpending"], ["+xpending"], [], [], id="XPENDING, with nothing pending"),
    ],
)
def test_rights_that_are_taken_and_given_back_are_a_span(
    narrow: Outage,
    taken: list[str],
    given: list[str],
    spans: list[tuple[int, int, bool]],
    after_gap: list[int],
) -> None:
    command = narrow.server.client.execute_command
    command("ACL", "SETUSER", "auditor", *taken)  # type: ignore[no-untyped-call]
    narrow.poll(2)
    command("ACL", "SETUSER", "auditor", *given)  # type: ignore[no-untyped-call]
    narrow.poll(4)
    narrow.finish()
    assert narrow.spans() == spans
    seen = [len(poll.streams) for poll in journal.read_polls(narrow.desk.workspace.polls)]
    assert min(seen) == (1 if taken[0] == "resetkeys" else 2)  # never an empty server
    assert narrow.after_gap() == after_gap
    assert narrow.above_low() == []
    assert narrow.exit_code() == (3 if spans else 0)


# --- Failover --------------------------------------------------------------------------------------------


@pytest.fixture
def pair(product: Product, tmp_path: Path) -> Iterator[tuple[Outage, Server, Forwarder]]:
    """A primary and its replica behind one address."""
    made = Outage(tmp_path, product, "--repl-diskless-sync-delay", "0")
    (tmp_path / "replica").mkdir()
    replica = Server(tmp_path / "replica", "--replicaof", "127.0.0.1", str(made.server.port), product=product)
    made.extra.append(replica)
    wait_for(lambda: replica.client.info("replication")["master_link_status"] == "up", what="the replica")
    forwarder = Forwarder(made.server.port)
    made.desk.url = forwarder.url
    made.work()
    made.work()
    made.start_analyst()
    made.poll(3)
    wait_for(lambda: replica.client.xlen("orders") == made.server.client.xlen("orders"), what="replication")
    yield made, replica, forwarder
    forwarder.close()
    made.close()


def test_a_replica_that_is_promoted_behind_the_address_is_another_server(
    pair: tuple[Outage, Server, Forwarder],
) -> None:
    outage, replica, forwarder = pair
    outage.kill_server()
    outage.poll(1, work=False)
    replica.client.replicaof("no", "one")
    forwarder.turn_to(replica.port)
    old, outage.server = outage.server, replica
    outage.poll(4)
    outage.finish()
    outage.server = old
    assert outage.spans() == [(2, 4, True)]
    assert outage.after_gap() == [4]
    assert outage.above_low() == []


def test_a_failover_between_two_polls_is_a_span_that_blinds_nobody(
    pair: tuple[Outage, Server, Forwarder],
) -> None:
    outage, replica, forwarder = pair
    forwarder.turn_to(replica.port)
    outage.poll(2, work=False)  # writers still get READONLY
    replica.client.replicaof("no", "one")
    old, outage.server = outage.server, replica
    outage.poll(3)
    outage.finish()
    outage.server = old
    assert outage.spans() == [(2, 3, False), (4, 5, False)]
    assert [gap.why.split(":")[0][-15:] for gap in gaps.read(outage.desk.workspace.gaps) if gap.period] == [
        "master to slave",
        "slave to master",
    ]
    assert outage.after_gap() == [3, 5]
    assert outage.above_low() == []
    assert outage.exit_code() == 0
