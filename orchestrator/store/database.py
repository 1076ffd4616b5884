"""The database file: made on purpose, checked when it is opened, brought to the newest version, closed in order."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Self

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from orchestrator.store.migrations import MIGRATIONS, REQUIRED
from tools.errors import UsageError

APPLICATION_ID = 0x53474155
"""`SGAU` in the file's header: tells a store of ours from any other database."""
VERSION = len(MIGRATIONS)
_BUSY_MS = 10_000
"""For another writer's turn; ours take some milliseconds, those of a first fill a second."""


class Store:
    """An open store. One connection, one writer at a time; use it as a context."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. Raises UsageError where the database or its disk refuses."""
        with refusals(self.path), _transaction(self._connection):
            yield self._connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several queries on one moment's data. Raises UsageError where the database or its disk refuses."""
        with refusals(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    def rows(self, query: str, values: tuple[object, ...] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        """What a query finds. Raises UsageError."""
        with refusals(self.path):
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, values: tuple[object, ...] = ()) -> object:
        """The first column of the first row; None where there is none. Raises UsageError."""
        found = self.rows(query, values)
        return found[0][0] if found else None


def open_store(path: Path) -> Store:
    """Open the store that is there, brought to this version where it is older.

    Raises UsageError, naming path and table, where there is none, where it is another database, or a newer one.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no database. `streamgauge store create` makes one.")
    connection = _connected(path)
    with ExitStack() as stack, refusals(path):
        stack.callback(connection.close)
        _upgrade(connection, path)
        check(connection, path, REQUIRED)
        if _pragma(connection, "application_id") != APPLICATION_ID:
            raise UsageError(f"{path} was made by another program. Name another with --state-db.")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        stack.pop_all()
    return Store(path, connection)


def create(path: Path) -> bool:
    """Make an empty store where there is no file; whether one was made. Raises UsageError.

    It appears whole: two that make it at once get one, and a kill leaves none.
    """
    if path.exists():
        return False
    temporary = path.with_name(f".{path.name}.tmp.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with refusals(path):
            connection = sqlite3.connect(temporary, isolation_level=None)
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                _migrate(connection, 0)
                _write_ahead(connection)
            finally:
                connection.close()
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(
            f"{path} cannot be made: {error.strerror or error}. Name another with --state-db."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def check(connection: sqlite3.Connection, path: Path, required: Mapping[str, frozenset[str]]) -> None:
    """Raises UsageError, naming path, table and column, where something that is needed is missing."""
    for table, columns in required.items():
        there = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
        if not there:
            raise UsageError(
                f"{path}: the table {table} is missing: this is no database of streamgauge. "
                "Name another with --state-db, or move it away and `streamgauge store create`."
            )
        for column in sorted(columns - there):
            raise UsageError(
                f"{path}: the table {table} has no column {column}. Name another with --state-db."
            )


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """What SQLite refuses, in one sentence that names the file. Raises UsageError."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeError) as error:  # the last two: values that it cannot hold
        raise UsageError(f"{path} cannot be used ({error}). Name another with --state-db.") from error


def _connected(path: Path) -> sqlite3.Connection:
    with refusals(path):
        # `rw`: a file that vanished since is an error and not an empty database.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have the file written ahead, as all of ours are. Raises sqlite3.Error.

    SQLite does not wait here: it reads the file's version, and where another connection writes as it then asks for
    the lock, waiting could be for ever, so it refuses at once, whatever the busy time-out.
    """
    for turn in Retrying(
        retry=retry_if_exception(_is_busy),
        stop=stop_after_delay(_BUSY_MS / 1000),
        wait=wait_random(0.005, 0.05),
        reraise=True,
    ):
        with turn:
            connection.execute("PRAGMA journal_mode = WAL")


def _is_busy(error: BaseException) -> bool:
    return (
        isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        return  # whatever it is, the check of its tables says
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise UsageError(
            f"{path} is of a newer version of streamgauge (its tables are version {version}, this reads up to "
            f"{VERSION}). Use that version, or name another with --state-db."
        )
    if version < VERSION:
        _copy(connection, path.with_name(f"{path.name}.before-{VERSION}"), version)
        _migrate(connection, version)


def _copy(connection: sqlite3.Connection, target: Path, version: int) -> None:
    """A whole copy beside it, before anything is changed; an older attempt's is replaced.

    Several processes may come to this at once: one that finds the tables changed already leaves the copy alone.
    """
    temporary = target.with_name(f".{target.name}.tmp.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (str(temporary),))
        with closing(sqlite3.connect(temporary)) as copied:
            is_before = _pragma(copied, "user_version") == version
        if is_before:
            temporary.replace(target)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror or error}. Make room there."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    with _transaction(connection):
        # Read again in our turn: another process may have done it meanwhile.
        done = max(version, _pragma(connection, "user_version"))
        for migration in MIGRATIONS[done:]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {max(done, VERSION)}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing. Raises sqlite3.Error."""

    def undo() -> None:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")

    connection.execute("BEGIN IMMEDIATE")
    with ExitStack() as stack:
        stack.callback(undo)
        yield
        connection.execute("COMMIT")
        stack.pop_all()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
