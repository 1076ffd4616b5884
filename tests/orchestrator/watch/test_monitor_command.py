"""`monitor` and `report --run` as they are typed: one look, one run, event files, a summary made anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.store.database import open_store
from tests.orchestrator.cli.test_archive_command import typed
from tests.orchestrator.watch.scenes import OtherOrchestrator
from tools.clock import SystemClock


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "streamgauge.toml").write_text('[[watch.databases]]\npath = "other.db"\n', encoding="utf-8")
    other = OtherOrchestrator(tmp_path / "other.db", SystemClock())
    other.begin("r1", "build")
    other.end("r1")
    other.begin("r2", "build")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_over_is_dealt_with_once(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capfd, "monitor --complete")
    assert (code, "r1: alert done" in out) == (0, True)
    assert typed(capfd, "monitor --complete")[1] == ""
    assert "alert done" in typed(capfd, "monitor --run r1")[1]
    assert "under way since" in typed(capfd, "monitor --run r2")[1]
    assert typed(capfd, "monitor --complete --run nobody")[0] == 2
    assert typed(capfd, "status")[1].splitlines()[1] == "runs       1 watching, 1 closed"
    summary = project / "reports" / "r1_summary.json"
    summary.unlink()
    assert typed(capfd, "report --run r1")[0] == 0
    assert json.loads(summary.read_text(encoding="utf-8"))["verdict"] == "INCOMPLETE"


def test_event_files_are_read_on(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "events.jsonl").write_text('{"type": "a"}\n{"type": "b.failed"}\n', encoding="utf-8")
    assert "2 events" in typed(capfd, "monitor --ingest-events events.jsonl")[1]
    assert typed(capfd, "monitor --ingest-events events.jsonl")[1] == "nothing new\n"
    with open_store(project / ".state" / "orchestration.db") as store:
        assert store.one("SELECT count(*) FROM agent_events") == 2
    assert typed(capfd, "monitor --ingest-events nothing.jsonl")[0] == 2


def test_what_is_to_be_done_must_be_said(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert [typed(capfd, f"monitor{rest}")[0] for rest in ("", " --auto --run r1")] == [2, 2]
