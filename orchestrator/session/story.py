"""What the session tells about itself while it runs: events, gaps, facts, alerts. It judges nothing.

Telling never fails a session: where the disk refuses, the story is shorter, and `lost` says by how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from agents.host import SeenFinding
from tools.clock import Clock, iso
from tools.errors import JournalCorrupt
from tools.findings import journal
from tools.sources import session_facts
from tools.sources.gaps import GapBook, told
from tools.sources.records import Gap
from tools.sources.session_facts import PhaseRun, SessionFacts
from tools.workspace import Workspace


class Story:
    """The journals and the facts of one session. A story that is told on (resume) repeats no alert."""

    def __init__(self, workspace: Workspace, clock: Clock, facts: SessionFacts) -> None:
        self.facts = facts
        self.lost = 0
        self._workspace, self._clock = workspace, clock
        self._events = journal.Journal(workspace.events)
        self._gaps = journal.Journal(workspace.gaps)
        self._alerted = dict.fromkeys(_alerted(workspace))
        self._unwritten: list[Gap] = []
        self._book = GapBook(self._unwritten.append, told(workspace.gaps))

    @property
    def untold(self) -> bool:
        """Whether a gap could not be written yet."""
        return bool(self._unwritten)

    @property
    def alerted(self) -> tuple[str, ...]:
        """The ids of the findings that were alerted, in the order they were."""
        return tuple(self._alerted)

    def event(self, kind: str, **details: object) -> None:
        """Write an event."""
        self._tell(lambda: self._events.append({"type": kind, "at": self._now()} | details))
        with suppress(OSError):
            self._write_gaps()

    def gap(self, gap: Gap) -> None:
        """Write a gap once, and once more when it ends or turns out to be worse, and an event that points to it."""
        if self._book.tell(gap):
            self._tell(self._write_gaps)
            self.event("gap", what=gap.what, why=gap.why, blind=gap.blind)

    def alert(self, agent: str, finding: SeenFinding) -> None:
        """Write a finding to `critical-alerts.log` and as an event, once in a session."""
        if finding.finding_id in self._alerted:
            return
        self._alerted[finding.finding_id] = None
        self.event("critical", agent=agent, findingId=finding.finding_id, title=finding.title)
        self._line("critical-alerts.log", f"{finding.finding_id} {finding.title}")

    def warn(self, text: str) -> None:
        """Write a line that is no finding to `critical-alerts.log` (Redis lost, a service gone)."""
        self._line("critical-alerts.log", text)

    def restart(self, agent: str, attempt: int, reason: str) -> None:
        """Write a restart to `agent-restarts.log` and as an event."""
        self.event("agent-restarted", agent=agent, attempt=attempt, reason=reason)
        self._line("agent-restarts.log", f"{agent} attempt {attempt}: {reason}")

    def update(self, **changes: Any) -> None:
        """Change facts and write `session.json`."""
        self.facts = msgspec.structs.replace(self.facts, **changes)
        self._tell(lambda: session_facts.write(self._workspace, self.facts))

    def phase(self, name: str, status: str, detail: str = "") -> None:
        """A phase began (`started`) or ended (`finished`, `failed`, `skipped`)."""
        self.event("phase", phase=name, status=status, detail=detail)
        now = self._clock.now_ms()
        phases = [run for run in self.facts.phases if run.name != name]
        earlier = next((run for run in self.facts.phases if run.name == name), None)
        started_ms = earlier.started_ms if earlier is not None else now
        states: dict[str, Any] = {"started": "running", "finished": "done"}
        run = PhaseRun(
            name=name,
            started_ms=started_ms,
            ended_ms=None if status == "started" else now,
            status=states.get(status, status),
            detail=detail,
        )
        self.update(phases=(*phases, run))

    def is_running(self, phase: str) -> bool:
        """Whether a phase has begun and not ended."""
        return any(run.name == phase and run.status == "running" for run in self.facts.phases)

    def close(self) -> None:
        """Flush and close the journals."""
        self._tell(self._events.close)
        self._tell(self._gaps.close)

    def _write_gaps(self) -> None:
        # Blindness that found no room would read as "all clear": it is kept until it is written.
        while self._unwritten:
            self._gaps.append(self._unwritten[0])
            del self._unwritten[0]

    def _line(self, name: str, text: str) -> None:
        # Command lines and titles are hostile: whoever prints this file must not run their terminal sequences.
        flat = "".join(char if char.isprintable() else repr(char)[1:-1] for char in " ".join(text.split()))
        self._tell(lambda: self._workspace.append_text(self._workspace.path(name), f"{self._now()} {flat}\n"))

    def _now(self) -> str:
        return iso(self._clock.now_ms())

    def _tell(self, write: Any) -> None:
        try:
            write()
        except (OSError, ValueError):  # no room; or a text that is none (a file's name may be any bytes)
            self.lost += 1


def _alerted(workspace: Workspace) -> Iterator[str]:
    try:
        for event in journal.read_data(workspace.events):
            if event.get("type") == "critical":
                yield str(event.get("findingId"))
    except JournalCorrupt:
        return
