"""A run that stands still while its process lives is told once, by whoever leads the chains: never by the look."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.alerts.after import lock_of
from orchestrator.session.lock import hold_file
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, events, rules


def standing(folder: Path, peer: HttpPeer) -> tuple[Parts, ManualClock]:
    clock = ManualClock()
    other = OtherOrchestrator(folder / "x.db", clock)
    (folder / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
    other.begin("slow", "build", pid=os.getpid())
    parts = Parts(folder, clock, databases=[{"path": other.path}])
    list(parts.watcher.look())
    clock.advance(1801)
    (line,) = list(parts.watcher.look())
    assert line == "slow: no progress for 30 minutes, its process runs"
    return parts, clock


def test_the_look_tells_nobody_and_the_chain_tells_once(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        parts, clock = standing(tmp_path, peer)
        assert peer.requests == []
        assert [e["event"] for e in events(parts.effects.places.monitor)] == ["RUN_CREATED", "RUN_STALLED"]
        list(parts.chain.run())
        clock.advance(5)
        list(parts.chain.run())
        parts.close()
        again = Parts(tmp_path, clock, databases=[{"path": tmp_path / "x.db"}])
        list(again.chain.run())
        again.close()
        titles = [request.data["title"] for request in peer.requests]
        assert titles == ["run slow has made no progress for 30 minutes; its process runs"]


def test_what_cannot_be_told_yet_is_told_later(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        parts, clock = standing(tmp_path, peer)
        with hold_file(lock_of(parts.config.output.state_db), "alerts", "alerts"):
            (said,) = list(parts.chain.run())
            assert said.startswith("slow: nobody was told yet that it stands still")
            assert list(parts.chain.run()) == [], "not again at once"
        clock.advance(31)
        list(parts.chain.run())
        assert len(peer.requests) == 1
        parts.close()
