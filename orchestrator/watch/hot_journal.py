"""A database whose owner was killed in the middle of a commit: read as it was before, from a copy that is mended.

Its rollback journal is hot: whoever opens the database first has to write back what it holds, and we write nothing
there. So both files are copied to the state folder, SQLite mends the copy, and it is read from memory: on the disk it
is for a moment only, with the rights of its owner alone, for what it holds is not masked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from orchestrator.watch.processes import process
from tools.errors import UsageError

BYTES_MAX = 64 * 1024 * 1024
"""Of the database and its journal: they are held in memory."""
_PREFIX = ".hot-journal."
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""Ends a journal of a commit over several databases (SQLite's file format, section 3); mending could delete a file there."""

Stamp = tuple[tuple[int, int, int], ...]


class _Kept(NamedTuple):
    stamp: Stamp
    data: bytes


class Copies:
    """Of one database, in `folder`."""

    def __init__(self, path: Path, folder: Path, bytes_max: int = BYTES_MAX) -> None:
        self._path, self._folder, self._bytes_max = path, folder, bytes_max
        self._journal = path.with_name(f"{path.name}-journal")
        self._kept: _Kept | None = None

    def drop(self) -> None:
        """The owner has it again."""
        self._kept = None

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A mended copy. Raises UsageError where it cannot be made, OSError, sqlite3.Error."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(self._data())
            yield connection

    def _data(self) -> bytes:
        stamp = self._stamp()
        if self._kept is None or self._kept.stamp != stamp:
            self._check()
            self._kept = _Kept(stamp, self._mended())
            if self._stamp() != stamp:
                self._kept = None
                raise UsageError(f"{self._path} changed while it was copied; it is looked at again.")
        return self._kept.data

    def _check(self) -> None:
        size = self._path.stat().st_size + self._journal.stat().st_size
        if size > self._bytes_max:
            raise UsageError(
                f"{self._path}: its owner was killed in the middle of a commit, and {size / 1e6:.0f} MB are too much "
                "to be read from a copy. Its runs wait until its owner opens it again."
            )
        with self._journal.open("rb") as file:
            file.seek(max(0, self._journal.stat().st_size - len(_SUPER_JOURNAL)))
            if file.read() == _SUPER_JOURNAL:
                raise UsageError(
                    f"{self._path}: its owner was killed in the middle of a commit over several databases, of which no "
                    "copy can be mended. Its runs wait until its owner opens it again."
                )

    def _mended(self) -> bytes:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with tempfile.TemporaryDirectory(
            prefix=f"{_PREFIX}{os.getpid()}.", dir=self._folder
        ) as folder:  # 0700
            copy = Path(folder) / "copy.db"
            for source, end in ((self._path, ""), (self._journal, "-journal")):
                shutil.copyfile(source, f"{copy}{end}")
            with closing(sqlite3.connect(copy)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return connection.serialize()

    def _sweep(self) -> None:
        """What one that was killed while it copied has left."""
        for left in self._folder.glob(f"{_PREFIX}*.*"):
            number = left.name.removeprefix(_PREFIX).partition(".")[0]
            if number.isdecimal() and not process(int(number), None).alive:
                shutil.rmtree(left, ignore_errors=True)

    def _stamp(self) -> Stamp:
        found = [path.stat() for path in (self._path, self._journal)]
        return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in found)


def is_hot(error: sqlite3.Error) -> bool:
    """Whether SQLite refuses for a journal that it would have to write back first."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK
