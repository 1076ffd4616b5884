"""A database whose owner was killed in the middle of a commit: read as it was before, and left as it is."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.watch.foreign import Database
from orchestrator.watch.hot_journal import Copies
from tests.fakes import killed_commit
from tests.fakes.clock import ManualClock
from tests.orchestrator.watch.scenes import SCHEMA, Parts, events, ticks
from tools.errors import UsageError

SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")


def killed_owner(path: Path, mode: str = "DELETE") -> int:
    """Make a database with a run `r` of a writer that is killed in the middle of its next commit; its pid."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    command = [sys.executable, killed_commit.__file__, str(path), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"written\n"
        owner.kill()
    return owner.pid


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    return folder / "x.db"


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST"])
def test_it_is_read_as_it_was_and_nothing_is_changed(tmp_path: Path, theirs: Path, mode: str) -> None:
    killed_owner(theirs, mode)
    before, state = files(theirs.parent), tmp_path / "state"
    assert "x.db-journal" in before
    database = Database(theirs, folder=state)
    for _ in range(2):
        assert [(view.run_id, view.status) for view in database.runs(())] == [("r", "RUNNING")]
        assert "its owner was killed in the middle of a commit" in database.note
    assert files(theirs.parent) == before
    assert list(state.iterdir()) == [], "nothing of what is not masked stays on the disk"
    with closing(sqlite3.connect(theirs)) as owner, owner:
        owner.execute("UPDATE runs SET status = 'FAILED'")
    assert [(view.run_id, view.status) for view in database.runs(())] == [("r", "FAILED")]
    assert database.note == ""


def test_the_death_of_its_runs_is_seen_and_told_with_where_it_is_known_from(
    tmp_path: Path, theirs: Path
) -> None:
    pid = killed_owner(theirs)
    clock = ManualClock()
    parts = Parts(tmp_path, clock, databases=[{"path": theirs}])
    try:
        said = ticks(parts, clock, 120)
        run = parts.ledger.named("r")
        assert run is not None
        assert (run.status, run.why) == ("INTERRUPTED", f"its process {pid} is gone")
        assert len([line for line in said if "until its owner opens it again" in line]) == 1
        with closing(sqlite3.connect(theirs)) as owner:
            owner.execute("SELECT * FROM runs").fetchone()
        ticks(parts, clock, 10)
    finally:
        parts.close()
    told = [item["event"] for item in events(parts.effects.places.monitor) if "SOURCE" in item["event"]]
    assert told == ["SOURCE_COPIED", "SOURCE_BACK"]


def test_without_a_folder_for_a_copy_it_cannot_be_read_yet(theirs: Path) -> None:
    killed_owner(theirs)
    with pytest.raises(UsageError, match="when its owner has opened it again"):
        Database(theirs).check()


def test_what_is_too_much_for_a_copy_waits(tmp_path: Path, theirs: Path) -> None:
    killed_owner(theirs)
    with pytest.raises(UsageError, match="are too much"), Copies(theirs, tmp_path / "s", 1000).opened():
        pass
    assert not (tmp_path / "s").exists()


def test_a_commit_over_several_databases_is_not_mended(tmp_path: Path, theirs: Path) -> None:
    """Mending it could delete a file beside theirs."""
    killed_owner(theirs)
    with theirs.with_name("x.db-journal").open("ab") as file:
        file.write(SUPER_JOURNAL)
    with pytest.raises(UsageError, match="over several databases"), Copies(theirs, tmp_path / "s").opened():
        pass


def test_what_a_killed_copying_left_goes_with_the_next(tmp_path: Path, theirs: Path) -> None:
    killed_owner(theirs)
    with subprocess.Popen(["true"]) as gone:
        pass
    left = tmp_path / "s" / f".hot-journal.{gone.pid}.abc"
    left.mkdir(parents=True)
    with Copies(theirs, tmp_path / "s").opened():
        assert not left.exists()
