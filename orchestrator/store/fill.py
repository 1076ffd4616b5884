"""A session's journals into the store: each line once, however often it is called and whatever was killed in between.

Rows and the position up to which a journal was read are written in one transaction.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from orchestrator.archive import chain, content
from orchestrator.archive.form import Form, name_of
from orchestrator.archive.shelf import Shelf
from orchestrator.store import journals
from orchestrator.store.database import Store
from tools.clock import Clock, iso
from tools.errors import JournalCorrupt, UsageError
from tools.findings import journal
from tools.findings.model import AgentId
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

_POLLS = "streams/polls.jsonl"
_EVENTS = "events.jsonl"
_METRICS = "recording/metrics.jsonl"
_FINDINGS = """
INSERT INTO findings (run_id, finding_id, fingerprint, agent_id, rule_id, category, level, origin, title, service,
  stream, consumer_group, occurrences, revision, first_seen, last_seen, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, finding_id) DO UPDATE SET level = excluded.level, title = excluded.title,
  occurrences = excluded.occurrences, revision = excluded.revision, last_seen = excluded.last_seen,
  ended_at = excluded.ended_at
WHERE excluded.revision >= findings.revision
"""
_INSERT_METRICS = """
INSERT INTO agent_metrics (run_id, agent_id, kind, timestamp, cpu_percent, memory_mb, status, error_count,
  message_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_EVENTS = """
INSERT INTO agent_events (run_id, agent_id, event_type, message, metadata, timestamp) VALUES (?, ?, ?, ?, ?, ?)
"""
_INSERT_ERRORS = """
INSERT INTO error_logs (run_id, agent_id, error_type, message, stack_trace, timestamp) VALUES (?, ?, ?, ?, ?, ?)
"""
_INSERT_TASKS = """
INSERT OR IGNORE INTO tasks (run_id, task_id, agent_id, title, status, created_at) VALUES (?, ?, ?, ?, ?, ?)
"""
_INSERT_SAMPLES = """
INSERT OR IGNORE INTO stream_samples (run_id, stream, timestamp, length, pending, lag, groups)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_RUN = """
INSERT INTO runs (run_id, kind, status, verdict, mode, project, redis, version, workspace, started_at, ended_at,
  ended_by, exit_code, health, open_criticals, blind_gaps, steps_done, steps_total, tokens, cost_usd, updated_at)
VALUES (:run_id, 'session', :status, :verdict, :mode, :project, :redis, :version, :workspace, :started_at, :ended_at,
  :ended_by, :exit_code, :health, :open_criticals, :blind_gaps, :steps_done, :steps_total, :tokens, :cost_usd, :now)
ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, verdict = excluded.verdict,
  workspace = excluded.workspace, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
  exit_code = excluded.exit_code, health = excluded.health, open_criticals = excluded.open_criticals,
  blind_gaps = excluded.blind_gaps, steps_done = excluded.steps_done, steps_total = excluded.steps_total,
  tokens = excluded.tokens, cost_usd = excluded.cost_usd, updated_at = excluded.updated_at
"""
_ARCHIVE = """
INSERT INTO archives (path, name, run_id, number, sha256, previous_sha256, files, bytes, archived_at, pruned_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, pruned_at = excluded.pruned_at
"""


class Filled(NamedTuple):
    """What a fill brought: the run, and how many rows of each table were new. `problems` are what could not be read."""

    run_id: str
    rows: dict[str, int]
    problems: tuple[str, ...] = ()


class _End(Struct, frozen=True, rename="camel"):
    type: str
    exit_code: int | None = None
    blind: bool = False


class _Ahead(NamedTuple):
    """What was read of the polls of a run from a position on."""

    run_id: str
    position: int
    read: journals.Read


_END = msgspec.json.Decoder(_End)
_MARK_CHARS = 6


def fill(store: Store, workspace: Workspace, clock: Clock) -> Filled:
    """Take over what is new in a session's journals. Raises UsageError where there is no session, or the store refuses."""
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{workspace.root} holds no session. Name one with --workspace.") from error
    rows: dict[str, int] = {}
    problems: list[str] = []
    ahead = _read_ahead(store, facts, workspace)
    with store.writing() as database:
        run_id = _run_id(database, facts)
        for agent in AgentId:
            source = f"findings/{agent.slug}.jsonl"
            read = journals.findings(workspace, agent, run_id, _position(database, run_id, source))
            database.executemany(_FINDINGS, read.rows)
            rows["findings"] = rows.get("findings", 0) + len(read.rows)
            _remember(database, run_id, source, read.position)
            problems += _unread(source, read.bad)
        rows |= _fill_metrics(database, workspace, run_id)
        rows |= _fill_events(database, workspace, run_id, problems)
        try:
            rows |= _fill_samples(database, workspace, run_id, ahead)
        except (OSError, JournalCorrupt) as error:
            problems.append(str(error))
        database.executemany(
            "INSERT OR REPLACE INTO workstreams (run_id, name, position, status, started_at, ended_at, detail) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            list(_steps(facts, run_id)),
        )
        database.execute(_RUN, _run(facts, run_id, workspace, clock))
    return Filled(run_id, rows, tuple(problems))


def _run_id(database: sqlite3.Connection, facts: SessionFacts) -> str:
    """The session's id; with a mark of its project where another project's session has the same: ids are seconds."""
    row = database.execute("SELECT project FROM runs WHERE run_id = ?", (facts.session_id,)).fetchone()
    if row is None or row[0] in {None, facts.project_root}:
        return facts.session_id
    mark = hashlib.sha256(facts.project_root.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_CHARS]
    return f"{facts.session_id}-{mark}"


def _unread(source: str, bad: int) -> list[str]:
    return [f"{source}: {bad} lines are none of this journal and were passed over"] if bad else []


def fill_archives(store: Store, shelf: Shelf) -> int:
    """Take over the list of a folder's archives; how many it has. Raises UsageError."""
    links = chain.read(shelf.folder)
    seen, _ = shelf.seen(besides=_known(store, shelf))
    with store.writing() as database:
        for link in links:
            item = seen.get(link.name)
            pruned = None if link.pruned_ms is None else iso(link.pruned_ms)
            if item is None:
                paths = [str(shelf.folder / f"{link.name}{form.ending}") for form in Form]
                database.executemany(
                    "UPDATE archives SET pruned_at = ? WHERE path = ?", [(pruned, path) for path in paths]
                )
                continue
            info = item.info
            database.execute(
                _ARCHIVE,
                (
                    str(shelf.path_of(link.name)), link.name, info.run, link.number, link.hash, link.previous_hash,
                    info.payload_files, info.payload_bytes, iso(link.archived_ms), pruned,
                ),
            )  # fmt: skip
    return len(links)


def _known(store: Store, shelf: Shelf) -> set[str]:
    paths = [Path(row["path"]) for row in store.rows("SELECT path FROM archives")]
    return {name_of(path) for path in paths if path.parent == shelf.folder}


def _fill_metrics(database: sqlite3.Connection, workspace: Workspace, run_id: str) -> dict[str, int]:
    read = journals.metrics(workspace, run_id, _position(database, run_id, _METRICS))
    database.executemany(_INSERT_METRICS, read.rows)
    _remember(database, run_id, _METRICS, read.position)
    return {"agent_metrics": len(read.rows)}


def _fill_events(
    database: sqlite3.Connection, workspace: Workspace, run_id: str, problems: list[str]
) -> dict[str, int]:
    read = journals.events(workspace, run_id, _position(database, run_id, _EVENTS))
    database.executemany(_INSERT_EVENTS, read.events)
    database.executemany(_INSERT_ERRORS, read.errors)
    database.executemany(_INSERT_TASKS, read.tasks)
    _remember(database, run_id, _EVENTS, read.position)
    problems += _unread(_EVENTS, read.bad)
    return {"agent_events": len(read.events), "error_logs": len(read.errors), "tasks": len(read.tasks)}


def _read_ahead(store: Store, facts: SessionFacts, workspace: Workspace) -> _Ahead | None:
    """The samples, before it is our turn to write: polls of 10,000 streams take seconds, for which all others would wait."""
    with store.reading() as database:
        run_id = _run_id(database, facts)
        position = _position(database, run_id, _POLLS)
    try:
        return _Ahead(run_id, position, journals.samples(workspace, run_id, position - 1))
    except (OSError, JournalCorrupt):
        return None  # told when they are filled


def _fill_samples(
    database: sqlite3.Connection, workspace: Workspace, run_id: str, ahead: _Ahead | None
) -> dict[str, int]:
    position = _position(database, run_id, _POLLS)
    if ahead is not None and (ahead.run_id, ahead.position) == (run_id, position):
        read = ahead.read
    else:  # somebody else has filled meanwhile
        read = journals.samples(workspace, run_id, position - 1)
    database.executemany(_INSERT_SAMPLES, read.rows)
    _remember(database, run_id, _POLLS, read.position + 1)
    return {"stream_samples": len(read.rows)}


def _position(database: sqlite3.Connection, run_id: str, source: str) -> int:
    row = database.execute(
        "SELECT position FROM checkpoints WHERE run_id = ? AND source = ?", (run_id, source)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _remember(database: sqlite3.Connection, run_id: str, source: str, position: int) -> None:
    database.execute(
        "INSERT OR REPLACE INTO checkpoints (run_id, source, position) VALUES (?, ?, ?)",
        (run_id, source, position),
    )


def _steps(facts: SessionFacts, run_id: str) -> Iterator[tuple[object, ...]]:
    for position, step in enumerate(facts.phases):
        ended = None if step.ended_ms is None else iso(step.ended_ms)
        yield run_id, step.name, position, step.status, iso(step.started_ms), ended, step.detail


def _run(facts: SessionFacts, run_id: str, workspace: Workspace, clock: Clock) -> dict[str, object]:
    told = content.described(workspace, facts.session_id)
    exit_code, blind = _end(workspace)
    complete = any(step.name == "complete" and step.status == "done" for step in facts.phases)
    status = _status(facts, complete=complete, running=is_at_work(workspace))
    done = sum(1 for step in facts.phases if step.status in {"done", "skipped"})
    verdict = None
    if status != "RUNNING":
        whole = complete and not blind and not told.incomplete
        verdict = "FAILED" if told.open_criticals else "VALIDATED" if whole else "INCOMPLETE"
    return {
        "run_id": run_id,
        "status": status,
        "verdict": verdict,
        "mode": facts.mode,
        "project": facts.project_root,
        "redis": facts.redis,
        "version": facts.version,
        "workspace": str(workspace.root),
        "started_at": iso(facts.started_ms),
        "ended_at": None if facts.ended_ms is None else iso(facts.ended_ms),
        "ended_by": facts.ended_by,
        "exit_code": exit_code,
        "health": told.health,
        "open_criticals": told.open_criticals,
        "blind_gaps": blind,
        "steps_done": done,
        "steps_total": len(facts.phases),
        "tokens": facts.model_use.tokens if facts.model_use else 0,
        "cost_usd": facts.model_use.spent_usd if facts.model_use else "0",
        "now": iso(clock.now_ms()),
    }


def _status(facts: SessionFacts, *, complete: bool, running: bool) -> str:
    if complete:
        return "FAILED" if facts.ended_by == "failure" else "COMPLETED"
    return "RUNNING" if running else "INTERRUPTED"


def _end(workspace: Workspace) -> tuple[int | None, int]:
    """The exit code that the session told, and how many blind gaps it has."""
    code: int | None = None
    blind = 0
    for _, line in journal.read(workspace.events):
        try:
            event = _END.decode(line)
        except journals.NO_LINE:
            continue
        if event.type == "session-complete":
            code = event.exit_code
        blind += event.type == "gap" and event.blind
    return code, blind


def is_at_work(workspace: Workspace) -> bool:
    """Whether a session holds the workspace now. Its lock is looked at and not taken."""
    try:
        descriptor = os.open(workspace.path(".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
