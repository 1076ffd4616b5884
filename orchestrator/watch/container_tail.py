"""Events in the logs of containers: followed as log sources are, each line that is an event into the store, once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orchestrator.store.database import Store
from orchestrator.watch.event_tail import INSERT, Read, row_of
from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.logs import commands
from tools.sources.logs.feed import CommandCheckpoint, RawLine

_BYTES = 1 << 20
_POLLS_MAX = 16


class ContainerTail:
    """Follows one container's log. Close it: a program runs for it."""

    def __init__(self, container: str, store: Store, environ: Mapping[str, str], clock: Clock) -> None:
        self.name = f"docker {container}"
        self._store, self._clock = store, clock
        found = store.one("SELECT data FROM watch_state WHERE name = ?", (self.name,))
        mark = None if found is None else msgspec.json.decode(str(found), type=CommandCheckpoint)
        log = commands.Named("docker", container)
        # From its first line on, where nothing was read yet.
        self._feed = commands.feed(log, mark, since_ms=0, from_end=False, environ=environ)

    def read(self) -> Read:
        """Take what is new. Raises SourceUnavailable where docker does not give it, UsageError, OSError."""
        total = Read(0, 0)
        for _ in range(_POLLS_MAX):
            lines = self._feed.poll(self._clock.monotonic(), _BYTES)
            if lines:
                total = Read(total.lines + self._take(lines), 0)
            if not lines or not self._feed.pending:
                break
        # Before docker has said anything nothing is wrong.
        blind = self._feed.blindness() if self._feed.answered else None
        if blind is not None and not total.lines:
            raise SourceUnavailable(f"the log of {self.name}", blind.why, blind.fix)
        return total

    def close(self) -> None:
        """End the program."""
        self._feed.close()

    def _take(self, lines: list[RawLine]) -> int:
        """Rows of the lines that are events; what else a container says is no concern here."""
        rows = [row for line in lines if (row := self._row(line)) is not None]
        mark = msgspec.json.encode(self._feed.checkpoint()).decode("utf-8")
        with self._store.writing() as database:
            database.executemany(INSERT, rows)
            database.execute(
                "INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)", (self.name, mark)
            )
        return len(rows)

    def _row(self, line: RawLine) -> tuple[object, ...] | None:
        if not line.data.lstrip().startswith(b"{") or line.cut:
            return None
        try:
            event = msgspec.json.decode(line.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return row_of(event, self._clock)
