"""Event JSONL files of other tools: read on from a checkpoint into the store, each line once, over restarts and rotation.

Rows and the checkpoint are written in one transaction. A line without its end waits; one that is no event is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from orchestrator.store.database import Store
from tools.clock import Clock, from_iso, iso
from tools.masking import mask, mask_data

_BATCH_BYTES, _LINE_BYTES_MAX = 4 << 20, 1 << 20
_MESSAGE_CHARS = 2_000
_SECONDS_BELOW = 100_000_000_000
_TYPES = ("type", "event", "eventType", "event_type")
_AGENTS = ("agent", "agent_id", "agentId", "service", "source")
_TIMES = ("at", "timestamp", "time", "ts", "created_at")
_RUNS = ("run_id", "runId", "run")
_MESSAGES = ("message", "msg", "reason", "error", "detail", "title")
INSERT = """
INSERT INTO agent_events (run_id, agent_id, event_type, message, metadata, timestamp) VALUES (?, ?, ?, ?, ?, ?)
"""


class Mark(Struct, frozen=True, kw_only=True):
    """How far a file was read. `inode` tells that a name stands for another file by now."""

    inode: int = 0
    position: int = 0
    lines: int = 0
    bad: int = 0


class Read(NamedTuple):
    """What one look at a file brought."""

    lines: int
    bad: int


class EventTail:
    """Reads one file on. `source` is its name in what is remembered."""

    def __init__(self, path: Path, store: Store, clock: Clock) -> None:
        self.path, self._store, self._clock = path, store, clock
        self._name = f"events {path}"

    @property
    def mark(self) -> Mark:
        """How far it was read."""
        found = self._store.one("SELECT data FROM watch_state WHERE name = ?", (self._name,))
        return Mark() if found is None else msgspec.json.decode(str(found), type=Mark)

    def read(self) -> Read:
        """Take what is new, of a file that was rotated away first. Raises UsageError, OSError."""
        total = Read(0, 0)
        while True:
            found = self._batch()
            if found is None:
                return total
            total = Read(total.lines + found.lines, total.bad + found.bad)

    def _batch(self) -> Read | None:
        """A part of what is new; None where nothing is."""
        mark = self.mark
        opened = self._opened(mark)
        if opened is None:
            return None
        path, mark, is_old = opened
        with path.open("rb") as file:
            file.seek(mark.position)
            data = file.read(_BATCH_BYTES)
        end = data.rfind(b"\n") + 1
        too_long = end == 0 and len(data) > _LINE_BYTES_MAX
        if end == 0 and not too_long:
            if not is_old:
                return None
            # The file that was rotated away ends without a line's end: what follows is in the new one.
            self._write(Mark(inode=0, position=0, lines=mark.lines, bad=mark.bad), [])
            return Read(0, 0)
        if too_long:
            end = len(data)
        rows, bad = self._rows(b"" if too_long else data[:end])
        bad += too_long
        after = Mark(
            inode=mark.inode, position=mark.position + end, lines=mark.lines + len(rows), bad=mark.bad + bad
        )
        self._write(after, rows)
        return Read(len(rows), bad)

    def _opened(self, mark: Mark) -> tuple[Path, Mark, bool] | None:
        """The file to read, the mark in it, and whether it is one that was rotated away."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        if mark.inode in {0, status.st_ino}:
            # One that is shorter than what was read of it was emptied and begun anew.
            position = mark.position if mark.inode and status.st_size >= mark.position else 0
            return self.path, msgspec.structs.replace(mark, inode=status.st_ino, position=position), False
        for path in sorted(self.path.parent.glob(f"{self.path.name}.*")):
            try:
                if path.stat().st_ino == mark.inode and path.is_file():
                    return path, mark, True
            except OSError:
                continue
        return self.path, msgspec.structs.replace(mark, inode=status.st_ino, position=0), False

    def _rows(self, data: bytes) -> tuple[list[tuple[object, ...]], int]:
        rows: list[tuple[object, ...]] = []
        bad = 0
        for line in data.splitlines():
            if not line.strip():
                continue
            row = self._row(line)
            if row is None:
                bad += 1
            else:
                rows.append(row)
        return rows, bad

    def _row(self, line: bytes) -> tuple[object, ...] | None:
        try:
            event = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return row_of(event, self._clock)

    def _write(self, mark: Mark, rows: list[tuple[object, ...]]) -> None:
        with self._store.writing() as database:
            database.executemany(INSERT, rows)
            database.execute(
                "INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)",
                (self._name, msgspec.json.encode(mark).decode("utf-8")),
            )


def row_of(event: object, clock: Clock) -> tuple[object, ...] | None:
    """An event as a row of `agent_events`, masked; None for what is none."""
    kind = _first(event, _TYPES) if isinstance(event, dict) else ""
    if not isinstance(event, dict) or not kind:
        return None
    return (
        _first(event, _RUNS) or None,
        mask(_first(event, _AGENTS)),
        mask(kind),
        mask(_first(event, _MESSAGES))[:_MESSAGE_CHARS],
        msgspec.json.encode(mask_data(event)).decode("utf-8"),
        _moment(next((event[name] for name in _TIMES if name in event), None), clock),
    )


def _first(event: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((str(event[name]) for name in names if isinstance(event.get(name), str | int)), "")


def _moment(value: object, clock: Clock) -> str:
    """ISO 8601 in UTC; now, where the event does not say."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return iso(round(value * 1000) if abs(value) < _SECONDS_BELOW else round(value))
        return iso(from_iso(str(value)))
    except (ValueError, OverflowError, OSError):
        return iso(clock.now_ms())


class Failure(NamedTuple):
    """An event whose type ends in `.failed`; `number` is that of its row."""

    number: int
    run_id: str
    agent: str
    kind: str
    message: str
    at: str


def failures(store: Store, after: int, limit: int = 200) -> Iterator[Failure]:
    """Those behind a row. Events of sessions of ours are told by the sessions."""
    query = """
        SELECT id, run_id, agent_id, event_type, message, timestamp FROM agent_events
        WHERE id > ? AND event_type LIKE '%.failed'
        AND (run_id IS NULL OR run_id NOT IN (SELECT run_id FROM runs WHERE workspace IS NOT NULL)) ORDER BY id LIMIT ?
    """
    for row in store.rows(query, (after, limit)):
        yield Failure(
            row["id"],
            row["run_id"] or "",
            row["agent_id"],
            row["event_type"],
            row["message"],
            row["timestamp"],
        )
