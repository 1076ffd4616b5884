"""`doctor` at real Sentinel and cluster deployments: each server is looked at, and the printed rules suffice."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.check import Check, Verdict
from orchestrator.config.load import load
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Mode
from orchestrator.doctor import acl, examine
from tests.conftest import server_binary
from tests.servers.cluster import Cluster
from tests.servers.sentinel import SERVICE
from tests.servers.sentinel import Deployment as Sentinels


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), server_binary())
    yield made
    made.stop()


@pytest.fixture
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    made = Sentinels(tmp_path_factory.mktemp("sentinels"), server_binary())
    yield made
    made.stop()


def loaded(folder: Path, url: str) -> LoadedConfig:
    return load(project=None, config_file=None, environ={}, flags={"redis.url": url}, cwd=folder)


def checks(folder: Path, url: str) -> list[Check]:
    found = list(examine(loaded(folder, url), ModeDecision(Mode.ATTACH, ("the test says so",)), {}))
    assert "of-the-auditor" not in str(found)
    return found


def of(found: list[Check], subject: str) -> list[Check]:
    return [check for check in found if check.subject.startswith(subject)]


def test_each_primary_of_a_cluster_is_looked_at(cluster: Cluster, tmp_path: Path) -> None:
    line = acl(loaded(tmp_path, cluster.url).config)
    assert line.startswith("ACL SETUSER")
    assert "\n" not in line
    url = cluster.make_user(line, "of-the-auditor")
    found = checks(tmp_path, url)
    assert [check.verdict for check in of(found, "server")] == [Verdict.OK] * 3
    assert [check.verdict for check in of(found, "rights")] == [Verdict.OK] * 3
    assert [check.saw for check in of(found, "user")] == ["auditor"] * 3
    assert all(any(node.address in check.saw for check in of(found, "server")) for node in cluster.nodes)
    cluster.nodes[2].kill()
    after = of(checks(tmp_path, url), "server")
    assert sorted(check.verdict for check in after) == [Verdict.FAIL, Verdict.OK, Verdict.OK]
    assert any(cluster.nodes[2].address in check.saw for check in after if check.verdict is Verdict.FAIL)


def test_a_user_who_may_not_ask_for_the_slots_is_warned(cluster: Cluster, tmp_path: Path) -> None:
    line = acl(loaded(tmp_path, cluster.url).config).replace("+cluster|slots ", "")
    (warned,) = of(checks(tmp_path, cluster.make_user(line, "of-the-auditor")), "cluster")
    assert warned.verdict is Verdict.WARN
    assert "+cluster|slots" in warned.remedy


def test_servers_and_sentinels_have_a_rule_each(sentinels: Sentinels, tmp_path: Path) -> None:
    printed = acl(loaded(tmp_path, sentinels.url).config).splitlines()
    rules = [line for line in printed if not line.startswith("#")]
    assert [shlex.split(rule)[:3] for rule in rules] == [["ACL", "SETUSER", "auditor"]] * 2
    url = sentinels.make_user(rules[0], rules[1], "of-the-auditor")
    found = checks(tmp_path, url)
    assert [check.saw for check in of(found, "Sentinel")] == [
        f"names 127.0.0.1:{sentinels.primary.port} as the primary"
    ] * 3
    assert [check.verdict for check in of(found, "server")] == [Verdict.OK]
    sentinels.sentinels[0].kill()
    again = checks(tmp_path, url)
    assert [check.verdict for check in of(again, "Sentinel")] == [Verdict.WARN, Verdict.OK, Verdict.OK]
    assert [check.verdict for check in of(again, "server")] == [Verdict.OK]


def test_a_service_that_no_sentinel_watches_fails(sentinels: Sentinels, tmp_path: Path) -> None:
    found = checks(tmp_path, sentinels.url.replace(SERVICE, "other-service"))
    assert [check.verdict for check in of(found, "server")] == [Verdict.FAIL]
    assert all("other-service" in check.saw for check in of(found, "Sentinel"))
