"""Event files of other tools into the store, and alerts for events that failed; each once."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from orchestrator.alerts.after import Desk
from orchestrator.alerts.episodes import Episode, Labels, Observed
from orchestrator.store.database import Store
from orchestrator.watch import rotation
from orchestrator.watch.event_tail import EventTail, Failure, Read, failures
from orchestrator.watch.ledger import BEFORE_FIRST_MS, Ledger
from tools.clock import Clock, iso
from tools.errors import SourceUnavailable
from tools.findings.model import Severity

_TOLD = "event failures told"
_TITLE_CHARS = 200
_TAILS_EVERY_S = 30.0
_FAILURES_MAX = 200
"""In one message; what is more waits for the next look."""


class Tail(Protocol):
    """A source that is not a file: what is new of it, each event once. `read` may raise SourceUnavailable."""

    name: str

    def read(self) -> Read:
        """Take what is new."""
        ...


class Ingest:
    """Reads every file on, again and again."""

    def __init__(
        self, patterns: Sequence[str], store: Store, clock: Clock, tails: Sequence[Tail] = ()
    ) -> None:
        """`patterns` are paths or globs."""
        self._patterns, self._store, self._clock, self._tails = patterns, store, clock, tails
        self._first_ms = Ledger(store).first_start_ms(clock.now_ms())
        self._next = -_TAILS_EVERY_S
        self._refused: dict[str, str] = {}

    def run(self, desk: Desk | None) -> Iterator[str]:
        """Take what is new and tell what failed; a line for each source that brought something.

        Raises UsageError, OSError, LockHeld.
        """
        yield from self.take()
        yield from self.tell(desk)

    def take(self) -> Iterator[str]:
        """Take what is new of each source; one that cannot be read keeps nobody else's events away. Raises UsageError."""
        for path in self._files():
            yield from self._tail(EventTail(path, self._store, self._clock))
        if self._clock.monotonic() >= self._next + _TAILS_EVERY_S:
            self._next = self._clock.monotonic()
            for tail in self._tails:
                yield from self._tail(tail)

    def _tail(self, tail: Tail) -> Iterator[str]:
        """One that does not answer is told once, until it answers otherwise."""
        try:
            found = tail.read()
        except (SourceUnavailable, OSError) as error:
            if self._refused.get(tail.name) != str(error):
                self._refused[tail.name] = str(error)
                yield str(error) if isinstance(error, SourceUnavailable) else f"{tail.name}: {error}"
            return
        if self._refused.pop(tail.name, None) is not None:
            yield f"{tail.name}: answers again"
        if found.lines or found.bad:
            bad = f", {found.bad} were none" if found.bad else ""
            yield f"{tail.name}: {found.lines} events{bad}"

    def _files(self) -> list[Path]:
        found: set[Path] = set()
        for pattern in self._patterns:
            names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - absolute
            found |= rotation.without_rotated({Path(name) for name in names})
        return sorted(path for path in found if path.is_file())

    def tell(self, desk: Desk | None) -> Iterator[str]:
        """Failures behind the last that was told; that they were is written after they are remembered by alerts.

        What failed more than a day before the daemon was first started is history.
        Raises UsageError, OSError, LockHeld.
        """
        told = int(self._said() or "0")
        found = self._store.one("SELECT max(id) FROM agent_events")
        # Where the newest went, their numbers are given again.
        newest = found if isinstance(found, int) else 0
        new = list(failures(self._store, told, newest, _FAILURES_MAX)) if newest > told else []
        since = iso(self._first_ms - BEFORE_FIRST_MS)
        episodes = tuple(_episode(item, self._clock.now_ms()) for item in new if item.at >= since)
        if episodes and desk is not None:
            yield from desk.tell(lambda _: Observed(episodes, ()))
        upto = new[-1].number if len(new) == _FAILURES_MAX else newest
        if upto != told:
            with self._store.writing() as database:
                database.execute(
                    "INSERT OR REPLACE INTO watch_state (name, data) VALUES (?, ?)", (_TOLD, str(upto))
                )

    def _said(self) -> str | None:
        found = self._store.one("SELECT data FROM watch_state WHERE name = ?", (_TOLD,))
        return None if found is None else str(found)


def _episode(item: Failure, now_ms: int) -> Episode:
    said = f": {item.message}" if item.message else ""
    return Episode(
        key=f"event {item.number} {item.at}",  # a number is given again once old events went
        labels=Labels(
            event="event.failed",
            severity=Severity.HIGH,
            agent=item.agent,
            service=item.agent,
            # One message for one kind of failure of one agent, however many come in a row.
            cause=f"event {item.agent} {item.kind}",
            run=item.run_id,
        ),
        title=f"{item.kind}{f' of {item.agent}' if item.agent else ''}{said}"[:_TITLE_CHARS],
        started_ms=now_ms,
        seen_ms=now_ms,
        momentary=True,
    )
