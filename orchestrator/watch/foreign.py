"""Runs of another orchestrator in its SQLite database: opened read-only, checked at once, read as it names things.

What a column is called differs between orchestrators; the names that are understood are listed here.
"""

from __future__ import annotations

import hashlib
import socket
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from orchestrator.store.database import Store
from orchestrator.watch import views
from orchestrator.watch.cells import decoded, moment, number, plain, shown, sign, text, whole
from orchestrator.watch.hot_journal import Copies, is_hot
from orchestrator.watch.processes import Process, process
from orchestrator.watch.views import Gate, Step, View
from tools.errors import UsageError
from tools.masking import mask_data

RUNS, STEPS = "runs", "workstreams"
_BESIDE = (STEPS, "tasks", "gates")
_ROWS_MAX = 2_000
_BUSY_MS = 2_000
_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("run_id", "id"),
    "status": ("status", "state"),
    "started": ("started_at", "start_time", "created_at"),
    "ended": ("ended_at", "completed_at", "finished_at", "end_time"),
    "pid": ("pid", "process_id"),
    "pid_started": ("pid_started_at", "process_started_at"),
    "host": ("host", "hostname"),
    "cost": ("cost_usd", "total_cost_usd", "total_cost", "cost"),
    "tokens": ("tokens", "total_tokens"),
    "safety": ("safety_score",),
    "error": ("error", "error_message", "reason"),
    "retries": ("retry_count", "retries"),
    "retry_limit": ("max_retries", "retry_limit"),
    "kill": ("kill_switch", "killed"),
    "name": ("name", "workstream_id", "step", "title", "id"),
    "detail": ("detail", "error", "error_message", "message"),
}
_LIVENESS = "heartbeat"
"""A column with this in its name says that somebody is there, and not that anything moves on."""
_TIMES = ("_at", "time", "stamp", "date", "seen", _LIVENESS)
"""Names of columns that hold a time end like this."""
_HEADER_BYTES, _VERSION_AT, _WAL = 20, 18, b"\x02"
"""Of the database's file: the write version, which is 2 in WAL mode (SQLite's file format, 1.3.3)."""
_PRIMARY, _BUSY = 0xFF, frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Of an extended error code the part that is the code itself."""
Result = TypeVar("Result")


class _Rows(NamedTuple):
    """Rows of one run in one table. `more` counts, by status, those behind the ones that are kept."""

    kept: list[dict[str, Any]]
    more: dict[str, int]


class _Raw(NamedTuple):
    """A run as its database holds it."""

    data: dict[str, Any]
    beside: dict[str, _Rows]


class DatabaseBusy(UsageError):
    """Its owner has it locked: nothing is wrong with it, and it can be read later."""


class Database:
    """One database with runs. `source` names it in what we remember, copies of it are made in `folder` where they must be."""

    def __init__(
        self,
        path: Path,
        required: Collection[str] = (RUNS, STEPS),
        source: str = "",
        folder: Path | None = None,
    ) -> None:
        self.path, self.source = path, source or str(path)
        self._required = dict.fromkeys((RUNS, *required))
        self._copies = None if folder is None else Copies(path, folder)
        self.note = ""
        """Why it was last read from a copy; "" where it was not."""

    def check(self) -> int:
        """How many runs it holds. Raises UsageError, naming path and table, where it cannot be watched."""
        return self._read(self._checked)

    def _checked(self, connection: sqlite3.Connection) -> int:
        there = self._tables(connection)
        for table in self._required:
            if table not in there:
                raise UsageError(
                    f"{self.path}: the table {table} is missing. "
                    "Name the orchestrator's database in [[watch.databases]]."
                )
        for column, names in (("id", _NAMES["id"]), ("status", _NAMES["status"])):
            if not _first(there[RUNS], names):
                raise UsageError(
                    f"{self.path}: the table {RUNS} has no column for the {column} ({' or '.join(names)}). "
                    "Name another in [[watch.databases]]."
                )
        return int(connection.execute(f"SELECT count(*) FROM {RUNS}").fetchone()[0])  # noqa: S608 - our word

    def runs(self, closed: Collection[tuple[str, int]]) -> Iterator[View]:
        """Every run but those that are `closed` (id, begun in ms). Raises UsageError."""
        # Views are made when the transaction is over: in rollback mode its owner cannot commit while we read.
        raw = self._read(lambda connection: list(self._runs(connection, closed)))
        return (_view(self.source, run) for run in raw)

    def _runs(self, connection: sqlite3.Connection, closed: Collection[tuple[str, int]]) -> Iterator[_Raw]:
        there = self._tables(connection)
        if RUNS not in there:
            raise UsageError(f"{self.path}: the table {RUNS} is missing.")
        found = self._open_runs(connection, closed)
        ids = [value for data in found for value in (_of(data, "id"), text(_of(data, "id")))]
        beside = {table: _beside(connection, table, there, ids) for table in _BESIDE}
        for data in found:
            run_id = text(_of(data, "id"))
            yield _Raw(data, {table: rows.get(run_id, _Rows([], {})) for table, rows in beside.items()})

    def _open_runs(
        self, connection: sqlite3.Connection, closed: Collection[tuple[str, int]]
    ) -> list[dict[str, Any]]:
        found = []
        for row in connection.execute(f"SELECT * FROM {RUNS}"):  # noqa: S608 - our word
            data = dict(row)
            run_id = text(_of(data, "id"))
            if run_id and (run_id, _started(data)) not in closed and self._is_foreign(data):
                found.append(data)
        return found

    def _is_foreign(self, data: Mapping[str, Any]) -> bool:  # noqa: ARG002 - all rows here are
        """Whether nobody else looks at it."""
        return True

    def _read(self, reader: Callable[[sqlite3.Connection], Result]) -> Result:
        """What a reader makes of the database. Raises UsageError."""
        if not self.path.exists():
            raise UsageError(f"{self.path}: there is no database. Correct the path in [[watch.databases]].")
        try:
            try:
                found = self._as_it_is(reader)
            except sqlite3.OperationalError as error:
                if not is_hot(error):
                    raise
                return self._as_it_was(reader)
            if self._copies is not None:
                self._copies.drop()
            self.note = ""
        except sqlite3.OperationalError as error:
            kind = DatabaseBusy if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BUSY else UsageError
            raise kind(f"{self.path} cannot be read ({error}).") from error
        except (sqlite3.Error, OSError, UnicodeError) as error:  # the last: a column's name that is no text
            raise UsageError(f"{self.path} cannot be read ({error}).") from error
        return found

    def _as_it_is(self, reader: Callable[[sqlite3.Connection], Result]) -> Result:
        before = self._stamp()
        if self._is_at_rest():
            # Opened in the usual way, it would get a -wal and a -shm file from us.
            with suppress(sqlite3.Error), self._open("mode=ro&immutable=1") as connection:
                found = reader(connection)
                if self._stamp() == before:
                    return found
        with self._open("mode=ro") as connection:
            return reader(connection)

    def _as_it_was(self, reader: Callable[[sqlite3.Connection], Result]) -> Result:
        """Before the commit in which its owner was killed. Raises UsageError, OSError, sqlite3.Error."""
        why = f"{self.path}: its owner was killed in the middle of a commit"
        if self._copies is None:
            raise UsageError(f"{why}. It can be read when its owner has opened it again.")
        with self._copies.opened() as connection:
            _prepare(connection)
            found = reader(connection)
        self.note = f"{why}; until its owner opens it again it is read from a copy, as it was before that"
        return found

    def _is_at_rest(self) -> bool:
        """Whether it is in WAL mode and nobody has it open: all of it is in the file itself."""
        with self.path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        return header[_VERSION_AT : _VERSION_AT + 1] == _WAL and not self._wal().exists()

    def _stamp(self) -> tuple[bool, int, int]:
        status = self.path.stat()
        return self._wal().exists(), status.st_size, status.st_mtime_ns

    def _wal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    @contextmanager
    def _open(self, how: str) -> Iterator[sqlite3.Connection]:
        address = f"{self.path.absolute().as_uri()}?{how}"
        opened = sqlite3.connect(address, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None)
        with closing(opened) as connection:
            _prepare(connection)
            connection.execute("PRAGMA query_only = 1")
            connection.execute("BEGIN")  # a run and its steps as of one moment
            yield connection

    @staticmethod
    def _tables(connection: sqlite3.Connection) -> dict[str, set[str]]:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
            for name in names
            if name in {RUNS, *_BESIDE}
        } | {name: set() for name in names if name not in {RUNS, *_BESIDE}}


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.text_factory = decoded


class OwnDatabase(Database):
    """Our own store, where another orchestrator writes its runs into it; sessions are looked at elsewhere.

    It is read over the connection that is open. Its file must never be opened and closed beside one: with that the
    kernel drops all locks that this process has on it, and SQLite no longer knows that anybody is there.
    """

    def __init__(self, store: Store, source: str) -> None:
        super().__init__(store.path, source=source)
        self._store = store

    def _read(self, reader: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._store.reading() as connection:
            return reader(connection)

    def _is_foreign(self, data: Mapping[str, Any]) -> bool:
        return data.get("kind") != views.WATCHED and not (
            data.get("kind") == views.SESSION and data.get("workspace")
        )


def _beside(
    connection: sqlite3.Connection, table: str, there: Mapping[str, set[str]], ids: list[object]
) -> dict[str, _Rows]:
    """Rows by run, in one pass: the table need have no index.

    An id is looked for as it stands in its row and as text: columns without a type tell 7 from '7'.
    """
    found: dict[str, _Rows] = {}
    if not ids or "run_id" not in there.get(table, ()):
        return found
    wanted = msgspec.json.encode([value for value in ids if not isinstance(value, bytes)]).decode("utf-8")
    query = f"SELECT * FROM {table} WHERE run_id IN (SELECT value FROM json_each(?))"  # noqa: S608 - our word
    for row in connection.execute(query, (wanted,)):
        rows = found.setdefault(text(row["run_id"]), _Rows([], {}))
        if len(rows.kept) < _ROWS_MAX:
            rows.kept.append(dict(row))
        else:
            status = _status(dict(row))
            rows.more[status] = rows.more.get(status, 0) + 1
    return found


def _view(source: str, raw: _Raw) -> View:
    data, beside = raw.data, raw.beside
    more = tuple(
        Step(name=f"{count} more ({status or 'no status'})", status=status)
        for status, count in sorted(beside[STEPS].more.items())
    )
    steps = (*(_step(row) for row in beside[STEPS].kept), *more)
    tables = {RUNS: [data]} | {name: found.kept for name, found in beside.items() if found.kept}
    rows = {name: [plain(row) for row in found] for name, found in tables.items()}
    pid = whole(_of(data, "pid"))
    elsewhere = text(_of(data, "host")) not in {"", socket.gethostname(), "localhost"}
    pid_started = moment(_of(data, "pid_started"))
    there = Process() if pid is None or pid <= 0 or elsewhere else process(pid, pid_started)
    scores = [
        score
        for score in (number(_of(data, "safety")), *(step.safety for step in steps))
        if score is not None
    ]
    masked: dict[str, list[dict[str, Any]]] = msgspec.convert(
        mask_data(rows), dict[str, list[dict[str, Any]]]
    )
    return View(
        source=source,
        run_id=text(_of(data, "id")),
        kind=views.FOREIGN,
        status=_status(data),
        started_ms=_started(data),
        ended_ms=moment(_of(data, "ended")),
        pid=pid,
        pid_started_ms=pid_started if pid_started is not None else there.born_ms,
        pid_mark=there.mark,
        last_sign_ms=_newest(tables),
        alive=there.alive,
        steps=steps,
        gates=tuple(_gate(row) for row in beside["gates"].kept),
        progress=_digest(tables, {name: found.more for name, found in beside.items()}),
        cost_usd=number(_of(data, "cost")),
        tokens=whole(_of(data, "tokens")),
        safety=min(scores, default=None),
        retries=max((whole(_of(data, "retries")) or 0, *(step.retries for step in steps))),
        retry_limit=whole(_of(data, "retry_limit")),
        kill_switch=bool(whole(_of(data, "kill"))),
        error=shown(_of(data, "error")),
        rows=masked,
    )


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        name=shown(_of(row, "name")),
        status=_status(row),
        started_ms=moment(_of(row, "started")),
        ended_ms=moment(_of(row, "ended")),
        detail=shown(_of(row, "detail")),
        retries=whole(_of(row, "retries")) or 0,
        retry_limit=whole(_of(row, "retry_limit")),
        safety=number(_of(row, "safety")),
    )


def _gate(row: Mapping[str, Any]) -> Gate:
    return Gate(name=shown(_of(row, "name")), verdict=shown(_of(row, "status")).lower() or "open")


def _status(row: Mapping[str, Any]) -> str:
    return shown(_of(row, "status")).upper()


def _digest(tables: Mapping[str, list[dict[str, Any]]], more: Mapping[str, Mapping[str, int]]) -> str:
    moving = {
        table: [{key: sign(value) for key, value in row.items() if _LIVENESS not in key} for row in found]
        for table, found in tables.items()
    }
    return hashlib.sha256(msgspec.json.encode([moving, more], order="deterministic")).hexdigest()[:32]


def _first(columns: Collection[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in columns), None)


def _of(row: Mapping[str, Any], what: str) -> object:
    """The value of the first column of these names that holds one."""
    return next((row[name] for name in _NAMES[what] if row.get(name) is not None), None)


def _started(row: Mapping[str, Any]) -> int:
    return moment(_of(row, "started")) or 0


def _newest(tables: Mapping[str, list[dict[str, Any]]]) -> int | None:
    """The newest of all times in a run's rows."""
    times = (
        moment(value)
        for rows in tables.values()
        for row in rows
        for name, value in row.items()
        if value is not None and name.lower().endswith(_TIMES)
    )
    return max((time for time in times if time is not None), default=None)
