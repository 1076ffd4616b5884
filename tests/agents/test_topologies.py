"""The two agents that look at Redis, at a real cluster and at several databases: nothing false while a part is unseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from agents.config_auditor import make as make_auditor
from agents.indexer import index
from agents.job import RedisTarget
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.agents.desk import AGENT, Desk
from tests.conftest import Server, server_binary
from tests.fakes.clock import ManualClock
from tests.servers.cluster import Cluster, wait_until
from tests.sources.code.trees import write
from tools.findings import recorder
from tools.findings.model import AgentId, Severity, rank_of
from tools.sources import gaps
from tools.sources.redis import polls as journal
from tools.sources.redis.access import Access
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.deployment_source import DeploymentSource

OPTIONS = ("--cluster-require-full-coverage", "no", "--cluster-allow-replica-migration", "no")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Goes on to answer for what is left when one of its primaries is gone."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), server_binary(), options=OPTIONS)
    yield made
    made.stop()


def work(cluster: Cluster, names: list[str]) -> None:
    for name in names:
        cluster.client.xadd(name, {"a": 1})
        if not cluster.client.xinfo_groups(name):
            cluster.client.xgroup_create(name, "g", "0")
        found = cluster.client.xreadgroup("g", "c", {name: ">"}, count=100)
        entries = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
        cluster.client.xack(name, "g", *[entry_id for entry_id, _ in entries])


def test_a_part_that_is_down_is_one_gap_with_both_its_ends_over_a_restart(
    cluster: Cluster, tmp_path: Path
) -> None:
    names = [f"orders:{letter}" for letter in "abcdefgh"]
    work(cluster, names)
    dead = cluster.primaries[1]
    alive = [name for name in names if cluster.owner(name) is not dead]
    desk = Desk(tmp_path, cluster.url)
    try:
        analyst, _ = desk.attempt()
        for _ in range(3):
            analyst.look()
            desk.clock.advance(15)
        last_seen = desk.clock.now_ms() - 15_000
        dead.kill()
        wait_until(
            lambda: "fail" in str(cluster.primaries[0].send("CLUSTER", "NODES")), "the failure to be known"
        )
        for _ in range(2):
            work(cluster, alive)
            analyst.look()
            desk.clock.advance(15)
        again, _ = desk.attempt(2)
        again.look()
        desk.clock.advance(15)
        dead.start()
        wait_until(lambda: cluster.owner(names[0]) and dead.client.ping(), "the node to be back")
        wait_until(
            lambda: cluster.client.exists(next(n for n in names if n not in alive)) == 0, "it to answer"
        )
        work(cluster, names)
        back_ms = desk.clock.now_ms()
        for _ in range(5):
            again.look()
            work(cluster, names)
            desk.clock.advance(15)
        periods = [gap for gap in gaps.read(desk.workspace.gaps) if gap.period]
        (period,) = periods
        assert period.what == f"Redis at {dead.address}/0"
        assert abs(period.at_ms - last_seen) < 1_000
        assert period.until_ms is not None
        assert abs(period.until_ms - back_ms) < 1_000
        found = recorder.load(desk.workspace.findings(AGENT))
        assert [item.title for item in found if rank_of(item) < Severity.LOW.rank] == []
        polls = list(journal.read_polls(desk.workspace.polls))
        assert [poll.whole for poll in polls] == [True] * 3 + [False] * 3 + [True] * 5
        assert {state.name for state in polls[-1].streams} == set(names)
        assert [poll.number for poll in polls if poll.after_gap] == [6]
    finally:
        desk.close()


def test_what_a_part_has_that_is_unseen_is_not_held_against_code_and_documents(
    cluster: Cluster, tmp_path: Path
) -> None:
    names = ["orders", "payments", "refunds", "mails"]
    work(cluster, names)
    document = "# Streams\n\n| stream |\n| --- |\n" + "".join(f"| `{name}` |\n" for name in names)
    project = write(tmp_path / "project", {"README.md": document, "app.py": 'r.xadd("orders", {})\n'})
    job = job_of(AgentId.CONFIG_AUDITOR, project, tmp_path / "ws", cluster.url)
    clock = ManualClock(START_MS)
    with ExitStack() as stack:
        reporter = reporter_of(job, clock, stack)
        index(job.model_copy(update={"agent": "INDEXER"}), clock)
        with Deployment(cluster.url, access=Access(0.5, 1.0)) as deployment:
            poll = DeploymentSource(deployment, clock).poll(0, previous=None)
        journal.write_baseline(reporter.workspace.path("streams", "baseline.json"), poll)
        dead = next(node for node in cluster.primaries if node is not cluster.owner("orders"))
        dead.kill()
        wait_until(
            lambda: "fail" in str(cluster.owner("orders").send("CLUSTER", "NODES")), "its failure to be known"
        )
        auditor = make_auditor(job, reporter)
        stack.callback(auditor.close)
        auditor.look()
        auditor.finish()
        assert [(item.rule_id, item.title) for item in reporter.recorder.findings] == []
        told = [gap.what for gap in gaps.read(reporter.workspace.gaps) if gap.blind]
        assert told == [f"Redis at {dead.address}/0"]


def test_equal_names_in_two_databases_are_two_streams_to_every_rule(server: Server, tmp_path: Path) -> None:
    for number in (0, 3):
        with redis.Redis(port=server.port, db=number) as client:
            for _ in range(150):
                client.xadd("orders", {"a": 1}, maxlen=1000)
            client.xgroup_create("orders", "mail", "0")
    desk = Desk(tmp_path, server.url)
    desk.databases = "all"
    try:
        analyst, reporter = desk.attempt()
        for _ in range(3):
            analyst.look()
            desk.clock.advance(15)
        reporter.recorder.flush()
        found = recorder.load(desk.workspace.findings(AGENT))
        late = {getattr(item, "stream", None) for item in found if item.rule_id == "stream.consumer-lag"}
        assert late == {"orders", "orders@db3"}
    finally:
        desk.close()


def test_a_watcher_is_told_which_databases(tmp_path: Path) -> None:
    target = RedisTarget.model_validate({"url": "redis://h/0", "databases": [0, 3]})
    assert target.deployment("streamgauge-test").asked_databases == (0, 3)
