"""`store …` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.test_archive_command import typed
from tests.report.made_session import SESSION_ID, make


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_store_is_made_filled_told_and_pruned(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(capfd, "store status")[0] == 2
    assert not (project / ".state").exists()
    assert typed(capfd, "store create")[0] == 0
    code, out, _ = typed(capfd, "store fill")
    assert code == 0
    assert f"run {SESSION_ID}: " in out
    code, out, _ = typed(capfd, "store status")
    assert code == 0
    assert SESSION_ID in out
    told = json.loads(typed(capfd, "store status --json")[1])
    assert (told["lastRun"], told["problem"], told["rows"]["runs"]) == (SESSION_ID, "", 1)
    assert "older than 7 days" in typed(capfd, "store prune")[1]


def test_an_archived_session_is_taken_over(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    typed(capfd, "archive")
    (project / "monitor-session").rename(project / "elsewhere")
    typed(capfd, "store create")
    code, out, _ = typed(capfd, f"store fill {SESSION_ID}")
    assert code == 0
    assert "findings" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("store fill", "there is no database", id="no store"),
        pytest.param("store create --state-db x.txt", "x.txt", id="another file"),
        pytest.param("store fill --workspace nowhere --state-db ok.db", "holds no session", id="no session"),
    ],
)
def test_wrong_usage_is_one_sentence(
    project: Path, capfd: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (project / "x.txt").write_text("mine", encoding="utf-8")
    typed(capfd, "store create --state-db ok.db")
    code, out, err = typed(capfd, line)
    assert (code, out) == (2, "")
    assert said in err
    assert (project / "x.txt").read_text(encoding="utf-8") == "mine"
