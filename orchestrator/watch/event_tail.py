"""Event JSONL files of other tools: read on from a checkpoint into the store, each line once, over restarts and rotation.

Rows and the checkpoint are written in one transaction. A line without its end waits; one that is no event is counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from orchestrator.store.database import Store
from orchestrator.watch import rotation
from orchestrator.watch.rotation import Mark
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
_MARK = "SELECT data FROM watch_state WHERE name = ?"
INSERT = """
INSERT INTO agent_events (run_id, agent_id, event_type, message, metadata, timestamp) VALUES (?, ?, ?, ?, ?, ?)
"""


class Read(NamedTuple):
    """What one look at a file brought."""

    lines: int
    bad: int


class EventTail:
    """Reads one file on. `source` is its name in what is remembered."""

    def __init__(self, path: Path, store: Store, clock: Clock) -> None:
        self.path, self._store, self._clock = path, store, clock
        self.name = str(path)
        self._key = f"events {path}"

    @property
    def mark(self) -> Mark:
        """How far it was read."""
        found = self._store.one(_MARK, (self._key,))
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
        known = self.mark
        path = rotation.found(self.path, known)
        if path is None:
            # The file that was read is not there any more, or was emptied: what has its name now is read from its start.
            path, mark = self.path, structs.replace(known, inode=0, position=0, head="", head_bytes=0)
        else:
            mark = known
        try:
            with path.open("rb") as file:
                mark = structs.replace(mark, inode=os.fstat(file.fileno()).st_ino)
                file.seek(mark.position)
                data = file.read(_BATCH_BYTES)
                end = data.rfind(b"\n") + 1
                too_long = end == 0 and len(data) > _LINE_BYTES_MAX
                if end or too_long:
                    end = end or len(data)
                    head, head_bytes = rotation.head_of(file, mark.position + end)
        except FileNotFoundError:
            return None
        if not end:
            return self._finished(path, known, mark, data) if path != self.path else None
        rows, bad = self._rows(b"" if too_long else data[:end])
        bad += too_long
        after = Mark(
            inode=mark.inode,
            position=mark.position + end,
            lines=mark.lines + len(rows),
            bad=mark.bad + bad,
            head=head,
            head_bytes=head_bytes,
        )
        self._write(known, after, rows)
        return Read(len(rows), bad)

    def _finished(self, path: Path, known: Mark, mark: Mark, rest: bytes) -> Read | None:
        """Go from a file that was rotated away to the next one; None while its writer may still hold it open."""
        following = rotation.after(self.path, path)
        try:
            status = following.stat()
        except FileNotFoundError:
            return None
        if not status.st_size:
            return None
        # Nobody ends its last line any more.
        rows, bad = self._rows(rest)
        after = Mark(inode=status.st_ino, lines=mark.lines + len(rows), bad=mark.bad + bad)
        self._write(known, after, rows)
        return Read(len(rows), bad)

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

    def _write(self, known: Mark, mark: Mark, rows: list[tuple[object, ...]]) -> None:
        """All of it, unless another process read the file on meanwhile; then its place is where we go on."""
        with self._store.writing() as database:
            if self.mark != known:
                return
            database.executemany(INSERT, rows)
            database.execute(
                "INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)",
                (self._key, msgspec.json.encode(mark).decode("utf-8")),
            )


def row_of(event: object, clock: Clock) -> tuple[object, ...] | None:
    """An event as a row of `agent_events`, masked; None for what is none, or goes deeper than anybody can follow."""
    try:
        return _row_of(event, clock)
    except RecursionError:
        return None


def _row_of(event: object, clock: Clock) -> tuple[object, ...] | None:
    kind = _first(event, _TYPES) if isinstance(event, dict) else ""
    if not isinstance(event, dict) or not kind:
        return None
    return (
        mask(_first(event, _RUNS)) or None,
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


def failures(store: Store, after: int, up_to: int, limit: int) -> Iterator[Failure]:
    """Those behind a row, up to another. Events of sessions of ours are told by the sessions."""
    query = """
        SELECT id, run_id, agent_id, event_type, message, timestamp FROM agent_events
        WHERE id > ? AND id <= ? AND event_type LIKE '%.failed'
        AND (run_id IS NULL OR run_id NOT IN (SELECT run_id FROM runs WHERE workspace IS NOT NULL)) ORDER BY id LIMIT ?
    """
    for row in store.rows(query, (after, up_to, limit)):
        yield Failure(
            row["id"],
            row["run_id"] or "",
            row["agent_id"],
            row["event_type"],
            row["message"],
            row["timestamp"],
        )
