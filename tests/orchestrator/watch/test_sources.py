"""Where runs are seen: databases of others, checked at once and only read; sessions of ours in all their states."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from msgspec import structs

from orchestrator.alerts.after import Places, tell
from orchestrator.session import opening
from orchestrator.session.lock import hold_file
from orchestrator.watch.foreign import Database
from orchestrator.watch.views import View
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, counted, events, rules, ticks
from tests.report.made_session import START_MS, Made, make
from tools.errors import UsageError
from tools.sources import session_facts
from tools.sources.session_facts import PhaseRun


def made_database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        pytest.param(["CREATE TABLE other (a)"], "the table runs is missing", id="no runs"),
        pytest.param(
            ["CREATE TABLE runs (id, status)"], "the table workstreams is missing", id="no workstreams"
        ),
        pytest.param(
            ["CREATE TABLE runs (a, status)", "CREATE TABLE workstreams (run_id)"],
            "has no column for the id",
            id="no id",
        ),
    ],
)
def test_a_database_that_cannot_be_watched_is_named_with_its_table(
    tmp_path: Path, statements: list[str], problem: str
) -> None:
    path = made_database(tmp_path / "x.db", *statements)
    with pytest.raises(UsageError, match=problem) as raised:
        Database(path).check()
    assert str(path) in str(raised.value)


def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no database"):
        Database(tmp_path / "x.db").check()
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database " * 500)
    with pytest.raises(UsageError, match="cannot be read"):
        Database(tmp_path / "x.db").check()


def test_it_is_only_read(tmp_path: Path) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, state TEXT, start_time REAL, hostname TEXT, process_id INTEGER, b)",
        "CREATE TABLE workstreams (run_id INTEGER, title TEXT, state TEXT)",
        "INSERT INTO runs VALUES (7, 'done', 1750000000.5, 'another-host', 1, x'00ff')",
        "INSERT INTO workstreams VALUES (7, 'build', 'skipped')",
    )
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    (found,) = list(Database(path).runs(()))
    assert (found.run_id, found.outcome, found.started_ms) == ("7", "COMPLETED", 1_750_000_000_500)
    assert (found.all_done, found.alive, found.rows["runs"][0]["b"]) == (True, None, "(2 bytes)")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.db"]


def only(path: Path) -> View:
    (found,) = list(Database(path).runs(()))
    return found


def test_a_process_is_known_by_its_number_and_its_beginning(tmp_path: Path) -> None:
    other = OtherOrchestrator(tmp_path / "x.db", ManualClock())
    other.begin("r", pid=os.getpid())
    assert only(other.path).alive is True
    other.sql("ALTER TABLE runs ADD COLUMN pid_started_at REAL DEFAULT 5.0")
    assert only(other.path).alive is False


@pytest.mark.parametrize(
    ("hours_before", "status"),
    [
        pytest.param(1, "STALLED", id="begun long after all that is told of the run"),
        pytest.param(-1, "RUNNING", id="there before the run was"),
    ],
)
def test_a_process_that_got_the_number_while_nobody_watched_keeps_no_run_open(
    tmp_path: Path, hours_before: int, status: str
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        born_ms = round(psutil.Process(later.pid).create_time() * 1000)
        other = OtherOrchestrator(tmp_path / "x.db", ManualClock(born_ms - hours_before * 3_600_000))
        other.begin("r", "build", pid=later.pid)
        clock = ManualClock(born_ms + 1000)
        parts = Parts(tmp_path, clock, databases=[{"path": other.path}])
        try:
            ticks(parts, clock, 1860, every_s=60)
            told = parts.store.rows("SELECT * FROM watched_runs")
        finally:
            parts.close()
        later.communicate(b"\n")
    assert [row["status"] for row in told] == [status]


def test_whatever_a_row_holds_is_read(tmp_path: Path) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status, started_at, ended_at, pid, cost, safety_score, error)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "INSERT INTO runs VALUES ('r', 'failed', 9e18, 'soon', -5, 'much', 'high', CAST(x'ff41' AS TEXT))",
        "INSERT INTO workstreams VALUES ('r', NULL, 7)",
    )
    found = only(path)
    assert (found.outcome, found.started_ms, found.ended_ms, found.cost_usd) == ("FAILED", 0, None, None)
    assert (found.alive, found.error, found.steps[0].status) == (None, "\ufffdA", "7")


def test_a_heartbeat_is_no_progress(tmp_path: Path) -> None:
    other = OtherOrchestrator(tmp_path / "x.db", ManualClock())
    other.begin("r", "build")
    other.sql("ALTER TABLE runs ADD COLUMN last_heartbeat REAL")
    before = only(other.path).progress
    other.sql("UPDATE runs SET last_heartbeat = 5")
    assert only(other.path).progress == before
    other.step("r", "build", "RUNNING")
    assert only(other.path).progress != before


def test_its_owner_can_commit_while_what_was_read_is_looked_through(tmp_path: Path) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "INSERT INTO runs VALUES ('a', 'running'), ('b', 'running')",
    )
    found = Database(path).runs(())
    with closing(sqlite3.connect(path, timeout=0)) as owner, owner:
        assert next(found).run_id == "a"
        owner.execute("UPDATE runs SET status = 'done'")
        owner.commit()
        assert [view.run_id for view in found] == ["b"]


@pytest.mark.parametrize("run_id", ["7", "'7'", "' 7 '"])
def test_steps_are_found_whatever_an_id_is(tmp_path: Path, run_id: str) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status)",
        "CREATE TABLE workstreams (run_id, name, status)",
        f"INSERT INTO runs VALUES ({run_id}, 'running')",  # a parameter of this test
        f"INSERT INTO workstreams VALUES ({run_id}, 'build', 'done'), (8, 'other', 'running')",
    )
    found = only(path)
    assert (found.run_id, [step.name for step in found.steps]) == ("7", ["build"])


def test_no_step_is_forgotten_however_many_there_are(tmp_path: Path) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "INSERT INTO runs VALUES ('r', 'running')",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2003) "
        "INSERT INTO workstreams SELECT 'r', i, iif(i < 2003, 'done', 'running') FROM n",
    )
    before = only(path)
    assert not before.all_done
    assert [step.name for step in before.steps[2000:]] == ["2 more (DONE)", "1 more (RUNNING)"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE workstreams SET status = 'done' WHERE name = 2003")
    after = only(path)
    assert after.all_done
    assert after.progress != before.progress


def test_a_long_text_is_masked_before_it_is_cut_and_moves_where_it_grows(tmp_path: Path) -> None:
    text = f"{'x' * 3976} redis://user:hunter2secretpassword@10.0.0.9:6379"
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status, error, log)",
        "CREATE TABLE workstreams (run_id, name, status)",
        f"INSERT INTO runs VALUES ('r', 'failed', '{text}', '{text}')",  # a text of this test
    )
    before = only(path)
    assert "hunter2" not in f"{before}"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET log = log || 'y'")
    assert only(path).progress != before.progress


def test_a_secret_in_a_status_is_masked(tmp_path: Path) -> None:
    status = "waits for redis://default:hunter2pass@10.0.0.9:6379"
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "CREATE TABLE gates (run_id, name, status)",
        f"INSERT INTO runs VALUES ('r', '{status}')",  # a text of this test
        f"INSERT INTO workstreams VALUES ('r', 'build', '{status}')",
        f"INSERT INTO gates VALUES ('r', 'review', '{status}')",
    )
    assert "hunter2pass" not in f"{only(path)}".lower()


def test_a_column_whose_name_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status, zzzz)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "INSERT INTO runs VALUES ('r', 'running', 1)",
    )
    path.write_bytes(path.read_bytes().replace(b"zzzz", b"z\xff\xfez"))
    with pytest.raises(UsageError, match="cannot be read"):
        list(Database(path).runs(()))


# --- Sessions of ours ------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS + 600_000)


def parts_of(made: Made, clock: ManualClock) -> Parts:
    root = made.workspace.root.parent
    parts = Parts(root, clock)
    assert parts.config.output.workspace.parent == root
    return parts


def complete(made: Made) -> None:
    facts = session_facts.read(made.workspace)
    phase = PhaseRun(name="complete", started_ms=START_MS, ended_ms=START_MS, status="done")
    session_facts.write(made.workspace, structs.replace(facts, phases=(phase,), ended_by="deadline"))


def test_a_session_is_watched_while_it_works_and_dealt_with_when_it_is_over(
    made: Made, clock: ManualClock
) -> None:
    workspace, parts = made.workspace, parts_of(made, clock)
    facts = session_facts.read(workspace)
    with hold_file(workspace.path(".lock"), "workspace", facts.session_id):
        parts.tick()
        clock.advance(7200)
        lines = parts.tick()
        assert any("its process runs" in line for line in lines)
        assert parts.ledger.counts() == {"watching": 1}
    complete(made)
    workspace.path(".lock").write_text("pid 999999999, session x\n", encoding="ascii")
    parts.tick()
    assert parts.ledger.counts() == {"closed": 1}
    assert counted(workspace.root.parent)["archives"] == {facts.session_id: 1}
    told = [item["event"] for item in events(workspace.root.parent / "logs" / "monitor.jsonl")]
    assert told == ["RUN_CREATED", "RUN_STALLED", "RUN_COMPLETED"]
    parts.close()


def test_a_session_that_was_killed_is_dealt_with_from_its_archive_once_another_has_its_workspace(
    made: Made, clock: ManualClock
) -> None:
    workspace, parts = made.workspace, parts_of(made, clock)
    facts = session_facts.read(workspace)
    opening.create_workspace(workspace, "20300101_000000", clock)
    parts.tick()
    assert parts.ledger.counts() == {"closed": 1}
    assert counted(workspace.root.parent)["archives"] == {facts.session_id: 1}
    row = parts.store.rows("SELECT * FROM runs")[0]
    assert (row["run_id"], row["status"], row["workspace"]) == (
        facts.session_id,
        "INTERRUPTED",
        str(workspace.root),
    )
    parts.close()


def test_a_session_stays_one_whatever_is_said_of_its_beginning(made: Made, clock: ManualClock) -> None:
    workspace, parts = made.workspace, parts_of(made, clock)
    complete(made)
    parts.tick()
    with parts.store.writing() as database:
        database.execute("UPDATE runs SET started_at = '2025-06-15T15:00:00.000Z'")
    opening.create_workspace(workspace, "20300101_000000", clock)
    parts.tick()
    assert parts.ledger.counts() == {"closed": 1}
    parts.close()


def test_runs_that_another_writes_into_our_store_are_runs(tmp_path: Path, clock: ManualClock) -> None:
    parts = Parts(tmp_path, clock)
    with parts.store.writing() as database:
        database.execute(
            "INSERT INTO runs (run_id, status, started_at) VALUES ('theirs', 'COMPLETED', '2025-06-15T15:00:00Z')"
        )
    parts.tick()
    parts.tick()
    assert parts.ledger.counts() == {"closed": 1}
    assert parts.store.one("SELECT verdict FROM runs") == "VALIDATED"
    parts.close()


def test_looking_at_our_own_store_takes_no_lock_from_it(tmp_path: Path, clock: ManualClock) -> None:
    parts = Parts(tmp_path, clock)
    parts.tick()
    path = parts.config.output.state_db
    # Another process that comes and goes would take the WAL of a database that nobody seems to hold.
    code = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT * FROM runs').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.with_name(f"{path.name}-wal").exists()
    parts.tick()
    parts.close()


def test_a_session_without_an_archive_tells_its_end_once(made: Made, clock: ManualClock) -> None:
    workspace, root = made.workspace, made.workspace.root.parent
    complete(made)
    with HttpPeer() as peer:
        (root / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        (root / ".archive").mkdir()
        (root / ".archive" / ".lock").mkdir()  # in the way
        parts = parts_of(made, clock)
        state_db = parts.config.output.state_db
        list(tell(Places(root / "alerts.yaml", state_db, workspace.root), {}, clock, shadow=False))
        ticks(parts, clock, 4 * 3600, every_s=60)
        ((_, row),) = parts.ledger.failures(5)
        titles = [request.data["title"] for request in peer.requests]
        parts.close()
    assert row.link == "archive"
    assert len(titles) == len(set(titles))
    assert [title for title in titles if " VALIDATED" in title or "no report" in title] == []


def test_a_database_that_its_owner_has_locked_is_read_later(tmp_path: Path, clock: ManualClock) -> None:
    path = made_database(
        tmp_path / "x.db",
        "CREATE TABLE runs (run_id, status)",
        "CREATE TABLE workstreams (run_id, name, status)",
        "INSERT INTO runs VALUES ('r', 'running')",
    )
    parts = Parts(tmp_path, clock, databases=[{"path": path}])
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        parts.watcher.check()
        assert list(parts.watcher.look()) == [f"{path} cannot be read (database is locked)."]
        owner.execute("COMMIT")
    assert list(parts.watcher.look()) == [f"{path}: can be read again", f"r: seen ({path})"]
    parts.close()


def test_our_own_store_is_no_other_database(tmp_path: Path, clock: ManualClock) -> None:
    parts = Parts(tmp_path, clock, databases=[{"path": tmp_path / ".state" / "orchestration.db"}])
    with pytest.raises(UsageError, match="is our own store"):
        parts.watcher.check()
    parts.close()
