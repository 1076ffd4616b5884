"""The one loop of all watchers: tick at its own pace, heartbeat, stop, hand over.

A watcher has a `look` (one tick) and a `finish` (the last look after STOP). The loop owns everything
around them: the deadline, the STOP file, the parent's death, heartbeats and revisions.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Protocol

from agents.job import WatcherJob
from agents.looks import Look, LookBook
from tools.clock import Clock, StopSignal, iso
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.findings.recorder import Recorder
from tools.findings.rule import Symptom
from tools.sources.gaps import GapBook
from tools.sources.records import Gap
from tools.workspace import Workspace

_FLUSH_EVERY_S = 5.0
"""A finding that only grows is written again this often: a storm must not fill the disk with revisions."""


class Watcher(Protocol):
    """One specialist's eyes."""

    @property
    def interval_s(self) -> float:
        """Pace of `look`, in seconds; it may change from look to look."""
        ...

    def look(self) -> None:
        """One tick: read, detect, record. Raises SourceUnavailable for what it could not see."""
        ...

    def finish(self) -> None:
        """The last look, after STOP."""
        ...

    def beat(self) -> Mapping[str, object]:
        """What this agent adds to its heartbeat."""
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...


class StopFile:
    """STOP in the workspace, the deadline, or the parent's death: whichever comes first.

    The deadline is a length of time from here, so that a wall clock that is set later neither ends nor prolongs it.
    """

    def __init__(self, workspace: Workspace, deadline_ms: int, clock: Clock, parent_fd: int | None) -> None:
        self._path = workspace.stop_file
        self._ends_at = clock.monotonic() + (deadline_ms - clock.now_ms()) / 1000
        self._clock = clock
        self._parent_fd = parent_fd
        self.orphaned = False

    def is_set(self) -> bool:
        """Whether to stop now; `orphaned` tells that the parent died."""
        self.orphaned = self.orphaned or self._parent_gone()
        return self.orphaned or self._clock.monotonic() >= self._ends_at or self._path.exists()

    def _parent_gone(self) -> bool:
        if self._parent_fd is None:
            return False
        readable, _, _ = select.select([self._parent_fd], [], [], 0)
        return bool(readable) and os.read(self._parent_fd, 4096) == b""


@dataclass
class Reporter:
    """A watcher's way out: findings through the recorder, gaps, events and heartbeats to their journals."""

    job: WatcherJob
    clock: Clock
    workspace: Workspace
    recorder: Recorder
    events: Journal
    gaps: Journal
    told: InitVar[Iterable[Gap]] = ()
    """What earlier attempts wrote to the journal of gaps."""
    book: GapBook = field(init=False)
    looks: LookBook = field(init=False)
    at_ms: int | None = field(init=False, default=None)
    """The moment of the look under way: what it finds was seen then."""

    def __post_init__(self, told: Iterable[Gap]) -> None:
        self.book = GapBook(self.gaps.append, told)
        self.looks = LookBook(self.workspace, AgentId(self.job.agent))

    def look(self, look: Look) -> None:
        """A look begins; what is recorded from here on was seen at its moment."""
        self.at_ms = look.at_ms
        self.looks.add(look)

    def record(self, symptom: Symptom) -> None:
        """Hand a symptom to the recorder; a new finding is on disk when this returns, and the look that it is of."""
        now_ms = self.clock.now_ms() if self.at_ms is None else self.at_ms
        if self.recorder.record(symptom, now_ms) is not None:
            self.looks.write()

    def flush(self) -> None:
        """Write the findings that have grown, and what was looked at. Raises OSError, StaleAttempt."""
        if self.recorder.flush():
            self.looks.flushed()
        self.looks.write()

    def gap(self, gap: Gap) -> None:
        """Write a gap once, and once more when it ends or turns out to be worse."""
        self.book.tell(gap)

    def event(self, kind: str, **details: object) -> None:
        """Write an event of this agent."""
        head = {"type": kind, "at": iso(self.clock.now_ms()), "agent": self.job.agent}
        self.events.append(head | details)


def run(watcher: Watcher, reporter: Reporter, stop: StopSignal) -> None:
    """Tick until `stop`, then finish. Runs at the watcher's own pace; a late tick does not shift the next.

    Heartbeats come between two looks as well: they keep their pace where looks are rarer.

    A `look` may raise SourceUnavailable only through the watcher's own handling; whatever else it raises ends
    the process, and the supervisor starts the next attempt.
    """
    clock, window = reporter.clock, reporter.job.window
    if stop.is_set() and getattr(stop, "orphaned", False):
        # The session died while this process began: not even an empty file may read as a sign of its life.
        watcher.close()
        return
    heartbeats = Journal(_heartbeat_file(reporter))
    tick = clock.monotonic()
    beat_at = flush_at = tick
    try:
        while not stop.is_set():
            watcher.look()
            if clock.monotonic() >= flush_at:
                reporter.flush()
                flush_at = clock.monotonic() + _FLUSH_EVERY_S
            tick = max(tick + watcher.interval_s, clock.monotonic())
            while not stop.is_set():
                if clock.monotonic() >= beat_at:
                    _beat(watcher, reporter, heartbeats)
                    beat_at = clock.monotonic() + window.heartbeat_s
                if clock.monotonic() >= tick:
                    break
                clock.sleep_until(min(tick, beat_at), stop)
        orphaned = getattr(stop, "orphaned", False)
        if not orphaned:
            watcher.finish()
        reporter.flush()
        if not orphaned:  # the session is dead: this would read as a sign of its life
            _beat(watcher, reporter, heartbeats)
    finally:
        watcher.close()
        heartbeats.close()


def _heartbeat_file(reporter: Reporter) -> Path:
    slug = getattr(reporter.job.agent, "slug", "indexer")
    return reporter.workspace.path("agents", slug, "heartbeat.jsonl")


def _beat(watcher: Watcher, reporter: Reporter, heartbeats: Journal) -> None:
    head = {
        "type": "heartbeat",
        "agent": reporter.job.agent,
        "at": iso(reporter.clock.now_ms()),
        "findingCount": len(reporter.recorder.findings),
        "attempt": reporter.job.attempt,
    }
    heartbeats.append(head | dict(watcher.beat()))
