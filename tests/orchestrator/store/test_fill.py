"""Journals into the store: every line once, whatever is called twice or torn, and old rows go by their kind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator.archive import chain
from orchestrator.archive.form import Form
from orchestrator.archive.keeping import keep
from orchestrator.archive.shelf import Shelf
from orchestrator.session.lock import hold_file
from orchestrator.store import database, retention
from orchestrator.store.database import Store
from orchestrator.store.fill import fill, fill_archives
from tests.fakes.clock import ManualClock
from tests.report.made_session import SESSION_ID, START_MS, Made, make
from tools.clock import iso
from tools.errors import UsageError
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.findings.recorder import load
from tools.sources import session_facts
from tools.sources.metrics import MetricsJournal
from tools.sources.process_samples import ProcessSample
from tools.sources.redis.polls import read_polls
from tools.workspace import Workspace

DAY_S = 86_400


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / ".state" / "orchestration.db"
    database.create(path)
    with database.open_store(path) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS + 600_000)


def counts(store: Store) -> dict[str, object]:
    tables = (
        "findings",
        "agent_metrics",
        "agent_events",
        "error_logs",
        "stream_samples",
        "tasks",
        "workstreams",
    )
    return {table: store.one(f"SELECT count(*) FROM {table}") for table in tables}


def tell(workspace: Workspace, kind: str, **details: object) -> None:
    with Journal(workspace.events) as journal:
        journal.append({"type": kind, "at": iso(START_MS)} | details)


def test_what_the_journals_hold_is_in_the_store_once(made: Made, store: Store, clock: ManualClock) -> None:
    workspace = made.workspace
    tell(workspace, "error", agent="LOG_WATCHER", reason="a rule failed")
    tell(workspace, "focus-task", taskId="T-1", agent="LOG_WATCHER", entity="orders", question="why?")
    sample = ProcessSample(
        at=iso(START_MS), kind="agent", name="LOG_WATCHER", status="alive", cpu_percent=3.5, rss_bytes=50 << 20,
        findings=2, errors=1,
    )  # fmt: skip
    with MetricsJournal(workspace) as file:
        file.append([sample])
    first = fill(store, workspace, clock)
    before = counts(store)
    assert fill(store, workspace, clock).rows == dict.fromkeys(first.rows, 0)
    assert counts(store) == before
    found = {item.finding_id for agent in AgentId for item in load(workspace.findings(agent))}
    assert {row["finding_id"] for row in store.rows("SELECT finding_id FROM findings")} == found
    assert (before["error_logs"], before["tasks"]) == (1, 1)
    (row,) = store.rows("SELECT * FROM agent_metrics")
    assert (row["agent_id"], row["cpu_percent"], row["memory_mb"], row["error_count"]) == (
        "LOG_WATCHER", 3.5, 50.0, 1,
    )  # fmt: skip
    last = {
        row["stream"]: row["length"] for row in store.rows("SELECT * FROM stream_samples ORDER BY timestamp")
    }
    (*_, poll) = read_polls(workspace.polls)
    assert last == {state.name: state.info.length for state in poll.streams}


def test_only_new_lines_are_read_and_a_torn_one_waits(made: Made, store: Store, clock: ManualClock) -> None:
    workspace = made.workspace
    fill(store, workspace, clock)
    with workspace.events.open("ab") as file:
        file.write(b'{"type": "phase", "at": "2025')
    assert fill(store, workspace, clock).rows["agent_events"] == 0
    with workspace.events.open("ab") as file:
        file.write(b'-06-15T15:06:40.000Z"}\nnot json\n')
    done = fill(store, workspace, clock)
    assert done.rows["agent_events"] == 1
    assert done.problems == ("events.jsonl: 1 lines are none of this journal and were passed over",)


def test_others_may_write_while_polls_are_read(made: Made, store: Store, clock: ManualClock) -> None:
    """Those of a large server take seconds, and a writer waits no longer than ten."""
    written: list[int] = []

    class Seen(Workspace):
        @property
        def polls(self) -> Path:
            with closing(sqlite3.connect(store.path, timeout=0)) as other, other:
                cursor = other.execute("INSERT INTO alert_state (name, data) VALUES (?, '')", (len(written),))
                written.append(cursor.rowcount)
            return Workspace(self.root).polls

    filled = fill(store, Seen(made.workspace.root), clock)
    assert filled.rows["stream_samples"] == store.one("SELECT count(*) FROM stream_samples") != 0
    assert written == [1]


def test_what_another_filled_while_polls_were_read_is_there_once(
    made: Made, store: Store, clock: ManualClock
) -> None:
    reads: list[int] = []

    class Overtaken(Workspace):
        @property
        def polls(self) -> Path:
            reads.append(1)
            if len(reads) == 1:
                with database.open_store(store.path) as other:
                    fill(other, Workspace(self.root), clock)
            return Workspace(self.root).polls

    filled = fill(store, Overtaken(made.workspace.root), clock)
    assert filled.rows["stream_samples"] == 0
    alone = store.rows("SELECT stream, timestamp FROM stream_samples")
    assert len(alone) == len({tuple(row) for row in alone}) != 0


def test_a_finding_that_grows_stays_one_row(made: Made, store: Store, clock: ManualClock) -> None:
    fill(store, made.workspace, clock)
    journal = made.workspace.findings(AgentId.LOG_WATCHER)
    last = json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])
    grown = last | {"revision": last["revision"] + 1, "occurrences": 99}
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(grown) + "\n" + json.dumps(last) + "\n")
    fill(store, made.workspace, clock)
    query = "SELECT occurrences FROM findings WHERE finding_id = ?"
    assert [row["occurrences"] for row in store.rows(query, (last["findingId"],))] == [99]


@pytest.mark.parametrize(
    ("ended_by", "status"),
    [
        pytest.param("deadline", "COMPLETED", id="to its end"),
        pytest.param("failure", "FAILED", id="failed"),
        pytest.param("running", "RUNNING", id="at work"),
        pytest.param("running", "INTERRUPTED", id="killed"),
    ],
)
def test_a_run_tells_how_it_stands(
    made: Made, store: Store, clock: ManualClock, ended_by: str, status: str
) -> None:
    workspace = made.workspace
    facts = session_facts.read(workspace)
    done = session_facts.PhaseRun(name="complete", started_ms=START_MS, status="done")
    steps = () if ended_by == "running" else (done,)
    session_facts.write(workspace, structs.replace(facts, ended_by=ended_by, phases=steps))
    if status == "RUNNING":
        with hold_file(workspace.path(".lock"), "workspace", "x"):
            fill(store, workspace, clock)
    else:
        fill(store, workspace, clock)
    (run,) = store.rows("SELECT * FROM runs")
    assert (run["run_id"], run["status"]) == (SESSION_ID, status)
    assert (run["verdict"] is None) == (status == "RUNNING")
    assert run["steps_done"] == len(steps)


def test_a_verdict_follows_from_open_criticals_and_what_was_seen(
    made: Made, store: Store, clock: ManualClock
) -> None:
    workspace = made.workspace
    workspace.all_findings.write_bytes(b'[{"findingId": "RSA-001", "severity": "CRITICAL"}]')
    fill(store, workspace, clock)
    assert store.one("SELECT verdict FROM runs") == "FAILED"
    workspace.all_findings.write_bytes(b"[]")
    fill(store, workspace, clock)
    assert store.one("SELECT verdict FROM runs") == "INCOMPLETE"


def test_sessions_of_two_projects_that_began_at_the_same_second_are_two_runs(
    made: Made, store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """A timer starts them so; ids are seconds."""
    (tmp_path / "other").mkdir()
    other = make(tmp_path / "other")
    own = fill(store, made.workspace, clock)
    for _ in range(2):
        second = fill(store, other.workspace, clock)
        assert fill(store, made.workspace, clock).run_id == own.run_id == SESSION_ID
    projects = {row["run_id"]: row["project"] for row in store.rows("SELECT * FROM runs")}
    assert projects == {own.run_id: str(made.project), second.run_id: str(other.project)}
    rows = store.rows("SELECT run_id, count(*) AS n FROM findings GROUP BY run_id")
    assert len({row["n"] for row in rows}) == 1
    assert {row["run_id"] for row in rows} == projects.keys()


@pytest.mark.parametrize(
    "line",
    [b'{"a":' * 99_999, b'{"type":"x","at":"\\ud800"}', b"\xff", b"[]"],
    ids=["nested", "half", "bytes", "list"],
)
def test_a_line_that_is_none_costs_itself_alone(
    made: Made, store: Store, clock: ManualClock, line: bytes
) -> None:
    journals = (made.workspace.findings(AgentId.LOG_WATCHER), made.workspace.events)
    for journal in journals:
        journal.write_bytes(line + b"\n" + journal.read_bytes())
    filled = fill(store, made.workspace, clock)
    assert [problem.partition(":")[0] for problem in filled.problems] == [
        "findings/log-watcher.jsonl",
        "events.jsonl",
    ]
    assert filled.rows["agent_events"] == 1


def test_a_number_that_no_table_holds_is_no_finding(made: Made, store: Store, clock: ManualClock) -> None:
    journal = made.workspace.findings(AgentId.LOG_WATCHER)
    journal.write_bytes(journal.read_bytes().replace(b'"occurrences":1', b'"occurrences":1' + b"0" * 30, 1))
    assert len(fill(store, made.workspace, clock).problems) == 1


@pytest.mark.parametrize("form", [None, *Form])
def test_archives_are_listed(made: Made, store: Store, clock: ManualClock, form: Form | None) -> None:
    archived = keep(made.workspace.root, clock, form)
    shelf = Shelf.beside(made.workspace.root)
    for _ in range(2):
        assert fill_archives(store, shelf) == 1
    (row,) = store.rows("SELECT * FROM archives")
    assert (row["path"], row["run_id"], row["files"]) == (
        str(archived.path), SESSION_ID, archived.info.payload_files,
    )  # fmt: skip
    archived.path.unlink()
    links = chain.read(shelf.folder)
    chain.write(shelf.folder, [structs.replace(link, pruned_ms=START_MS) for link in links])
    fill_archives(store, shelf)
    assert [row["pruned_at"] for row in store.rows("SELECT * FROM archives")] == [iso(START_MS)]


def test_what_is_old_goes_and_what_is_not_settled_stays(made: Made, store: Store, clock: ManualClock) -> None:
    tell(made.workspace, "error", agent="LOG_WATCHER", reason="one")
    tell(made.workspace, "error", agent="LOG_WATCHER", reason="two")
    facts = session_facts.read(made.workspace)
    session_facts.write(made.workspace, structs.replace(facts, ended_by="deadline", ended_ms=START_MS))
    fill(store, made.workspace, clock)
    with store.writing() as connection:
        connection.execute("UPDATE error_logs SET resolved = 1 WHERE message = 'one'")
    assert retention.prune(store, clock) == {}
    clock.advance(8 * DAY_S)
    gone = retention.prune(store, clock)
    assert gone["error_logs"] == 1
    assert counts(store) == dict.fromkeys(counts(store), 0) | {"error_logs": 1}
    assert store.one("SELECT count(*) FROM runs") == 1
    assert fill(store, made.workspace, clock).rows["agent_events"] == 0


def test_a_folder_without_a_session_is_refused(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no session"):
        fill(store, Workspace(tmp_path / "none"), clock)
