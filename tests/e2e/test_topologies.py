"""Real audits of Sentinel and cluster deployments that fail over and move their slots within the window."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from redis.sentinel import Sentinel

from tests.conftest import server_binary
from tests.e2e.audits import command, environment
from tests.fakes.waiting import wait_for
from tests.servers.cluster import Cluster
from tests.servers.cluster import wait_until as wait_until_redis
from tests.servers.sentinel import SERVICE
from tests.servers.sentinel import Deployment as Sentinels
from tools.findings.model import AgentId, Finding, Severity, rank_of
from tools.findings.recorder import load
from tools.sources import gaps
from tools.sources.records import Gap
from tools.sources.redis.polls import read_polls
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet
BOUND_S = 180
LATE = "invoices"
"""A stream that its group does not read: the one fault there is."""
CONFIG = """
[project]
root = {root!r}
[redis]
url = {url!r}
[session]
mode = "attach"
duration = {duration!r}
poll_interval = "1s"
[thresholds]
lag_recheck = "2s"
[output]
workspace = {workspace!r}
state_db = {state!r}
"""


class Work:
    """A healthy service on some streams: it adds, reads and acknowledges, and comes back after every loss."""

    def __init__(self, connect: Callable[[], Any], streams: list[str]) -> None:
        self._connect, self._streams = connect, streams
        self._stop = threading.Event()
        self.rounds = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        client = self._connect()
        for stream in self._streams:
            client.xgroup_create(stream, "workers", "0", mkstream=True)
        for _ in range(150):
            client.xadd(LATE, {"id": "1"}, maxlen=1000)
        client.xgroup_create(LATE, "billing", "0")
        client.close()
        self._thread.start()
        wait_for(lambda: self.rounds > 2, what="the service to work")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(redis.RedisError, OSError):
                client = self._connect()
                with contextlib.closing(client):
                    while not self._stop.wait(0.1):
                        for stream in self._streams:
                            self._turn(client, stream)
                        self.rounds += 1
            self._stop.wait(0.1)

    def _turn(self, client: Any, stream: str) -> None:
        client.xadd(stream, {"id": "1"}, maxlen=500)
        for start in ("0", ">"):  # what was given before a loss, then what is new
            found = client.xreadgroup("workers", "w1", {stream: start}, count=100)
            entries = found[0][1] if isinstance(found, list) and found else []
            if isinstance(found, dict):
                entries = next(iter(found.values()), [[]])[0]
            if entries:
                client.xack(stream, "workers", *[entry_id for entry_id, _ in entries])


class Audit:
    """One run of the program beside the service."""

    def __init__(self, folder: Path, url: str, duration: str) -> None:
        self.workspace = Workspace(folder / "ws")
        root = folder / "project"
        root.mkdir()
        (root / "README.md").write_text("# A shop\n", encoding="ascii")
        file = folder / "audit.toml"
        values = {
            "root": str(root), "url": url, "duration": duration, "workspace": str(self.workspace.root),
            "state": str(folder / ".state" / "db.sqlite"),
        }  # fmt: skip
        file.write_text(CONFIG.format(**values), encoding="utf-8")
        self._output = (folder / "output.txt").open("w+")
        self.process = subprocess.Popen(
            command("run", "--config", str(file)), cwd=folder, env=environment(), stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def findings(self) -> list[Finding]:
        return [finding for agent in AgentId for finding in load(self.workspace.findings(agent))]

    def polls(self) -> int:
        return sum(1 for _ in read_polls(self.workspace.polls)) if self.workspace.polls.exists() else 0

    def wait_for_a_poll(self) -> None:
        """One that began after this call: the second from here."""
        seen = self.polls() + 1
        wait_for(lambda: self.polls() > seen, seconds=60, what="a poll")

    def has_found_the_fault(self) -> bool:
        assert self.process.poll() is None, self.output()
        return self.workspace.polls.exists() and bool(self.above_low())

    def above_low(self) -> set[tuple[str, str]]:
        """Rule and stream of what is more than a note."""
        return {
            (item.rule_id, str(getattr(item, "stream", "")))
            for item in self.findings()
            if rank_of(item) < Severity.LOW.rank
        }

    def periods(self) -> list[Gap]:
        return [gap for gap in gaps.read(self.workspace.gaps) if gap.period]

    def end(self) -> int:
        code = self.process.wait(BOUND_S)
        self._output.close()
        return code

    def output(self) -> str:
        self._output.flush()
        return Path(self._output.name).read_text(encoding="utf-8")

    def nodes(self) -> list[str]:
        """Addresses of the nodes that the report names."""
        found = json.loads((self.workspace.root / "report.json").read_text(encoding="utf-8"))
        return [text.partition(" ")[0] for text in found["coverage"]["redisNodes"]]

    def is_proven(self) -> bool:
        done = subprocess.run(
            command("verify", "--workspace", str(self.workspace.root)), cwd=self.workspace.root.parent,
            env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._output.close()


@pytest.fixture
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    made = Sentinels(tmp_path_factory.mktemp("sentinels"), server_binary())
    yield made
    made.stop()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), server_binary(), replicas=1)
    yield made
    made.stop()


def test_a_failover_within_the_window_is_one_gap_and_nothing_false(
    sentinels: Sentinels, tmp_path: Path
) -> None:
    found: Any = cast("Any", Sentinel)(
        [("127.0.0.1", one.port) for one in sentinels.sentinels], socket_timeout=1.0
    )
    work = Work(lambda: found.master_for(SERVICE, socket_timeout=1.0), ["orders", "payments"])
    work.start()
    audit = Audit(tmp_path, sentinels.url, "40s")
    try:
        wait_for(audit.has_found_the_fault, seconds=60, what="the fault that was there before")
        before = audit.above_low()
        old = sentinels.primary
        old.kill()
        sentinels.wait_for_another(old)
        code = audit.end()
        assert code == 1, audit_output(tmp_path)
        assert before <= audit.above_low()
        assert {stream for _, stream in audit.above_low()} == {LATE}
        (period,) = audit.periods()
        assert period.what.startswith(f"Redis service {SERVICE}/0 by Sentinel at ")
        assert period.until_ms is not None
        assert "failover" in period.why
        assert audit.nodes() == [f"127.0.0.1:{sentinels.primary.port}", f"127.0.0.1:{old.port}"]
        assert audit.is_proven()
    finally:
        work.stop()
        audit.close()


def test_slots_that_move_and_a_primary_that_dies_raise_nothing_false(
    cluster: Cluster, tmp_path: Path
) -> None:
    streams = [f"orders:{name}" for name in "abcdefghijkl"]

    def connect() -> Any:
        living = next(node for node in cluster.nodes if node.process.poll() is None)
        return redis.RedisCluster(host="127.0.0.1", port=living.port, decode_responses=True)

    work = Work(connect, streams)
    work.start()
    audit = Audit(tmp_path, cluster.url, "60s")
    try:
        wait_for(audit.has_found_the_fault, seconds=60, what="the fault that was there before")
        before = audit.above_low()
        for stream in streams[:4]:
            source = cluster.owner(stream)
            to = next(node for node in cluster.primaries if node is not source)
            slot = cluster.begin_move(stream, to)
            audit.wait_for_a_poll()
            cluster.move_keys(slot, source, to)
            audit.wait_for_a_poll()
            cluster.end_move(slot, to)
        moved = list(read_polls(audit.workspace.polls))
        assert all({state.name for state in poll.streams} == {*streams, LATE} for poll in moved)
        assert not any(poll.after_gap for poll in moved)
        assert audit.periods() == []
        dead = next(node for node in cluster.primaries if node is not cluster.owner(LATE))
        replica = cluster.replica_of(dead)
        dead.kill()
        wait_until_redis(lambda: replica.role() == "master", "the replica to take over")
        code = audit.end()
        assert code == 1, audit_output(tmp_path)
        assert before <= audit.above_low()
        assert {stream for _, stream in audit.above_low()} == {LATE}
        assert {gap.what for gap in audit.periods()} >= {f"Redis at {dead.address}/0"}
        assert all(gap.until_ms is not None for gap in audit.periods())
        last = list(read_polls(audit.workspace.polls))[-1]
        assert {state.name for state in last.streams} == {*streams, LATE}
        assert {replica.address, dead.address} <= set(audit.nodes())
        assert audit.is_proven()
    finally:
        work.stop()
        audit.close()


def audit_output(folder: Path) -> str:
    return (folder / "output.txt").read_text(encoding="utf-8")[-3000:]
