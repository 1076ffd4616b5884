"""What was given up of a chain is led again once its cause is mended: by the command, or by the daemon that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.archive.bag import Bag
from orchestrator.session.lock import hold_file
from orchestrator.watch import once
from orchestrator.watch.ledger import Link, LinkState
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, rules, ticks
from tools.errors import UsageError


class GivenUp:
    """A run whose archive could not be written for longer than it was tried, for a file lies where archives do."""

    def __init__(self, folder: Path, peer: HttpPeer) -> None:
        self.folder, self.clock = folder, ManualClock()
        other = OtherOrchestrator(folder / "x.db", self.clock)
        (folder / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        self.blocked = folder / ".archive"
        self.blocked.touch()
        self.parts = Parts(folder, self.clock, databases=[{"path": other.path}])
        other.begin("r", "build")
        self.parts.tick()
        other.end("r")
        ticks(self.parts, self.clock, 3600, every_s=60)

    def links(self) -> dict[Link, LinkState]:
        ledger = self.parts.ledger
        run = ledger.named("r")
        assert run is not None
        return {link: row.status for link, row in ledger.links(run).items()}

    def retry(self, run_id: str = "r") -> list[str]:
        return list(once.retry(self.parts.config, {}, self.clock, run_id))

    def is_whole(self) -> bool:
        summary = json.loads((self.folder / "reports" / "r_summary.json").read_bytes())
        with Bag(self.blocked / "r.zip") as bag:
            return bag.verify() == [] and summary["archive"] is not None


@pytest.mark.parametrize("run_id", ["r", "all"])
def test_what_was_given_up_is_led_again_and_nobody_is_told_twice(tmp_path: Path, run_id: str) -> None:
    with HttpPeer() as peer:
        scene = GivenUp(tmp_path, peer)
        before = scene.links()
        assert (before[Link.ARCHIVE], before[Link.VERIFY]) == (LinkState.FAILED, LinkState.SKIPPED)
        told = len(peer.requests)
        scene.blocked.unlink()
        said = scene.retry(run_id)
        assert said[0] == "r: archive, verify, report, record once more"
        assert set(scene.links().values()) == {LinkState.DONE}
        assert scene.is_whole()
        assert len(peer.requests) == told
        with pytest.raises(UsageError, match="was given up"):
            scene.retry(run_id)
        scene.parts.close()


def test_where_a_daemon_runs_it_does_it(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        scene = GivenUp(tmp_path, peer)
        scene.blocked.unlink()
        with hold_file(scene.parts.effects.places.lock, "database, as its watch", "watch"):
            assert "the daemon does it now" in scene.retry()[-1]
        assert scene.links()[Link.ARCHIVE] is LinkState.PENDING
        list(scene.parts.chain.run())
        assert set(scene.links().values()) == {LinkState.DONE}
        assert scene.is_whole()
        scene.parts.close()


def test_what_still_cannot_be_done_is_tried_and_waits_for_its_next_round(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        scene = GivenUp(tmp_path, peer)
        assert "archive failed, tried again later" in scene.retry()[-1]
        assert scene.links()[Link.ARCHIVE] is LinkState.PENDING
        with pytest.raises(UsageError, match="No link of a run r whose chain is through was given up"):
            scene.retry()
        scene.parts.close()


def test_a_run_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        scene = GivenUp(tmp_path, peer)
        with pytest.raises(UsageError, match="of a run other whose chain is through"):
            scene.retry("other")
        scene.parts.close()
