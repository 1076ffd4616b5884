"""`alerts …` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orchestrator.cli.test_archive_command import typed
from tests.report.made_session import make


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a session that is over, and the alert file that ships."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "streamgauge.toml").write_text('[alerts]\nfile = "alerts.yaml"\n', encoding="utf-8")
    return tmp_path


def test_a_file_is_written_checked_tested_and_used(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(capfd, "alerts init")[0] == 0
    code, out, _ = typed(capfd, "alerts check")
    assert code == 0
    assert "route.routes[0] → console: 0 of 0 episodes" in out
    code, out, _ = typed(capfd, "alerts test")
    assert code == 0
    assert "taken      console" in out
    assert typed(capfd, "report")[0] == 0
    assert typed(capfd, "store create")[0] == 0
    code, out, _ = typed(capfd, "alerts send --shadow")
    assert code == 0
    assert "would send to console" in out
    code, out, _ = typed(capfd, "alerts send")
    assert "sent to console" in out
    assert "alert      CRITICAL: " in out
    assert "sent to console" not in typed(capfd, "alerts send")[1]
    assert "next_notify_at" in typed(capfd, "alerts status")[1]
    assert "shadow" in typed(capfd, "alerts ledger")[1]
    assert typed(capfd, "alerts forget")[0] == 0
    assert "sent to console" in typed(capfd, "alerts send")[1]


def test_what_has_no_effect_and_what_is_not_taken_end_with_1(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "alerts.yaml").write_text(
        "receivers: [{name: pager, pagerduty: {}}]\nroute: {receiver: pager}\n", encoding="utf-8"
    )
    code, out, _ = typed(capfd, "alerts check")
    assert code == 1
    assert "PAGERDUTY_ROUTING_KEY" in out
    assert typed(capfd, "alerts test")[0] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("alerts check", "alerts.yaml: cannot be read", id="no file"),
        pytest.param("alerts check --project other", "No alert file is configured", id="not configured"),
        pytest.param("alerts init there", "is there already", id="written already"),
        pytest.param("alerts send", "alerts.yaml: cannot be read", id="nothing to send by"),
    ],
)
def test_wrong_usage_is_one_sentence(
    project: Path, capfd: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    for name in ("other", "there"):
        (project / name).mkdir()
    (project / "there" / "alerts.yaml").write_text("mine", encoding="utf-8")
    code, out, err = typed(capfd, line)
    assert (code, out) == (2, "")
    assert said in err
    assert (project / "there" / "alerts.yaml").read_text(encoding="utf-8") == "mine"


def test_a_receiver_that_is_unknown_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    typed(capfd, "alerts init")
    code, _, err = typed(capfd, "alerts test nobody")
    assert code == 2
    assert "There are console" in err
