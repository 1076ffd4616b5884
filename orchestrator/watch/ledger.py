"""What the daemon remembers, in the store: every run that it saw, and how far the chain of each has come.

A link of the chain is written as done after its effect is on the disk, so that a kill repeats an effect and loses none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from enum import StrEnum
from itertools import count

import msgspec
from msgspec import Struct, structs

from orchestrator.store.database import Store
from orchestrator.watch.views import SESSION, View
from tools.workspace import NAME_CHARS_MAX, safe_name

_FIRST_START = "first start"
BEFORE_FIRST_MS = 86_400_000
"""What was over for more than a day when the daemon was first started here is history, and nobody is told of it."""


class State(StrEnum):
    """Where a run is: looked at, over with its chain under way, through it, or over before the daemon ever ran."""

    WATCHING = "watching"
    ENDED = "ended"
    CLOSED = "closed"
    PASSED = "passed"


class Link(StrEnum):
    """The links of the chain, in order."""

    ARCHIVE = "archive"
    VERIFY = "verify"
    REPORT = "report"
    RECORD = "record"
    ALERT = "alert"


class LinkState(StrEnum):
    """How far a link is; `skipped` where an earlier one left it nothing to do."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Watched(Struct, frozen=True, kw_only=True):
    """A run that was seen. Times in ms since the epoch.

    `generation` counts its ends: one that went on after it was taken for over ends again. `progressed_ms` is when
    something of it last changed, `gone_ms` since when its process is gone, `stalled_ms` when it was told that it
    stands still. `told_*` say which events stand in the journal.
    """

    key: str
    source: str
    run_id: str
    kind: str
    started_ms: int
    seen_ms: int
    workspace: str = ""
    state: State = State.WATCHING
    generation: int = 1
    progress: str = ""
    progressed_ms: int = 0
    pid: int | None = None
    pid_started_ms: int | None = None
    pid_mark: str = ""
    gone_ms: int | None = None
    stalled_ms: int | None = None
    told_created: bool = False
    told_completed: bool = False
    status: str = ""
    why: str = ""
    revivable: bool = False
    ended_ms: int | None = None
    view: View | None = None


class LinkRow(Struct, frozen=True, kw_only=True):
    """One link of one run's chain. `result` is what later links need of it, `detail` is for people."""

    link: Link
    status: LinkState = LinkState.PENDING
    attempts: int = 0
    next_ms: int = 0
    detail: str = ""
    result: str = ""
    updated_ms: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is tried."""
        return self.status is not LinkState.PENDING


class Ledger:
    """Reads and writes; every call is one transaction. Raises UsageError where the store refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def store(self) -> Store:
        """The store in which it lies."""
        return self._store

    def first_start_ms(self, now_ms: int) -> int:
        """When the daemon was first started on this store; now, if it never was."""
        with self._store.writing() as database:
            database.execute(
                "INSERT OR IGNORE INTO watch_state (name, data) VALUES (?, ?)", (_FIRST_START, str(now_ms))
            )
        return int(str(self.said(_FIRST_START)))

    def said(self, name: str) -> str | None:
        """A value that was kept under a name."""
        found = self._store.one("SELECT data FROM watch_state WHERE name = ?", (name,))
        return None if found is None else str(found)

    def say(self, name: str, value: str) -> None:
        """Keep a value under a name."""
        with self._store.writing() as database:
            database.execute("INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)", (name, value))

    def find(self, view: View) -> Watched | None:
        """What is known of the run of a view."""
        rows = self._store.rows(
            "SELECT data, state FROM watched_runs WHERE source = ? AND run_id = ? ORDER BY started_ms DESC",
            (view.source, view.run_id),
        )
        found = [_watched(row) for row in rows]
        same = next((known for known in found if known.started_ms == view.started_ms), None)
        if same is not None or not found:
            return same
        if view.kind == SESSION:
            return found[
                0
            ]  # no id of ours is given twice, and the moment of a session's beginning is made exact later
        # Its source had not said when it began, or corrects that; once it is over, another beginning is another run.
        open_still = found[0].started_ms == 0 or found[0].state in {State.WATCHING, State.ENDED}
        return found[0] if open_still else None

    def get(self, key: str) -> Watched | None:
        """A run by its key."""
        rows = self._store.rows("SELECT data, state FROM watched_runs WHERE run_key = ?", (key,))
        return _watched(rows[0]) if rows else None

    def named(self, run_id: str) -> Watched | None:
        """The newest run that a user names, by its key or its id at its source."""
        query = "SELECT data, state FROM watched_runs WHERE run_key = ? OR run_id = ? ORDER BY started_ms DESC LIMIT 1"
        rows = self._store.rows(query, (run_id, run_id))
        return _watched(rows[0]) if rows else None

    def in_state(self, *states: State) -> list[Watched]:
        """Runs in these states, oldest end first."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT data, state FROM watched_runs WHERE state IN ({marks}) ORDER BY ended_ms, run_key"  # noqa: S608
        return [_watched(row) for row in self._store.rows(query, tuple(states))]

    def last(self, number: int) -> list[Watched]:
        """The runs that were seen last, the newest first."""
        query = "SELECT data, state FROM watched_runs WHERE state <> 'passed' "
        query += "ORDER BY json_extract(data, '$.seen_ms') DESC, run_key DESC LIMIT ?"
        return [_watched(row) for row in self._store.rows(query, (number,))]

    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        query = "SELECT state, count(*) AS runs FROM watched_runs GROUP BY state"
        return {row["state"]: row["runs"] for row in self._store.rows(query)}

    def settled(self, source: str, before_ms: int) -> set[tuple[str, int]]:
        """Ids and beginnings of runs of a source that need no look any more: none that may go on but ended long ago."""
        query = """
            SELECT run_id, started_ms FROM watched_runs WHERE source = ? AND state IN ('closed', 'passed')
            AND (ended_ms < ? OR coalesce(json_extract(data, '$.revivable'), 0) = 0)
        """
        return {(row["run_id"], row["started_ms"]) for row in self._store.rows(query, (source, before_ms))}

    def clock_moved(self, by_ms: int) -> None:
        """The clock was set, or the machine slept: of runs that are watched that time did not pass."""
        for run in self.in_state(State.WATCHING):
            gone_ms = None if run.gone_ms is None else run.gone_ms + by_ms
            self.write(structs.replace(run, progressed_ms=run.progressed_ms + by_ms, gone_ms=gone_ms))

    def add(self, view: View, now_ms: int, *, passed: bool = False) -> Watched:
        """Remember a run that was not known."""
        with self._store.writing() as database:
            key = _free_key(database, view)
            known = Watched(
                key=key,
                source=view.source,
                run_id=view.run_id,
                kind=view.kind,
                started_ms=view.started_ms,
                seen_ms=now_ms,
                workspace=view.workspace,
                state=State.PASSED if passed else State.WATCHING,
                progress=view.progress,
                progressed_ms=now_ms,
                pid=view.pid,
                pid_started_ms=view.pid_started_ms,
                status=view.status,
                # One that its source left open is looked at for a while yet: it may go on.
                revivable=passed and view.outcome is None,
                ended_ms=now_ms if passed else None,
            )
            _write(database, known)
        return known

    def write(self, known: Watched) -> None:
        """Remember what became of a run."""
        with self._store.writing() as database:
            _write(database, known)

    def told_completed(self, run: Watched) -> None:
        """Its end stands in the journal; its state may be another by now."""
        with self._store.writing() as database:
            database.execute(
                "UPDATE watched_runs SET data = json_set(data, '$.told_completed', json('true')) WHERE run_key = ? "
                "AND generation = ?",
                (run.key, run.generation),
            )

    def links(self, run: Watched) -> dict[Link, LinkRow]:
        """Every link of a run's chain."""
        query = "SELECT * FROM chain_steps WHERE run_key = ? AND generation = ?"
        found = {
            Link(row["step"]): LinkRow(
                link=Link(row["step"]),
                status=LinkState(row["status"]),
                attempts=row["attempts"],
                next_ms=row["next_ms"],
                detail=row["detail"],
                result=row["result"],
                updated_ms=row["updated_ms"],
            )
            for row in self._store.rows(query, (run.key, run.generation))
        }
        return {link: found.get(link, LinkRow(link=link)) for link in Link}

    def write_link(self, run: Watched, row: LinkRow) -> None:
        """Remember how far a link is."""
        with self._store.writing() as database:
            database.execute(
                "INSERT OR REPLACE INTO chain_steps (run_key, generation, step, status, attempts, next_ms, detail, "
                "result, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.key, run.generation, row.link, row.status, row.attempts, row.next_ms, row.detail, row.result,
                    row.updated_ms,
                ),
            )  # fmt: skip

    def close(self, run: Watched, *, archived: bool) -> None:
        """The chain of this end is through. What its source held of it stays here only where no archive has it."""
        data = "json_remove(data, '$.view.rows')" if archived else "data"
        with self._store.writing() as database:
            database.execute(
                f"UPDATE watched_runs SET state = ?, data = {data} WHERE run_key = ? AND generation = ? AND state = ?",  # noqa: S608 - our words
                (State.CLOSED, run.key, run.generation, State.ENDED),
            )

    def reopen(self, run: Watched, links: Iterable[Link]) -> None:
        """Lead these links of a chain that is through once more, as if they had never been tried."""
        with self._store.writing() as database:
            marks = [(run.key, run.generation, link) for link in links]
            query = "DELETE FROM chain_steps WHERE run_key = ? AND generation = ? AND step = ?"
            database.executemany(query, marks)
            database.execute(
                "UPDATE watched_runs SET state = ? WHERE run_key = ? AND generation = ? AND state = ?",
                (State.ENDED, run.key, run.generation, State.CLOSED),
            )

    def given_up(self) -> list[Watched]:
        """Runs whose chain is through and that have a link of their last end which was given up."""
        query = "SELECT DISTINCT run_key FROM chain_steps JOIN watched_runs USING (run_key, generation) "
        query += "WHERE chain_steps.status = 'failed' AND state = ? ORDER BY run_key"
        found = (self.get(row["run_key"]) for row in self._store.rows(query, (State.CLOSED,)))
        return [run for run in found if run is not None]

    def failures(self, number: int) -> list[tuple[str, LinkRow]]:
        """Links that were given up, the newest first."""
        query = "SELECT * FROM chain_steps WHERE status = 'failed' ORDER BY updated_ms DESC LIMIT ?"
        return [
            (
                row["run_key"],
                LinkRow(
                    link=Link(row["step"]),
                    status=LinkState.FAILED,
                    attempts=row["attempts"],
                    detail=row["detail"],
                    updated_ms=row["updated_ms"],
                ),
            )
            for row in self._store.rows(query, (number,))
        ]


def _watched(row: sqlite3.Row) -> Watched:
    known = msgspec.json.decode(row["data"], type=Watched)
    return structs.replace(known, state=State(row["state"]))


def _write(database: sqlite3.Connection, known: Watched) -> None:
    database.execute(
        "INSERT OR REPLACE INTO watched_runs (run_key, source, run_id, started_ms, state, generation, status, "
        "ended_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            known.key, known.source, known.run_id, known.started_ms, known.state, known.generation, known.status,
            known.ended_ms, msgspec.json.encode(known).decode("utf-8"),
        ),
    )  # fmt: skip


def _free_key(database: sqlite3.Connection, view: View) -> str:
    """The run's id as a name that no other run has: of a file, in an archive's list, on the command line."""
    name = safe_name(view.run_id)
    for number in count(1):
        # Cut in front of its number: as a file's name it may not be longer than `name` can.
        end = "" if number == 1 else f"-{number}"
        key = f"{name[: NAME_CHARS_MAX - len(end)]}{end}"
        taken = database.execute("SELECT 1 FROM watched_runs WHERE run_key = ?", (key,)).fetchone()
        if taken is None and (view.kind == SESSION or not _is_ours(database, view, key)):
            return key
    raise AssertionError("unreachable")  # pragma: no cover


def _is_ours(database: sqlite3.Connection, view: View, key: str) -> bool:
    """Whether a row of our own store has this id and is another run."""
    row = database.execute("SELECT run_id FROM runs WHERE run_id = ?", (key,)).fetchone()
    return row is not None and not (view.source == OWN and view.run_id == key)


OWN = "store"
"""The source of runs that others write into our own store."""
