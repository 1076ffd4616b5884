"""An archive holds what the session left, says what it is, reads as a bag for others, and never loses anything."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import bagit
import pytest

from orchestrator.archive import chain, content, layout, restoring, writing
from orchestrator.archive.bag import Bag
from orchestrator.archive.shelf import Shelf
from orchestrator.session import opening
from tests.orchestrator.archive.conftest import START_MS, Sessions
from tools.errors import ArchiveRefused, LockHeld, UsageError
from tools.workspace import Workspace


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_is_what_the_session_left(sessions: Sessions, tmp_path: Path) -> None:
    workspace = sessions.make()
    before = contents(workspace.root)
    archived = sessions.archive()
    assert archived.fresh
    assert contents(workspace.root) == before
    assert restoring.restore(archived.path, tmp_path / "again") == len(before)
    assert contents(tmp_path / "again") == before
    with restoring.opened(archived.path) as copy:
        assert contents(copy) == before
    assert not copy.exists()


def test_an_archive_says_what_the_session_was(sessions: Sessions) -> None:
    sessions.make(criticals=2, incomplete="it was ended early")
    info = sessions.archive().info
    assert (info.run, info.number, info.started_ms, info.archived_ms) == (
        "20250615_150640",
        1,
        START_MS,
        START_MS,
    )
    assert (info.mode, info.product, info.health) == ("attach", "0.1.0", "CRITICAL")
    assert (info.incomplete, info.open_criticals) == ("it was ended early", 2)
    assert info.series == "attach /project 127.0.0.1:6379"


def test_a_killed_session_without_report_is_archived_too(sessions: Sessions) -> None:
    workspace = sessions.make()
    for gone in (workspace.path("session.json"), workspace.all_findings, workspace.path("report.json")):
        gone.unlink()
    workspace.path("recording", "session-record.json.gz").unlink()
    journal = workspace.root / "findings" / "stream-analyst.jsonl"
    journal.write_text('{"findingId": "RSA-1", "severity": "CRITICAL"}\n{"torn', encoding="utf-8")
    info = sessions.archive().info
    assert (info.health, info.open_criticals) == ("UNKNOWN", 1)
    assert "before it could say" in info.incomplete


def test_what_holds_secrets_or_only_serves_a_running_session_is_left_out(sessions: Sessions) -> None:
    workspace = sessions.make()
    keeper = workspace.path("recording", "keeper")
    keeper.mkdir()
    for name in ("services.raw", "wish.json", "orders.offsets"):
        (keeper / name).write_text("password", encoding="utf-8")
    workspace.path("recording", "checkpoints.sqlite-wal").write_bytes(b"x")
    workspace.path(".lock").touch()
    archived = sessions.archive()
    with Bag(archived.path) as bag:
        names = set(bag.files)
    assert "recording/keeper/orders.offsets" in names
    assert set(archived.info.left_out) == {
        ".lock", "recording/checkpoints.sqlite-wal", "recording/keeper/services.raw", "recording/keeper/wish.json",
    }  # fmt: skip
    assert not names & set(archived.info.left_out)


def test_others_read_it_as_a_bag(sessions: Sessions, tmp_path: Path) -> None:
    sessions.make()
    archived = sessions.archive()
    with zipfile.ZipFile(archived.path) as packed:
        packed.extractall(tmp_path / "unzipped")
    bag = bagit.Bag(str(tmp_path / "unzipped" / "20250615_150640"))
    bag.validate()
    assert bag.info["External-Identifier"] == "20250615_150640"
    assert bag.info["Previous-Tagmanifest-SHA256"] == "none"


def test_the_same_session_is_archived_once_and_a_changed_one_again(sessions: Sessions) -> None:
    workspace = sessions.make()
    first, again = sessions.archive(), sessions.archive()
    assert (again.path, again.fresh) == (first.path, False)
    workspace.path("logs", "orders.log").write_text("more\n", encoding="utf-8")
    other = sessions.archive()
    assert (other.path.stem, other.fresh, other.info.number) == ("20250615_150640-2", True, 2)
    assert sessions.shelf.find("20250615_150640") == other.path


@pytest.mark.parametrize(("at_s", "year"), [(10**11, 2107), (-(10**10), 1980)])
def test_a_file_of_a_time_that_no_zip_knows_is_archived(sessions: Sessions, at_s: int, year: int) -> None:
    workspace = sessions.make()
    os.utime(workspace.session_id_file, (at_s, at_s))
    with Bag(sessions.archive().path) as bag:
        assert time.gmtime(bag.modified_s("SESSION_ID")).tm_year == year


def test_each_archive_names_its_predecessor(sessions: Sessions) -> None:
    made = sessions.archived("1", "2", "3")
    hashes = [link.hash for link in chain.read(sessions.shelf.folder)]
    assert [item.info.previous_hash for item in made] == ["none", *hashes[:2]]
    assert [item.info.previous_run for item in made] == ["", "1", "2"]
    assert list(chain.problems(chain.read(sessions.shelf.folder), sessions.shelf.seen()[0])) == []


def test_the_chain_tells_what_was_taken_away_replaced_or_put_in(sessions: Sessions, tmp_path: Path) -> None:
    first, second, third = sessions.archived("1", "2", "3")

    def told() -> str:
        seen, _ = sessions.shelf.seen()
        return " | ".join(chain.problems(chain.read(sessions.shelf.folder), seen))

    kept = second.path.read_bytes()
    second.path.unlink()
    assert "2: it was archived as number 2 and is gone" in told()
    second.path.write_bytes(third.path.read_bytes())
    assert "2: it is not the archive that was written" in told()
    second.path.write_bytes(kept)
    (sessions.shelf.folder / "9.zip").write_bytes(first.path.read_bytes())
    assert told() == "9: it does not follow any archive of this folder"


def test_an_archive_that_was_not_listed_yet_is_taken_up(sessions: Sessions) -> None:
    sessions.archived("1", "2")
    links = chain.read(sessions.shelf.folder)
    chain.write(sessions.shelf.folder, links[:1])  # killed between the rename and the list
    assert list(chain.problems(links[:1], sessions.shelf.seen()[0])) == []
    (third,) = sessions.archived("3")
    assert third.info.previous_run == "2"
    assert [link.name for link in chain.read(sessions.shelf.folder)] == ["1", "2", "3"]


def test_halves_of_a_killed_writer_are_swept(sessions: Sessions) -> None:
    sessions.shelf.create()
    half = sessions.shelf.folder / ".20250615_150640.tmp.1"
    half.write_bytes(b"half")
    sessions.archived("1")
    assert not half.exists()


def test_a_full_disk_leaves_no_archive_and_the_session_as_it_was(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = sessions.make()
    before = contents(workspace.root)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            sessions.archive()
    assert sessions.shelf.paths() == []
    assert [path.name for path in sessions.shelf.folder.glob(".*.tmp.*")] == []
    assert contents(workspace.root) == before


def test_a_workspace_that_changed_since_is_not_removed(sessions: Sessions) -> None:
    workspace = sessions.make()
    archived = sessions.archive()
    workspace.path("logs", "late.log").write_text("written while it was archived", encoding="utf-8")
    assert not writing.make_room(workspace, archived, sessions.shelf)
    assert workspace.path("logs", "late.log").exists()
    assert writing.make_room(workspace, sessions.archive(), sessions.shelf)
    assert not workspace.root.exists()


def test_two_writers_wait_for_one_another_within_a_bound(sessions: Sessions) -> None:
    sessions.shelf.create()
    with (
        sessions.shelf.locked("one", sessions.clock),
        pytest.raises(LockHeld),
        sessions.shelf.locked("two", sessions.clock),
    ):
        pytest.fail("two writers at once")


# --- Before a workspace is used again --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_cannot_be_archived_is_moved_whole_and_nothing_is_lost(sessions: Sessions, kind: str) -> None:
    workspace = sessions.make("1")
    odd = workspace.path("logs", "odd")
    if kind == "link":
        odd.symlink_to("/etc/hostname")
    else:
        os.mkfifo(odd)
    with pytest.raises(ArchiveRefused, match="no plain file"):
        content.files_of(workspace)
    previous = opening.create_workspace(workspace, "2", sessions.clock)
    assert previous is not None
    assert "no plain file" in previous.why_whole
    assert previous.path == sessions.shelf.folder / "1"
    assert opening.existing_session_id(Workspace(previous.path)) == "1"
    assert [item.root.name for item in sessions.shelf.unpacked()] == ["1"]


# --- Restoring -------------------------------------------------------------------------------------------


def test_nothing_is_restored_over_anything(sessions: Sessions, tmp_path: Path) -> None:
    (archived,) = sessions.archived("1")
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine", encoding="utf-8")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for target in (full, full / "thesis.txt", link):
        with pytest.raises(UsageError, match="not an empty folder"):
            restoring.restore(archived.path, target)
    assert contents(full) == {"thesis.txt": b"mine"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restoring.restore(archived.path, empty) > 0


_KILLED = """
import os, signal, sys
from pathlib import Path
from orchestrator.archive import restoring

written = 0

def hook(event, given):
    global written
    if event == "open" and ".tmp." in str(given[0]) and given[2] & os.O_WRONLY:
        written += 1
        if written == 3:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
restoring.restore(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_restore_left_goes_with_the_next_one(sessions: Sessions, tmp_path: Path) -> None:
    (archived,) = sessions.archived("1")
    target = tmp_path / "again"
    done = subprocess.run([sys.executable, "-c", _KILLED, archived.path, target], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    (half,) = tmp_path.glob(".again.tmp.*")
    gone = half.name.rpartition(".")[2]
    stay = [
        tmp_path / f".again.tmp.{os.getppid()}", tmp_path / f".other.tmp.{gone}", tmp_path / f".again.tmp.{gone}x",
    ]  # fmt: skip
    for folder in stay:
        folder.mkdir()
    descriptor = os.open(half, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    restoring.restore(archived.path, target)
    assert half.is_dir()  # of a process in another container, which is not seen here
    os.close(descriptor)
    with pytest.raises(UsageError, match="not an empty folder"):
        restoring.restore(archived.path, target)
    shutil.rmtree(target)
    restoring.restore(archived.path, target)
    assert sorted(tmp_path.glob(".*.tmp.*")) == sorted(stay)


def test_a_flipped_bit_is_found_named_and_nothing_is_left(sessions: Sessions, tmp_path: Path) -> None:
    workspace = sessions.make("1")
    workspace.path("recording", "looks.jsonl.gz").write_bytes(
        b"stored as it is, so that a bit can be flipped"
    )
    archived = sessions.archive()
    data = archived.path.read_bytes()
    archived.path.write_bytes(data.replace(b"so that a bit", b"so that a bat"))
    with Bag(archived.path) as bag:
        (wrong,) = bag.verify()
    assert "recording/looks.jsonl.gz" in wrong
    with pytest.raises(ArchiveRefused, match="looks"):
        restoring.restore(archived.path, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert list(tmp_path.glob(".*.tmp.*")) == []


@pytest.mark.parametrize("cut", [1, 60, 4000])
def test_a_cut_archive_is_refused(sessions: Sessions, cut: int) -> None:
    (archived,) = sessions.archived("1")
    archived.path.write_bytes(archived.path.read_bytes()[:-cut])
    with pytest.raises(ArchiveRefused):
        Bag(archived.path)
    assert Shelf.beside(sessions.workspace.root).seen()[1] != []


@pytest.mark.parametrize("name", ["data/50%.log", "data/50%25.log", "data/a  b", "data/größe"])
def test_a_manifest_says_every_name_as_it_is(name: str) -> None:
    assert layout.manifest_of(layout.manifest_bytes({name: "0" * 64}), "manifest") == {name: "0" * 64}
