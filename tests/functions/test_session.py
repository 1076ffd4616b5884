"""Functions about findings and the session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functions.desks import good, pages, refused
from tests.functions.scene import Scene, make
from tests.report import made_session
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.sources.records import Gap


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make(tmp_path)


def test_findings_are_listed_in_the_order_they_were_written(scene: Scene) -> None:
    found = pages("findings_list", scene.desk, limit=4)
    assert len(found) == good("findings_list", scene.desk).data["findings"]
    assert [one["id"] for one in found] == sorted(one["id"] for one in found)
    assert {one["origin"] for one in found} == {"measured"}


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ({"severity": "CRITICAL"}, {"RSA-001", "CA-001"}),
        ({"agent": "CONFIG_AUDITOR"}, {"CA-001"}),
        ({"category": "missing_ack"}, {"RSA-005"}),
        ({"service": "web", "agent": "LOG_WATCHER"}, {"LW-001"}),
        ({"stream": "telem*"}, {"RSA-007"}),
        ({"rule": "log.*", "severity": "HIGH", "service": "[bm]*"}, {"LW-002", "LW-003"}),
        ({"category": "nope"}, set()),
    ],
)
def test_findings_are_filtered(scene: Scene, arguments: dict[str, object], ids: set[str]) -> None:
    found = {one["id"] for one in pages("findings_list", scene.desk, **arguments)}
    assert found - {one for one in found if one.startswith("ES")} == ids


def test_one_finding_has_its_evidence_and_where_it_lies(scene: Scene) -> None:
    data = good("findings_get", scene.desk, id="LW-002").data
    assert "KeyError 'amount'" in data["evidence"]
    assert data["evidenceRefs"][0]["locator"]["line"] == 3
    assert "There is no finding LW-999" in refused("findings_get", scene.desk, id="LW-999")
    assert "Argument 'id'" in refused("findings_get", scene.desk, id="../LW-001")


def test_clusters_name_their_root_and_members(scene: Scene) -> None:
    found = pages("findings_clusters", scene.desk, limit=1)
    assert [one["clusterId"] for one in found] == [f"C-{number:02d}" for number in range(1, len(found) + 1)]
    assert all(one["root"] in one["members"] for one in found)


def test_gaps_are_told_once_with_their_newest_record(scene: Scene) -> None:
    lost = Gap(
        what="Redis", why="gone", fix="Start it.", source="streams", at_ms=made_session.START_MS, period=True
    )
    ended = Gap(what="Redis", why="gone", fix="Start it.", source="streams", at_ms=made_session.START_MS, period=True,
                until_ms=made_session.START_MS + 5000)  # fmt: skip
    with Journal(scene.desk.workspace.gaps) as gaps:
        gaps.append(lost)
        gaps.append(ended)
    rows = [one for one in pages("session_gaps", scene.desk, limit=1) if one["what"] == "Redis"]
    assert [(one["until"] is not None, one["lasts"]) for one in rows] == [(True, False)]
    assert all(one["blind"] for one in pages("session_gaps", scene.desk, blind_only=True))


def test_events_are_paged_by_their_place(scene: Scene) -> None:
    found = pages("session_events", scene.desk, limit=2)
    assert [one["type"] for one in found] == ["session.started", *["agent.restarted"] * 5]
    assert [one["number"] for one in pages("session_events", scene.desk, type="agent.*", limit=2)] == list(
        range(5)
    )
    assert "is no nextPage" in refused("session_events", scene.desk, page="7")


def test_the_topology_is_the_newest_map(scene: Scene) -> None:
    assert [one["name"] for one in pages("session_topology", scene.desk, limit=1)] == [
        "audit",
        "invoices",
        "orders",
    ]
    assert [one["name"] for one in pages("session_topology", scene.desk, stream="or*")] == ["orders"]
    (scene.workspace / "streams" / "topology.json").unlink()
    assert "no topology map yet" in refused("session_topology", scene.desk)


def test_coverage_tells_what_is_seen_and_what_is_not(scene: Scene) -> None:
    with Journal(scene.desk.workspace.agent_dir(AgentId.LOG_WATCHER) / "heartbeat.jsonl") as beats:
        beats.append({"type": "heartbeat", "linesProcessed": 1})
        beats.append({"type": "heartbeat", "linesProcessed": 2})
    data = good("session_coverage", scene.desk).data
    assert data["session"]["services"] == ["audit", "billing", "mail", "search", "web"]
    assert data["heartbeats"]["log-watcher"]["linesProcessed"] == 2
    assert data["gaps"]["blind"] == ["log of search"]
    assert data["code"]["filesRead"] > 3
