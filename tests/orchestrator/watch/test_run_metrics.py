"""What a run used and did, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.store.database import open_store
from orchestrator.watch import run_metrics
from tests.fakes.clock import ManualClock
from tests.orchestrator.cli.test_archive_command import typed
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts
from tests.report.made_session import SESSION_ID, make


def test_a_session_and_its_agents_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    typed(capfd, "store create")
    typed(capfd, "store fill")
    with open_store(tmp_path / ".state" / "orchestration.db") as store, store.writing() as database:
        database.executemany(
            "INSERT INTO agent_events (run_id, agent_id, event_type, timestamp) VALUES (?, 'LOG_WATCHER', ?, ?)",
            [
                (SESSION_ID, "agent-restarted", "2025-06-15T15:06:40.000Z"),
                (SESSION_ID, "safety.violation", "2025-06-15T15:07:10.000Z"),
            ],
        )
    code, out, _ = typed(capfd, f"metrics {SESSION_ID} --json")
    told = json.loads(out)
    assert (code, told["runId"], told["retries"], told["safetyViolations"]) == (0, SESSION_ID, 1, 1)
    (watcher,) = [item for item in told["agents"] if item["agent"] == "LOG_WATCHER"]
    assert (watcher["events"], watcher["seconds"], watcher["findings"] > 0) == (2, 30.0, True)
    assert f"run        {SESSION_ID}: " in typed(capfd, f"metrics {SESSION_ID}")[1]
    code, _, said = typed(capfd, "metrics nobody")
    assert (code, f"The newest: {SESSION_ID}" in said) == (2, True)


def test_events_of_a_run_are_its_own_though_its_key_is_another(tmp_path: Path) -> None:
    clock = ManualClock()
    other = OtherOrchestrator(tmp_path / "other.db", clock)
    other.begin("build/7", "compile")
    other.end("build/7")
    parts = Parts(tmp_path, clock, databases=[{"path": other.path}])
    parts.tick()
    with parts.store.writing() as database:
        database.execute(
            "INSERT INTO agent_events (run_id, agent_id, event_type, timestamp) VALUES ('build/7', 'builder', 'x', '2025-06-15')"
        )
    for name in ("build/7", "build_7"):
        found = run_metrics.read(parts.store, name)
        assert (found.run_id, [(item.agent, item.events) for item in found.agents]) == (
            "build_7", [("builder", 1)],
        )  # fmt: skip
    parts.close()
