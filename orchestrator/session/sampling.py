"""What the session's processes use, sampled at a steady pace into `recording/metrics.jsonl`; and which services died.

It measures and remembers; what it tells, the supervisor writes. Its work is done in a thread: the event loop
belongs to the agents.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agents.job import ServiceSpec
from tools.clock import Clock, iso
from tools.findings import journal
from tools.sources import metrics
from tools.sources.metrics import MetricsJournal
from tools.sources.processes import ProcessWatch, still_runs
from tools.sources.records import ProcessSample, ProcessState
from tools.sources.usage import Root, Usage, UsageMeter
from tools.workspace import Workspace

RESOLVE_EVERY_S = 15.0
"""Asking whose a port is reads every process's files: not more often than this while the known ones run."""
_SERVER = "the server of this session"
"""Stands among the services' names while processes are looked for; no service is called so."""
_SERVER_NAMES = ("redis", "valkey", "keydb", "dragonfly")
_SAME_START_MS = 1000

Key = tuple[str, str]
"""Kind and name."""
_SESSION: Key = ("session", "session")
_KEEPER: Key = ("session", "keeper")
_REDIS: Key = ("redis", "redis")


class _Event(Struct):
    """What counts of an event."""

    type: str = ""
    agent: str = ""


_EVENT = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class Watcher:
    """An agent's watcher process as its keeper knows it."""

    agent: str
    pid: int | None
    attempt: int
    findings: int


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom to sample. `redis_port` is that of the server which this session started; None where there is none.

    `keeper_pid` is that of the process which owns what the session started, for managed sessions.
    """

    services: tuple[ServiceSpec, ...] = ()
    root_pids: tuple[int, ...] = ()
    watchers: tuple[Watcher, ...] = ()
    redis_port: int | None = None
    keeper_pid: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service's process has gone, another one runs in its place, or the same is back."""

    kind: Literal["service-gone", "service-restarted", "service-back"]
    service: str
    pid: int | None
    before: int | None
    """The pid that was known until now."""


class Sampler:
    """One session's samples. A later process of the same session goes on with the journal."""

    def __init__(self, workspace: Workspace, clock: Clock, project_root: Path) -> None:
        self._workspace, self._clock = workspace, clock
        self._watch = ProcessWatch((), (), clock, project_root)
        self._meter = UsageMeter(clock)
        self._states: dict[str, ProcessState] = {}
        self._resolved_s: float | None = None
        self._specs: tuple[ServiceSpec, ...] = ()
        self._errors: Counter[str] = Counter()
        self._events_read = 0
        self._due_s = clock.monotonic()
        self._known: dict[str, ProcessSample] | None = None
        self.newest: Mapping[Key, ProcessSample] = {}
        """The newest sample of each kind and name."""

    @property
    def due_s(self) -> float:
        """When the next sample is due, on the steady clock."""
        return self._due_s

    def sample(self, subjects: Subjects, every_s: float) -> list[ServiceChange]:
        """Measure once and write the samples; returns what became of the services since. Raises OSError.

        The next one is due `every_s` after this one was; what was missed is not made up for.
        """
        now = self._clock.monotonic()
        self._due_s = (self._due_s if now < self._due_s + every_s else now) + every_s
        if self._known is None:
            self._recall()
        states = self._resolved(subjects)
        samples = self._measured(subjects, states)
        self.newest = {(sample.kind, sample.name): sample for sample in samples}
        with MetricsJournal(self._workspace) as file:
            file.append(samples)
        services = [sample for sample in samples if sample.kind == "service"]
        return [change for sample in services if (change := self._change(sample)) is not None]

    def _recall(self) -> None:
        known = metrics.last(self._workspace)
        self._known = {name: sample for (kind, name), sample in known.items() if kind == "service"}
        for name, sample in self._known.items():
            if sample.status == "alive" and sample.pid is not None:
                self._watch.seen[name] = ProcessState(
                    service=name,
                    at_ms=sample.at_ms,
                    alive=True,
                    pid=sample.pid,
                    started_ms=sample.started_ms,
                )

    def _resolved(self, subjects: Subjects) -> Mapping[str, ProcessState]:
        """Every service's process; looked for anew where one has ended, and now and then in any case."""
        specs = subjects.services
        if subjects.redis_port is not None:
            specs = (*specs, ServiceSpec(name=_SERVER, port=subjects.redis_port))
        now = self._clock.monotonic()
        ended = any(state.alive and state.pid and not still_runs(state) for state in self._states.values())
        fresh = self._resolved_s is not None and now - self._resolved_s < RESOLVE_EVERY_S
        if not fresh or ended or specs != self._specs:
            self._watch.aim(specs, subjects.root_pids)
            self._states, self._specs, self._resolved_s = self._watch.look(), specs, now
        return self._states

    def _measured(self, subjects: Subjects, states: Mapping[str, ProcessState]) -> list[ProcessSample]:
        roots = {_SESSION: Root(os.getpid(), alone=True)}
        if subjects.keeper_pid is not None:
            roots[_KEEPER] = Root(subjects.keeper_pid, alone=True)
        for name, state in states.items():
            if state.alive and state.pid:
                key = _REDIS if name == _SERVER else ("service", name)
                roots[key] = Root(state.pid, state.started_ms)
        for watcher in subjects.watchers:
            if watcher.pid is not None:
                roots["agent", watcher.agent] = Root(watcher.pid)
        used, at = self._meter.measure(roots), iso(self._clock.now_ms())
        self._count_errors()
        found = [self._of_service(at, spec.name, states.get(spec.name), used) for spec in subjects.services]
        found += [self._of_watcher(at, watcher, used) for watcher in subjects.watchers]
        found += [_own(at, key, used.get(key)) for key in (_SESSION, _KEEPER) if key in roots]
        server = used.get(_REDIS)
        if server is not None and any(name in server.program for name in _SERVER_NAMES):
            found.append(_own(at, _REDIS, server))
        return found

    def _of_service(
        self, at: str, name: str, state: ProcessState | None, used: Mapping[Key, Usage]
    ) -> ProcessSample:
        usage = used.get(("service", name))
        status: Literal["alive", "gone", "unknown"] = "unknown"
        if state is not None and state.alive is not None:
            lives = state.alive and (usage is not None or state.pid is None or still_runs(state))
            status = "alive" if lives else "gone"
        known = None if self._known is None else self._known.get(name)
        pid = None if state is None else state.pid
        if status == "gone" and pid is None and known is not None:
            pid = known.pid
        started_ms = None if state is None else state.started_ms
        return _sample(
            ProcessSample(at=at, kind="service", name=name, status=status, pid=pid, started_ms=started_ms),
            usage,
        )

    def _of_watcher(self, at: str, watcher: Watcher, used: Mapping[Key, Usage]) -> ProcessSample:
        usage = used.get(("agent", watcher.agent))
        return _sample(
            ProcessSample(
                at=at,
                kind="agent",
                name=watcher.agent,
                status="alive" if usage is not None else "gone",
                pid=watcher.pid,
                attempt=watcher.attempt,
                findings=watcher.findings,
                errors=self._errors[watcher.agent],
            ),
            usage,
        )

    def _count_errors(self) -> None:
        for offset, line in journal.read(self._workspace.events, self._events_read):
            self._events_read = offset + len(line) + 1
            try:
                event = _EVENT.decode(line)
            except (msgspec.MsgspecError, UnicodeError):
                continue
            if event.type == "error":
                self._errors[event.agent] += 1

    def _change(self, sample: ProcessSample) -> ServiceChange | None:
        assert self._known is not None
        if sample.status == "unknown":
            return None
        known = self._known.get(sample.name)
        self._known[sample.name] = sample
        before = None if known is None else known.pid
        was = None if known is None else known.status
        if sample.status == "gone":
            return None if was == "gone" else ServiceChange("service-gone", sample.name, sample.pid, before)
        if known is None:
            return None
        if not _is_same(known, sample):
            return ServiceChange("service-restarted", sample.name, sample.pid, before)
        return ServiceChange("service-back", sample.name, sample.pid, before) if was == "gone" else None


def _own(at: str, key: Key, usage: Usage | None) -> ProcessSample:
    kind: Literal["session", "redis"] = "redis" if key == _REDIS else "session"
    return _sample(ProcessSample(at=at, kind=kind, name=key[1], status="alive"), usage)


def _sample(sample: ProcessSample, usage: Usage | None) -> ProcessSample:
    if usage is None:
        return sample
    return replace(
        sample,
        pid=usage.pid,
        started_ms=usage.started_ms,
        program=usage.program,
        processes=usage.processes,
        cpu_percent=usage.cpu_percent,
        rss_bytes=usage.rss_bytes,
    )


def _is_same(known: ProcessSample, sample: ProcessSample) -> bool:
    """Whether two samples are of one process; where the system does not tell whose a port is, nothing says otherwise."""
    if known.pid is None or sample.pid is None:
        return True
    if known.started_ms is None or sample.started_ms is None:
        return known.pid == sample.pid
    return known.pid == sample.pid and abs(known.started_ms - sample.started_ms) < _SAME_START_MS
