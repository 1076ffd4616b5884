"""What the Log Watcher knows of the services' processes: whether they live, and their memory over time.

Liveness it asks the system for, at a pace of its own; memory it reads in the session's journal of samples.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from agents.job import WatcherJob
from tools.clock import Clock
from tools.sources.logs.window import Window
from tools.sources.memory import Memory
from tools.sources.metrics import MetricsTail
from tools.sources.processes import ProcessWatch
from tools.sources.recording import Recording
from tools.sources.records import ProcessState, SampleLine
from tools.workspace import Workspace

_SAME_START_MS = 1000


class ProcessesState(Struct, frozen=True, kw_only=True):
    """What a new attempt continues from; the samples themselves it reads again, up to `metrics_read`."""

    seen: Mapping[str, ProcessState] = {}
    metrics_read: int = 0


class ServiceProcesses:
    """Every service's process now, and the samples of each. What rules see of them goes into the recording."""

    def __init__(self, job: WatcherJob, clock: Clock, state: ProcessesState | None = None) -> None:
        state = state or ProcessesState()
        self._watched = bool(job.services)
        self._watch = ProcessWatch(job.services, job.root_pids, clock, job.project_root)
        self._watch.seen |= state.seen
        self._tail = MetricsTail(Workspace(job.workspace))
        self._memory = Memory()
        self._recall(state.metrics_read)
        self.states: Mapping[str, ProcessState] = {}

    @property
    def samples(self) -> Mapping[str, tuple[SampleLine, ...]]:
        """Of the services sampled since `clear`, all samples of their processes."""
        return self._memory.touched()

    def look(self, window: Window, recording: Recording) -> None:
        """Ask for every process, and read the samples that are new. A process in the place of another begins anew."""
        if not self._watched:
            return
        known, before = dict(self._watch.seen), self.states
        self.states = self._watch.look()
        for name, state in self.states.items():
            old = before.get(name)
            if old is None or (old.alive, old.pid) != (state.alive, state.pid):
                recording.add("process", state)
            if state.alive and _is_another(known.get(name), state):
                begin_anew(window, name)
        for line in self._tail.new():
            if line.sample.kind == "service":
                recording.add("sample", line)
                self._memory.take(line)

    def clear(self) -> None:
        """Forget what was new."""
        self._memory.clear()

    def state(self) -> ProcessesState:
        """For the checkpoint."""
        return ProcessesState(seen=self._watch.seen, metrics_read=self._tail.position)

    def _recall(self, position: int) -> None:
        for line in self._tail.new(position):
            self._memory.take(line)
        self._memory.clear()


def begin_anew(window: Window, service: str) -> None:
    """A restarted service has a rhythm of its own; that of the process before says nothing about its silence."""
    for activity in window.activities():
        if activity.service == service:
            activity.gaps, activity.first_arrived_ms = {}, None


def _is_another(known: ProcessState | None, state: ProcessState) -> bool:
    if known is None or known.pid is None or state.pid is None:
        return False
    born_apart = abs((known.started_ms or 0) - (state.started_ms or 0)) >= _SAME_START_MS
    return known.pid != state.pid or born_apart
