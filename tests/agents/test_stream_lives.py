"""Which services are seen at their streams, by the map that the Stream Analyst writes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from agents.stream_lives import StreamLives
from tools.detectors.contract import StreamLife
from tools.synthesis.topology import Topology, TopologyGroup, TopologyStream
from tools.workspace import Workspace


def group(name: str, seen_ms: int | None, *owners: str) -> TopologyGroup:
    return TopologyGroup(
        name=name, consumers=1, active_consumers=1, last_activity_ms=seen_ms, lag=0, lag_source="server", pending=0,
        oldest_pending_ms=None, owners=owners,
    )  # fmt: skip


def mapped(at_ms: int, *groups: TopologyGroup) -> Topology:
    stream = TopologyStream(
        name="orders", length=1, messages_per_minute=None, capped=None, producers=(), consumer_services=(), groups=groups,
        fields=(), status="HEALTHY",
    )  # fmt: skip
    return Topology(at_ms=at_ms, poll=1, streams=(stream,))


def test_a_service_is_seen_where_a_group_is_its_own(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    lives = StreamLives(workspace)
    assert not lives.look()
    made = mapped(
        90,
        group("a", 50, "billing"),
        group("b", 70, "billing"),
        group("c", 80, "x", "y"),
        group("d", None, "z"),
    )
    workspace.write_json(workspace.path("streams", "topology.json"), made)
    assert lives.look()
    assert lives.by_service == {
        "billing": StreamLife("orders", "b", 70, 90),
        "z": StreamLife("orders", "d", None, 90),
    }
    assert not lives.look()


def test_a_map_that_is_not_whole_tells_nothing_new(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    file = workspace.path("streams", "topology.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(mapped(90, group("a", 50, "billing")))[:-5])
    lives = StreamLives(workspace)
    assert not lives.look()
    assert lives.by_service == {}
