"""An agent in the session graph: a subgraph whose step is one tick of its keeper.

The keeper owns the agent's watcher process: it starts it, sees that it lives and gets on, restarts it with its
original instructions, and reports what is new. Whatever fails is caught here and becomes an event, a gap and a
restart, never an exception across the join. It looks at nothing of the audited system itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.engine import Handle, slug_of
from agents.host import Host, SeenFinding
from agents.job import WatcherJob
from tools.clock import NEVER
from tools.findings import journal
from tools.findings.recorder import read_attempt
from tools.sources.records import Gap

_NOT_BEFORE_MS = 1500
"""A watcher may see the deadline this much before us and still have ended in time."""
_FLUSH_LOOK_S = 0.1
_STEADY_FACTOR = 10
"""An attempt that lived this many times the restart limit clears the count of restarts."""


class AgentState(TypedDict):
    """One agent in the checkpoint: small, plain JSON."""

    agent: str
    ticks: int
    attempt: int
    findings: int
    status: Literal["running", "ending", "finished", "failed"]


class AgentOutcome(TypedDict):
    """How an agent ended; the keys of `AgentRun` in the session facts."""

    agent: str
    attempts: int
    finished: bool
    reasons: list[str]


class AgentOutput(TypedDict):
    """What the join receives from an agent."""

    outcomes: list[AgentOutcome]


class _Inner(AgentState, AgentOutput):
    pass


@dataclass(frozen=True, slots=True)
class Pace:
    """An agent's clocks, in seconds, already scaled to the window; `restarts_max` before it is given up.

    `start_grace_s` is added to `restart_after_s` until an attempt shows its first sign of life: imports take
    their time on a busy machine. The pause before a restart doubles from `backoff_s`; the first has none.
    """

    tick_s: float
    restart_after_s: float
    flush_grace_s: float
    start_grace_s: float = 10.0
    backoff_s: float = 1.0
    restarts_max: int = 5


@dataclass
class Crew(ABC):
    """The graph's context, as far as agents use it."""

    @abstractmethod
    def keeper(self, agent: str) -> AgentKeeper:
        """The keeper of an agent; the same one for the whole session."""

    @abstractmethod
    def poke(self, agent: str) -> None:
        """A tick of an agent begins: whoever investigates its findings may begin too. Never waits, never raises."""


class AgentKeeper:
    """Keeps one watcher alive until the window ends. `job` holds its original instructions."""

    def __init__(self, host: Host, job: WatcherJob, pace: Pace) -> None:
        self._host, self._job, self._pace = host, job, pace
        self._agent = str(job.agent)
        self._folder = host.workspace.path("agents", slug_of(job))
        self._findings = host.workspace.path("findings", f"{slug_of(job)}.jsonl")
        self._handle: Handle | None = None
        self._read_to = 0
        self._finding_ids: set[str] = set()
        self._measured_lines = 0
        self._restarts = 0
        self._reasons: list[str] = []
        now = host.clock.monotonic()
        self._next_tick = self._last_tick = self._start_at = self._started_at = now
        self._progress_at, self._progress_ms = now, host.clock.now_ms()
        self._signs: tuple[int, ...] = ()
        self._alive_once = False
        self._ended = self._given_up = False
        self.attempt = 0
        self.attempts = 0

    @property
    def status(self) -> Literal["running", "ending", "finished", "failed"]:
        """Where the agent stands; `ending` once the window is over and its watcher has not left yet."""
        if self._given_up:
            return "failed"
        if self._ended:
            return "finished"
        return "ending" if self._host.ending.is_set() else "running"

    @property
    def findings(self) -> int:
        """How many findings its journal holds."""
        return len(self._finding_ids)

    @property
    def pid(self) -> int | None:
        """Its watcher's process id; None where none runs."""
        return None if self._handle is None else self._handle.pid

    def silent_s(self) -> float:
        """Seconds since its last heartbeat, finding or change of state."""
        return self._host.clock.monotonic() - self._progress_at

    def done(self) -> bool:
        """Whether its state says that there is nothing left to look at (static mode)."""
        try:
            state = msgspec.json.decode((self._folder / "state.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return False
        return isinstance(state, dict) and state.get("done") is True

    def outcome(self) -> AgentOutcome:
        """How it went."""
        return AgentOutcome(
            agent=self._agent, attempts=self.attempts, finished=self._ended, reasons=self._reasons[-20:]
        )

    async def tick(self) -> None:
        """One look after the watcher, then rest until the next tick or the end of the window."""
        self._guarded(self._look)
        self._next_tick = max(self._next_tick + self._pace.tick_s, self._host.clock.monotonic())
        await self._host.clock.sleep_until_async(self._next_tick, self._host.ending)

    async def flush(self) -> None:
        """After the window: let the watcher take its last look and leave; kill it when its grace is over.

        One that dies in its last look is started once more, so that what it had not read yet is read.
        """
        clock = self._host.clock
        until = clock.monotonic() + self._pace.flush_grace_s
        again = clock.monotonic() + self._pace.flush_grace_s / 2
        while not (self._ended or self._given_up) and clock.monotonic() < until:
            self._guarded(lambda: self._look_at_end(may_restart=clock.monotonic() < again))
            if not (self._ended or self._given_up):
                await clock.sleep_until_async(clock.monotonic() + _FLUSH_LOOK_S, NEVER)
        if not (self._ended or self._given_up):
            self._guarded(self._cut_short)
        self._guarded(self._read_findings)
        self.close()

    def close(self) -> None:
        """Kill the watcher if it still runs, and release its pipes."""
        if self._handle is not None:
            with suppress(OSError):
                self._handle.close()
            self._handle = None

    def _guarded(self, step: Callable[[], None]) -> None:
        # An agent's failure must not reach the join: siblings would be cancelled and the report lost.
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self._host.event("error", agent=self._agent, reason=f"{type(error).__name__}: {error}")
            if isinstance(error, OSError) and self._handle is None:
                self._restart(f"could not be started: {error}")

    def _look(self) -> None:
        self._forgive_own_lateness()
        self._read_findings()
        if self._given_up or self._ended:
            return
        if self._handle is None:
            if not self._host.ending.is_set():
                self._start_if_due()
            return
        code = self._handle.poll()
        if code is not None:
            self._left(code, may_restart=True)
        elif not self._gets_on() and self.silent_s() > self._patience_s():
            self._restart(f"no heartbeat, finding or change of state for {self.silent_s():.0f} s")
        self._start_if_due()

    def _look_at_end(self, *, may_restart: bool) -> None:
        code = None if self._handle is None else self._handle.poll()
        if code is not None:
            self._left(code, may_restart=may_restart)
        if may_restart:
            self._start_if_due()

    def _start_if_due(self) -> None:
        idle = self._handle is None and not (self._ended or self._given_up)
        if idle and self._host.clock.monotonic() >= self._start_at:
            self._start()

    def _left(self, code: int, *, may_restart: bool) -> None:
        in_time = self._host.clock.now_ms() >= self._job.window.deadline_ms - _NOT_BEFORE_MS
        if code == 0 and (in_time or self._host.ending.is_set()):
            self._ended = True
            self._host.event("agent-finished", agent=self._agent, attempt=self.attempt)
            return
        how = f"killed by signal {-code}" if code < 0 else f"exited with code {code}"
        if may_restart:
            self._restart(how)
        else:
            self._give_up(f"{how} in its last look")

    def _cut_short(self) -> None:
        self._give_up(f"did not end within {self._pace.flush_grace_s:g} s after the window")

    def _start(self) -> None:
        self.attempt = read_attempt(self._folder / "attempt") + 1
        job = self._job.model_copy(update={"attempt": self.attempt})
        self.attempts += 1
        self._handle = self._host.engine.start(job)
        self._signs, self._alive_once = self._signs_of_life(), False
        self._progress_at = self._started_at = self._host.clock.monotonic()
        self._host.event("agent-started", agent=self._agent, attempt=self.attempt, pid=self._handle.pid)

    def _restart(self, reason: str) -> None:
        now = self._host.clock.monotonic()
        self.close()
        if now - self._started_at > _STEADY_FACTOR * self._pace.restart_after_s:
            self._restarts = 0
        self._restarts += 1
        self._reasons.append(reason)
        if self._restarts > self._pace.restarts_max:
            self._give_up(f"given up after {self._pace.restarts_max} restarts; the last reason: {reason}")
            return
        self._host.restarted(self._agent, self.attempt + 1, reason)
        self._host.gap(self._gap(reason, blind=False, fix="Nothing to do: it went on from its saved state."))
        pause = 0.0 if self._restarts == 1 else self._pace.backoff_s * 2 ** (self._restarts - 2)
        self._start_at = now + pause

    def _give_up(self, reason: str) -> None:
        self.close()
        self._given_up = True
        self._reasons.append(reason)
        self._host.event("agent-failed", agent=self._agent, attempt=self.attempt, reason=reason)
        log = self._folder.name + "/watcher.log"
        self._host.gap(self._gap(reason, blind=True, fix=f"See agents/{log} and run the session again."))

    def _gap(self, why: str, *, blind: bool, fix: str) -> Gap:
        now = self._host.clock.now_ms()
        what = f"what {self._folder.name} would have seen (attempt {self.attempt})"
        started = min(self._progress_ms, now)
        source = f"agents/{self._folder.name}"
        return Gap(what=what, why=why, fix=fix, source=source, at_ms=started, until_ms=now, blind=blind)

    def _forgive_own_lateness(self) -> None:
        # When this process itself was held up (stopped, starved), the watchers' silence is ours, not theirs.
        now = self._host.clock.monotonic()
        late_s = now - self._last_tick - self._pace.tick_s
        if late_s > self._pace.tick_s:
            self._progress_at += late_s
        self._last_tick = now

    def _patience_s(self) -> float:
        return self._pace.restart_after_s + (0.0 if self._alive_once else self._pace.start_grace_s)

    def _gets_on(self) -> bool:
        signs = self._signs_of_life()
        if signs == self._signs:
            return False
        self._signs, self._alive_once = signs, True
        self._progress_at, self._progress_ms = self._host.clock.monotonic(), self._host.clock.now_ms()
        return True

    def _signs_of_life(self) -> tuple[int, ...]:
        # What a model found stands in the same journal: that is no sign of the watcher's life.
        signs = [self._measured_lines]
        for path in (self._folder / "heartbeat.jsonl", self._folder / "state.json"):
            try:
                status = path.stat()
            except OSError:
                signs += [0, 0]
            else:
                signs += [status.st_size, status.st_mtime_ns]
        return tuple(signs)

    def _read_findings(self) -> None:
        for offset, line in journal.read(self._findings, self._read_to):
            self._read_to = offset + len(line) + 1
            try:
                finding = msgspec.json.decode(line, type=SeenFinding)
            except msgspec.MsgspecError as error:
                self._host.event("error", agent=self._agent, reason=f"findings at byte {offset}: {error}")
                continue
            self._finding_ids.add(finding.finding_id)
            self._measured_lines += finding.origin == "measured"
            self._host.seen(self._agent, finding)


async def tick(state: AgentState, runtime: Runtime[Crew]) -> dict[str, Any]:
    """One step of the loop."""
    keeper = runtime.context.keeper(state["agent"])
    runtime.context.poke(state["agent"])
    await keeper.tick()
    return {
        "ticks": state["ticks"] + 1,
        "attempt": keeper.attempt,
        "findings": keeper.findings,
        "status": keeper.status,
    }


def more(state: AgentState) -> Literal["tick", "flush"]:
    """Another tick, or the end: of the window, or of the agent."""
    return "tick" if state["status"] == "running" else "flush"


async def flush(state: AgentState, runtime: Runtime[Crew]) -> AgentOutput:
    """The agent's last look and its way out."""
    keeper = runtime.context.keeper(state["agent"])
    await keeper.flush()
    return {"outcomes": [keeper.outcome()]}


def agent_graph() -> CompiledStateGraph[_Inner, Crew, AgentState, AgentOutput]:
    """The subgraph: tick → tick → … → flush. It inherits the checkpointer of the graph it is a node of."""
    graph = StateGraph(_Inner, context_schema=Crew, input_schema=AgentState, output_schema=AgentOutput)
    graph.add_node("tick", tick)
    graph.add_node("flush", flush)
    graph.add_edge(START, "tick")
    graph.add_conditional_edges("tick", more, ["tick", "flush"])
    graph.add_edge("flush", END)
    return graph.compile()
