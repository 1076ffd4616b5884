"""Runs that begin, fail, stall and are killed, on a clock moved by hand: each is dealt with exactly once."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, counted, events, rules, ticks


class Scene:
    """A project's folder, another orchestrator, a webhook, and the daemon's parts."""

    def __init__(self, folder: Path, peer: HttpPeer) -> None:
        self.folder, self.peer, self.clock = folder, peer, ManualClock()
        self.other = OtherOrchestrator(folder / "other.db", self.clock)
        (folder / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        self.parts = self.daemon()

    def daemon(self) -> Parts:
        return Parts(self.folder, self.clock, databases=[{"path": self.folder / "other.db"}])

    def restart(self) -> None:
        self.parts.close()
        self.parts = self.daemon()

    def told(self) -> Counter[str]:
        """Titles of messages, each message once however often it was sent."""
        by_id = {request.headers["Idempotency-Key"]: request.data["title"] for request in self.peer.requests}
        return Counter(by_id.values())

    def summary(self, key: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            (self.folder / "reports" / f"{key}_summary.json").read_text(encoding="utf-8")
        )
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with HttpPeer() as peer:
        found = Scene(tmp_path, peer)
        yield found
        found.parts.close()


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_an_hour_of_runs_is_dealt_with_run_by_run_exactly_once(scene: Scene) -> None:
    """Every third minute a run: it ends, fails, stalls, or is killed; the webhook fails now and then; two restarts."""
    scene.peer.replies = [Reply(503)] * 2 + [Reply(cut=True)] + [Reply(200)]
    ends: dict[str, str] = {}
    for number in range(20):
        kind = ("COMPLETED", "FAILED", "STALLED", "INTERRUPTED", "steps")[number % 5]
        run_id = f"run-{number}"
        scene.other.begin(run_id, "build", "test", pid=dead_pid() if kind == "INTERRUPTED" else None)
        ticks(scene.parts, scene.clock, 60, every_s=10)
        scene.other.step(run_id, "build")
        if kind in {"COMPLETED", "FAILED"}:
            scene.other.end(run_id, kind, "no disk" if kind == "FAILED" else None)
        if kind == "steps":
            scene.other.step(run_id, "test")
        ends[run_id] = "COMPLETED" if kind == "steps" else kind
        ticks(scene.parts, scene.clock, 120, every_s=10)
        if number in {6, 13}:
            scene.restart()
    ticks(scene.parts, scene.clock, 3600, every_s=60)
    once = Counter(dict.fromkeys(ends, 1))
    assert counted(scene.folder) == dict.fromkeys(counted(scene.folder), once)
    assert {key: scene.summary(key)["status"] for key in ends} == ends
    assert len(scene.told()) == len(ends)
    assert set(scene.told().values()) == {1}
    assert scene.parts.ledger.counts() == {"closed": len(ends)}
    assert scene.parts.ledger.failures(1) == []
    assert list((scene.folder / ".state" / "watch").iterdir()) == []


def test_a_run_that_goes_on_after_it_stood_still_ends_once_more(scene: Scene) -> None:
    scene.other.begin("slow", "build", "test")
    ticks(scene.parts, scene.clock, 1900, every_s=60)
    assert scene.summary("slow")["status"] == "STALLED"
    scene.other.step("slow", "build")
    ticks(scene.parts, scene.clock, 20)
    scene.other.end("slow")
    ticks(scene.parts, scene.clock, 20)
    assert (scene.summary("slow")["status"], scene.summary("slow")["generation"]) == ("COMPLETED", 2)
    told = [item["event"] for item in events(scene.folder / "logs" / "monitor.jsonl")]
    assert told == ["RUN_CREATED", "RUN_COMPLETED", "RUN_REVIVED", "RUN_COMPLETED"]
    assert counted(scene.folder)["archives"] == Counter({"slow": 2})
    assert sorted(title.split(" (")[0] for title in scene.told()) == ["run slow finished", "run slow stalled"]


def test_a_daemon_that_was_down_catches_up(scene: Scene) -> None:
    scene.parts.tick()
    for name in ("a", "b", "c"):
        scene.other.begin(name)
        scene.clock.advance(86_400)
        scene.other.end(name)
    scene.clock.advance(3 * 86_400)
    scene.restart()
    scene.parts.tick()
    assert scene.parts.ledger.counts() == {"closed": 3}
    assert len(scene.told()) == 3


def test_what_ended_long_before_the_first_start_is_history(scene: Scene) -> None:
    scene.other.begin("old")
    scene.other.end("old")
    scene.parts.close()
    scene.clock.advance(2 * 86_400)
    (scene.folder / ".state" / "orchestration.db").unlink()
    scene.parts = scene.daemon()
    assert scene.parts.tick() == []
    assert scene.told() == {}


@pytest.mark.parametrize("goes_on", [False, True], ids=["for good", "until it goes on"])
def test_what_a_source_left_open_long_before_the_first_start_is_history(scene: Scene, goes_on: bool) -> None:
    scene.other.begin("old", "a", "b")
    scene.parts.close()
    scene.clock.advance(2 * 86_400)
    (scene.folder / ".state" / "orchestration.db").unlink()
    scene.parts = scene.daemon()
    assert ticks(scene.parts, scene.clock, 3600) == []
    if goes_on:
        scene.other.step("old", "a")
        scene.parts.tick()
        scene.other.end("old")
        ticks(scene.parts, scene.clock, 10)
    assert counted(scene.folder)["reports"] == ({"old": 1} if goes_on else {})
    assert len(scene.told()) == goes_on


def test_a_link_that_fails_is_tried_again_given_up_and_told(scene: Scene) -> None:
    reports = scene.folder / "reports"
    (reports / ".gitignore").unlink()
    reports.rmdir()
    reports.write_text("in the way", encoding="utf-8")
    scene.other.begin("r")
    scene.other.end("r")
    lines = ticks(scene.parts, scene.clock, 30)
    assert any("report failed, tried again later" in line for line in lines)
    ticks(scene.parts, scene.clock, 4 * 3600, every_s=60)
    ((key, row),) = scene.parts.ledger.failures(5)
    assert (key, row.link, row.attempts) == ("r", "report", 6)
    titles = sorted(scene.told())
    assert titles[0].startswith("run r could not be dealt with in full: report: ")
    assert titles[1].startswith("run r finished")


def test_a_source_that_goes_and_comes_back_is_told_once_and_loses_no_run(scene: Scene) -> None:
    scene.other.begin("r", "build")
    scene.parts.tick()
    away = scene.folder / "away.db"
    scene.other.path.rename(away)
    ticks(scene.parts, scene.clock, 60)
    away.rename(scene.other.path)
    scene.other.end("r")
    ticks(scene.parts, scene.clock, 20)
    told = [item["event"] for item in events(scene.folder / "logs" / "monitor.jsonl")]
    assert told == ["RUN_CREATED", "SOURCE_LOST", "SOURCE_BACK", "RUN_COMPLETED"]
    assert counted(scene.folder)["archives"] == Counter({"r": 1})


def test_what_a_run_should_not_have_is_told(scene: Scene) -> None:
    scene.other.begin("r", "build")
    scene.other.sql("UPDATE runs SET safety_score = 0.5, cost_usd = 7 WHERE run_id = 'r'")
    scene.other.sql("UPDATE workstreams SET retry_count = 3, max_retries = 3, status = 'COMPLETED'")
    scene.other.end("r")
    scene.parts.tick()
    found = scene.summary("r")["anomalies"]
    assert [item["kind"] for item in found] == ["safety", "cost", "retries"]  # type: ignore[attr-defined]
    assert len(scene.told()) == 2


def test_secrets_of_another_orchestrator_are_masked_everywhere(scene: Scene) -> None:
    secret = "redis://default:hunter2pass@10.0.0.9:6379"
    scene.other.begin("r")
    scene.other.end("r", "FAILED", f"cannot reach {secret}\x1b[2J")
    scene.parts.tick()
    assert b"hunter2pass" not in scene.peer.requests[0].body
    for path in [*scene.folder.rglob("logs/*"), *scene.folder.rglob("reports/*")]:
        assert "hunter2pass" not in path.read_text(encoding="utf-8")
    with scene.parts.store as store:
        rows = store.rows("SELECT data FROM watched_runs UNION ALL SELECT detail FROM chain_steps")
        assert [row for row in rows if "hunter2pass" in row[0]] == []
    scene.parts = scene.daemon()


def test_runs_of_one_beginning_have_a_report_each(scene: Scene) -> None:
    ids = ["x" * 120 + letter for letter in "ab"]
    for run_id in ids:
        scene.other.begin(run_id)
        scene.other.end(run_id)
    scene.parts.tick()
    reports = [json.loads(path.read_text()) for path in scene.folder.glob("reports/*_summary.json")]
    assert sorted(item["runId"] for item in reports) == ids
    assert counted(scene.folder)["archives"] == Counter(item["key"] for item in reports)


@pytest.mark.parametrize("seconds", [8 * 3600, -8 * 3600])
def test_time_that_nobody_had_is_no_standing_still(scene: Scene, seconds: int) -> None:
    scene.other.begin("r", "build")
    scene.parts.tick()
    scene.clock.jump(seconds)
    lines = ticks(scene.parts, scene.clock, 1790, every_s=10)
    assert lines == [f"the clock moved by {seconds} s; runs did not stand still for so long"]
    ticks(scene.parts, scene.clock, 20)
    assert scene.summary("r")["status"] == "STALLED"


def test_a_link_is_tried_again_though_the_clock_was_set_back(scene: Scene) -> None:
    reports = scene.folder / "reports"
    (reports / ".gitignore").unlink()
    reports.rmdir()
    reports.write_text("in the way", encoding="utf-8")
    scene.other.begin("r")
    scene.other.end("r")
    scene.parts.tick()
    reports.unlink()
    scene.clock.jump(-86_400)
    ticks(scene.parts, scene.clock, 20)
    assert scene.summary("r")["status"] == "COMPLETED"


def test_what_its_archive_holds_of_a_run_is_not_kept_twice(scene: Scene) -> None:
    scene.other.begin("r", "build")
    scene.other.step("r", "build")
    scene.other.end("r")
    scene.parts.tick()
    run = scene.parts.ledger.named("r")
    assert run is not None
    assert run.view is not None
    assert (run.view.rows, [step.name for step in run.view.steps]) == ({}, ["build"])


def test_one_that_might_have_gone_on_is_not_looked_at_for_ever(scene: Scene) -> None:
    scene.other.begin("r", "build")
    ticks(scene.parts, scene.clock, 1900, every_s=60)
    week_ms, source = 7 * 86_400_000, str(scene.folder / "other.db")
    assert scene.parts.ledger.settled(source, scene.clock.now_ms() - week_ms) == set()
    assert len(scene.parts.ledger.settled(source, scene.clock.now_ms() + 1)) == 1


def test_that_a_run_stands_still_is_told_once_whatever_is_cut_off(scene: Scene) -> None:
    scene.other.begin("r", "build", pid=os.getpid())
    scene.parts.tick()
    journal = scene.parts.effects.places.monitor
    scene.clock.advance(1900)
    lines = journal.read_text(encoding="utf-8")
    journal.unlink()
    journal.mkdir()
    with pytest.raises(OSError, match="director"):
        scene.parts.tick()
    journal.rmdir()
    journal.write_text(lines, encoding="utf-8")
    ticks(scene.parts, scene.clock, 60)
    assert [item["event"] for item in events(journal)] == ["RUN_CREATED", "RUN_STALLED"]
    assert len(scene.told()) == 1
