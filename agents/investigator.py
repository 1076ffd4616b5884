"""When an agent's findings are investigated: batched, at once for a CRITICAL, always beside its watcher's keeper.

The keeper's tick pokes it; a poke never waits. An investigation is a task of its own, so a model that hangs holds up
neither supervision nor STOP, the deadline or the flush. What was not investigated is counted as undone.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, cast

import msgspec
from langsmith import tracing_context
from msgspec import Struct, structs

from agents.evidence_gate import EvidenceGate
from agents.host import SeenFinding
from agents.investigation.batch import FINDINGS_MAX, Batch, FocusTask, Left, opening, worst_first
from agents.investigation.fence import Fence
from agents.investigation.graph import Investigation, InvestigationGraph, State, prompt_now
from agents.investigation.tools import Toolbox
from agents.model.messages import Model, ModelUnavailable
from tools.clock import Clock
from tools.errors import StreamgaugeError
from tools.findings import readings
from tools.findings.model import AgentId, Severity
from tools.findings.recorder import load
from tools.functions.contract import Desk
from tools.workspace import Workspace

TRIES_MAX = 2
"""Investigations that may fail before their findings are left alone."""
FOCUS_MAX = 6
"""Focus tasks that wait; of more the oldest go."""
_INFORMATION = Severity.INFO.rank
_PRIORITIES = {"P0_CRITICAL": 0, "P1_HIGH": 1, "P2_MEDIUM": 2, "P3_LOW": 3}


class Tally(Struct, kw_only=True, rename="camel"):
    """What an agent's investigations came to. `rejected` claims failed the gate, `lowered` severities were cut."""

    investigations: int = 0
    failed: int = 0
    readings: int = 0
    own_findings: int = 0
    rejected: int = 0
    lowered: int = 0


class Earlier(Struct, frozen=True):
    """An agent's investigations before the session was resumed.

    What they came to, the ids of findings that they are done with, and the focus tasks that none of them took up.
    """

    tally: Tally = msgspec.field(default_factory=Tally)
    done: frozenset[str] = frozenset()
    focus: tuple[FocusTask, ...] = ()


class Host(Protocol):
    """What the session lends."""

    @property
    def workspace(self) -> Workspace:
        """The session's folder."""
        ...

    @property
    def clock(self) -> Clock:
        """Its clock."""
        ...

    def event(self, kind: str, **details: object) -> None:
        """Write an event; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What investigations are made with.

    `seconds_left` is of the window; `stopped`: whether the session has stopped what it had started.
    """

    host: Host
    model: Model
    graph: InvestigationGraph
    desk: Desk
    every_s: float
    seconds_left: Callable[[], float]
    fence: Fence = field(default_factory=Fence)
    stopped: Callable[[], bool] = lambda: False


class Investigator:
    """One agent's investigations."""

    def __init__(
        self,
        means: Means,
        agent: AgentId,
        system: str,
        earlier: Earlier | None = None,
    ) -> None:
        before = Earlier() if earlier is None else earlier
        self._means, self._agent, self._system = means, agent, system
        self._pending: dict[str, int] = {}
        self._tried: dict[str, int] = {}
        self._focus: list[FocusTask] = list(before.focus)[-FOCUS_MAX:]
        self._task: asyncio.Task[None] | None = None
        self._due_at = means.host.clock.monotonic() + means.every_s
        self._number = 0
        self._given_up = self._ended = 0
        self.over = ""
        """Why nothing is investigated any more."""
        self.tally = structs.replace(before.tally)
        self._known = _explained(means.host.workspace, agent) | before.done

    @property
    def undone(self) -> int:
        """Findings that nobody has investigated."""
        return len(self._pending) + self._given_up

    @property
    def busy(self) -> bool:
        """Whether an investigation is under way."""
        return self._task is not None and not self._task.done()

    def take(self, finding: SeenFinding) -> None:
        """A line of the agent's journal: what a rule found waits to be investigated."""
        name, rank = finding.finding_id, _rank(finding)
        if finding.origin != "measured" or rank >= _INFORMATION or name in self._known:
            return
        urgent = rank == Severity.CRITICAL.rank and name not in self._tried and name not in self._pending
        self._pending[name] = rank
        if urgent:
            self._due_at = self._means.host.clock.monotonic()

    def focus(self, task: FocusTask) -> None:
        """The orchestrator asks: the next investigation takes it first."""
        self._focus = [*self._focus, task][-FOCUS_MAX:]

    def poke(self) -> None:
        """Begin an investigation where one is due. Never waits, never raises."""
        now = self._means.host.clock.monotonic()
        if self.busy or self.over or now < self._due_at or not (self._pending or self._focus):
            return
        self._due_at = now + self._means.every_s
        self._begin()

    async def finish(self) -> None:
        """After the window: investigate what is left, one batch after another, until cancelled."""
        try:
            await self._settled()
            ended = -1
            while self._pending and not self.over and ended != self._ended:
                ended = self._ended
                self._begin()
                await self._settled()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the investigation that is under way; what it would have said is undone."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _settled(self) -> None:
        """Wait for the investigation that is under way."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def _begin(self) -> None:
        # In a context of its own: within the agent's step LangGraph would take it for a part of the session's graph.
        self._task = asyncio.get_running_loop().create_task(self._guarded(), context=contextvars.Context())

    async def _guarded(self) -> None:
        batch = Batch(())
        try:
            batch = await asyncio.to_thread(self._next_batch)
            if batch.findings or batch.focus:
                await self._investigate(batch)
        except ModelUnavailable as error:
            self._unavailable(error, batch)
        except Exception as error:  # noqa: BLE001 - what goes wrong beside the agent must not reach it
            self._failed(batch, f"{type(error).__name__}: {error}")

    def _next_batch(self) -> Batch:
        """Focus tasks that are still of use, and the worst findings that wait."""
        now_ms = self._means.host.clock.now_ms()
        focus = tuple(task for task in self._focus if task.until_ms > now_ms)
        self._focus = []
        try:
            found = load(self._means.host.workspace.findings(self._agent))
        except (StreamgaugeError, OSError):
            found = []
        waiting = [finding for finding in found if finding.finding_id in self._pending]
        return Batch(tuple(worst_first(waiting)[:FINDINGS_MAX]), focus)

    async def _investigate(self, batch: Batch) -> None:
        host, means = self._means.host, self._means
        self._number += 1
        conversation = f"{self._agent.slug}-{host.clock.now_ms()}-{self._number}"
        names = [finding.finding_id for finding in batch.findings]
        host.event(
            "investigation",
            agent=self._agent,
            conversation=conversation,
            findings=names,
            focus=[task.task_id for task in batch.focus],
        )
        self.tally.investigations += 1
        context = Investigation(
            agent=self._agent,
            conversation=conversation,
            system=self._system,
            model=means.model,
            toolbox=Toolbox(means.desk, self._agent, means.fence),
            workspace=host.workspace,
            evidence=EvidenceGate(host.workspace, means.desk.project_root),
            prompt=prompt_now(),
        )
        left = Left(means.seconds_left(), max(0, len(self._pending) - len(names)), means.stopped())
        begin = State(messages=(opening(batch, means.fence, left),))
        with tracing_context(enabled=False):
            state = await means.graph.ainvoke(begin, context=context)
        self._take_up(batch, conversation, cast("State", state))

    def _take_up(self, batch: Batch, conversation: str, state: State) -> None:
        """Count what came of it and tell it."""
        if "stopped" in state:
            self._failed(batch, state["stopped"])
            return
        passed, draft = state["passed"], state["draft"]
        rejected = len(passed.rejected) + len(draft.problems)
        self._ended += 1
        for finding in batch.findings:
            self._pending.pop(finding.finding_id, None)
            self._known.add(finding.finding_id)
        self.tally.readings += len(passed.readings)
        self.tally.own_findings += state.get("written", 0)
        self.tally.rejected += rejected
        self.tally.lowered += draft.lowered
        self._means.host.event(
            "investigated",
            agent=self._agent,
            conversation=conversation,
            readings=len(passed.readings),
            ownFindings=state.get("written", 0),
            rejected=rejected,
            reasons=[*passed.rejected, *draft.problems][:10],
            lowered=draft.lowered,
        )

    def _unavailable(self, error: ModelUnavailable, batch: Batch) -> None:
        if error.why in {"budget", "off"}:
            self.over = error.reason
        self._give_back(batch)
        self._means.host.event("model-unavailable", agent=self._agent, why=error.why, reason=error.reason)

    def _failed(self, batch: Batch, reason: str) -> None:
        self.tally.failed += 1
        self._ended += bool(batch.findings)
        for finding in batch.findings:
            tries = self._tried[finding.finding_id] = self._tried.get(finding.finding_id, 0) + 1
            if tries >= TRIES_MAX:
                # It stays undone; but it is not asked about for ever.
                self._known.add(finding.finding_id)
        self._give_back(batch)
        self._means.host.event("investigation-failed", agent=self._agent, reason=reason)

    def _give_back(self, batch: Batch) -> None:
        """Focus tasks wait for the next investigation, as findings do by themselves."""
        self._focus = [*batch.focus, *self._focus][-FOCUS_MAX:]
        for finding in batch.findings:
            if self._tried.get(finding.finding_id, 0) >= TRIES_MAX:
                self._pending.pop(finding.finding_id, None)
                self._given_up += 1


def _explained(workspace: Workspace, agent: AgentId) -> set[str]:
    """What was explained before this session was resumed."""
    explained: set[str] = set()
    with suppress(StreamgaugeError, OSError):  # a damaged journal costs a second explanation
        for reading in readings.read(workspace, agent):
            if reading.kind == "explanation":
                explained.update(reading.finding_ids[:1])
    return explained


def _rank(finding: SeenFinding) -> int:
    """Severity, or priority on the same scale."""
    if finding.severity in {level.value for level in Severity}:
        return Severity(finding.severity).rank
    return _PRIORITIES.get(finding.priority or "", _INFORMATION)
