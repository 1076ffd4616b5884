"""`archive …` as it is typed, and the commands that read archived sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli import boundary
from orchestrator.cli.app import app
from orchestrator.cli.session_place import session_at, writable
from orchestrator.session.lock import hold_file
from tests.report.made_session import SESSION_ID, make
from tools.errors import UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a session that is over, as the current folder."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(capfd: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        app(line.split())
    told = capfd.readouterr()
    return int(str(ended.value.code)), told.out, told.err


def test_a_session_is_archived_listed_verified_shown_and_restored(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = typed(capfd, "archive")
    assert code == 0
    assert "archived and verified" in out
    code, out, _ = typed(capfd, "archive")
    assert "was archived as it is" in out
    code, out, _ = typed(capfd, "archive list")
    assert SESSION_ID in out
    code, out, _ = typed(capfd, "archive list --json")
    assert json.loads(out)["archives"][0]["sessionId"] == SESSION_ID
    code, out, _ = typed(capfd, "archive verify --chain")
    assert code == 0
    assert f"whole      {SESSION_ID}: " in out
    assert "chain      unbroken" in out
    code, out, _ = typed(capfd, f"archive show {SESSION_ID} SESSION_ID")
    assert out == f"{SESSION_ID}\n"
    code, out, _ = typed(capfd, f"archive show {SESSION_ID}")
    assert "  session.json\n" in out
    code, out, _ = typed(capfd, f"archive restore {SESSION_ID} --to again")
    assert code == 0
    left = (project / "monitor-session" / "session.json").read_bytes()
    assert (project / "again" / "session.json").read_bytes() == left


def test_a_tar_is_made_on_request_and_read_by_every_command(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = typed(capfd, "findings --format json")[1]
    code, out, _ = typed(capfd, "archive --format tar.zst")
    assert code == 0
    assert f".archive/{SESSION_ID}.tar.zst" in out
    assert [path.name for path in (project / ".archive").glob("2*")] == [f"{SESSION_ID}.tar.zst"]
    assert SESSION_ID in typed(capfd, "archive list")[1].split()
    row = json.loads(typed(capfd, "archive list --json")[1])["archives"][0]
    assert row["packedBytes"] == (project / ".archive" / f"{SESSION_ID}.tar.zst").stat().st_size
    for depth in ("", "--fast", "--full", "--chain"):
        code, out, _ = typed(capfd, f"archive verify {depth}")
        assert code == 0
        assert f"whole      {SESSION_ID}: " in out
    assert typed(capfd, f"archive show {SESSION_ID} SESSION_ID")[1] == f"{SESSION_ID}\n"
    assert "  session.json\n" in typed(capfd, f"archive show {SESSION_ID}")[1]
    assert typed(capfd, f"archive restore {SESSION_ID} --to again")[0] == 0
    left = (project / "monitor-session" / "session.json").read_bytes()
    assert (project / "again" / "session.json").read_bytes() == left
    assert "stays" in typed(capfd, "archive prune --keep-last 1")[1]
    (project / "monitor-session").rename(project / "elsewhere")
    assert typed(capfd, f"findings --session {SESSION_ID} --format json")[1] == whole
    assert typed(capfd, f"verify .archive/{SESSION_ID}.tar.zst")[0] == 0
    assert typed(capfd, f"diff {SESSION_ID} elsewhere")[0] == 0
    code, _, err = typed(capfd, "findings --session 2024")
    assert (code, f" {SESSION_ID}." in err) == (2, True)


def test_archived_sessions_are_read_like_others(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = typed(capfd, "findings --format json")[1]
    assert typed(capfd, "archive")[0] == 0
    (project / "monitor-session").rename(project / "elsewhere")
    assert typed(capfd, f"findings --session {SESSION_ID} --format json")[1] == whole
    assert typed(capfd, f"verify .archive/{SESSION_ID}.zip")[0] == 0
    assert "published" in typed(capfd, f"trace c-1 --session {SESSION_ID}")[1]
    code, out, _ = typed(capfd, f"diff {SESSION_ID} elsewhere")
    assert code == 0, out
    code, _, err = typed(capfd, f"report {SESSION_ID}")
    assert code == 2
    assert "archives do not change" in err
    code, _, err = typed(capfd, "findings --session 2024")
    assert code == 2
    assert SESSION_ID in err


def test_a_damaged_archive_ends_with_1_and_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    typed(capfd, "archive")
    (path,) = (project / ".archive").glob("*.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 255
    path.write_bytes(data)
    code, out, _ = typed(capfd, "archive verify")
    assert (code, out.count("damaged")) == (1, 1)
    path.unlink()
    code, out, _ = typed(capfd, "archive verify --chain")
    assert code == 1
    assert "is gone; nobody pruned it" in out


def test_pruning_is_told_before_it_is_done(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    typed(capfd, "archive")
    code, out, _ = typed(capfd, "archive prune --keep-last 1")
    assert code == 0
    assert "Nothing was removed" in out
    code, out, _ = typed(capfd, "archive prune --keep-last 1 --delete")
    assert code == 0
    assert "0 of 1 were removed" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("archive verify --fast --full", "--fast reads less", id="two depths"),
        pytest.param("archive verify 7", "There is no archive '7'", id="an unknown run"),
        pytest.param("archive restore 7 --to x", "There is no archive '7'", id="nothing to restore"),
        pytest.param("archive --run 7", "holds no session '7'", id="nothing to archive"),
        pytest.param("archive --workspace nowhere", "holds no session", id="no workspace"),
        pytest.param("archive prune", "holds no archive", id="nothing to prune"),
        pytest.param("archive --format rar", "'zip', 'tar.zst'", id="an unknown form"),
        pytest.param("archive prune --keep-last -1", "keep-last", id="less than nothing"),
    ],
)
def test_wrong_usage_is_one_sentence(
    project: Path, capfd: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    code, out, err = typed(capfd, line)
    assert (code, out) == (2, "")
    assert said in err


def test_a_running_session_is_not_archived(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with hold_file(project / "monitor-session" / ".lock", "workspace", "running"):
        code, _, err = typed(capfd, "archive")
    assert code == boundary.HELD
    assert "session running" in err
    assert not list((project / ".archive").glob("*.zip"))


@pytest.mark.parametrize(("asked", "form"), [("", "zip"), (" --format tar.zst", "tar.zst")])
def test_a_folder_on_the_shelf_is_packed(
    project: Path, capfd: pytest.CaptureFixture[str], asked: str, form: str
) -> None:
    shelf = project / ".archive"
    shelf.mkdir()
    (project / "monitor-session").rename(shelf / SESSION_ID)
    assert "a folder, not archived" in typed(capfd, "archive list")[1]
    assert typed(capfd, f"archive --run {SESSION_ID}{asked}")[0] == 0
    left = {path.name for path in shelf.iterdir() if not path.name.startswith(".")}
    assert left == {f"{SESSION_ID}.{form}", "chain.jsonl"}


def test_an_archive_is_no_place_to_write_to(project: Path) -> None:
    workspace = project / "monitor-session"
    assert writable(workspace, None) == workspace
    with session_at(workspace, SESSION_ID) as folder:
        assert folder == workspace
    with pytest.raises(UsageError, match="no session"):
        writable(workspace, "2024")
