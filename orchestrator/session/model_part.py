"""The language model's part in a session: one client and one budget for all who ask, and what came of it.

Nothing here is waited for while the window runs: investigations and rounds are tasks beside it. After the window what
is left gets a bounded time. Whatever fails here costs the session nothing but words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import structs

import prompts
from agents import instructions
from agents.host import SeenFinding
from agents.investigation import graph
from agents.investigation.batch import FocusTask
from agents.investigation.fence import Fence
from agents.investigator import Investigator, Means, Tally
from agents.job import WatcherJob
from agents.model import prices, transcript
from agents.model.breaker import Breaker
from agents.model.budget import Budget
from agents.model.messages import ModelUnavailable
from agents.model.settings import ModelSettings, Role
from agents.model.tracing import NoTracer, Tracer
from agents.model_client import ModelClient
from orchestrator.session import model_resume, model_rounds, model_wording
from orchestrator.session.bounded import for_a_while
from tools.clock import Clock
from tools.errors import StreamgaugeError, UsageError
from tools.findings.model import AgentId, Finding, dump
from tools.findings.recorder import load
from tools.functions.contract import Desk
from tools.functions.redis_desk import RedisDesk
from tools.sources.gaps import read as gaps_of
from tools.sources.records import Gap
from tools.sources.session_facts import ModelUse
from tools.synthesis import wording
from tools.workspace import Workspace

STOPPED = "The session has stopped the Redis server that it had started: ask for what was recorded."


class Lender(Protocol):
    """What of the session the model's part needs."""

    @property
    def workspace(self) -> Workspace: ...  # noqa: D102

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    @property
    def project_root(self) -> Path: ...  # noqa: D102

    def job(self, agent: AgentId | None) -> WatcherJob: ...  # noqa: D102

    def event(self, kind: str, **details: object) -> None: ...  # noqa: D102

    def gap(self, gap: Gap) -> None: ...  # noqa: D102

    def seconds_left(self) -> float: ...  # noqa: D102

    def hurried(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ModelPace:
    """The model's clocks, in seconds: how long findings are batched, and what is left after the window."""

    every_s: float
    after_window_s: float


@dataclass
class ModelPart:
    """Everything about the model in one session. `health` of a supervision feeds the rounds."""

    lender: Lender
    settings: ModelSettings
    pace: ModelPace
    tracer: Tracer = field(default_factory=NoTracer)
    fence: Fence = field(default_factory=Fence)
    client: ModelClient = field(init=False)
    _investigators: dict[AgentId, Investigator] = field(default_factory=dict, init=False)
    _desk: Desk | None = field(default=None, init=False)
    _means: Means | None = field(default=None, init=False)
    _round: asyncio.Task[None] | None = field(default=None, init=False)
    _warming: asyncio.Task[None] | None = field(default=None, init=False)
    _rounds: int = field(default=0, init=False)
    _focus: list[FocusTask] = field(default_factory=list, init=False)
    _seen_before: object = field(default=None, init=False)
    _unworded: list[str] = field(default_factory=list, init=False)
    _worded: int = field(default=0, init=False)
    _dropped: int = field(default=0, init=False)
    _opened: list[str] = field(default_factory=list, init=False)
    _stopped: bool = field(default=False, init=False)
    _before: model_resume.Before = field(init=False)
    _left_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._left_s = self.pace.after_window_s
        self._before = model_resume.read(self.lender.workspace)
        self._rounds, self._focus = self._before.rounds, list(self._before.tasks)
        budget = self._budget()
        self.client = ModelClient(
            settings=self.settings,
            budget=budget,
            breaker=Breaker(self.lender.clock),
            transcripts=transcript.Transcripts(self.lender.workspace),
            tracer=self.tracer,
            clock=self.lender.clock,
            event=self._event,
        )

    def _budget(self) -> Budget:
        """What may be spent, less what a killed session spent; all of it where nobody can tell any more."""
        limits = self.settings.session
        budget = Budget(limits, self.settings.each, self.settings.own)
        try:
            for call in transcript.earlier(self.lender.workspace):
                budget.remember(call.role, call.usd, call.tokens, call.seconds, kept=call.kept)
        except OSError as error:
            self._event("error", reason=f"what the model has cost so far cannot be read: {error}")
            budget.remember(Role.ORCHESTRATOR, limits.usd, limits.tokens, 0.0, kept=True)
        return budget

    # --- While the window runs ---------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Import the SDK beside the session: it takes seconds, which the first question would wait for."""
        self._warming = asyncio.get_running_loop().create_task(self._guarded_warming())

    async def _guarded_warming(self) -> None:
        with suppress(ImportError):  # the first question tells
            await self.client.connected()

    def take(self, agent: str, finding: SeenFinding) -> None:
        """A new line of an agent's journal. Never raises: it is told within the agent's step."""
        self._quietly(lambda: self._take(AgentId(agent), finding))

    def poke(self, agent: str) -> None:
        """An agent ticks. Never raises, as above."""
        self._quietly(lambda: self.investigator(AgentId(agent)).poke())

    def _take(self, agent: AgentId, finding: SeenFinding) -> None:
        investigator = self.investigator(agent)
        investigator.take(finding)
        investigator.poke()

    def _quietly(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - what fails here must not reach the agent's step
            self._event("error", reason=f"the model's part: {type(error).__name__}: {error}")

    def investigator(self, agent: AgentId) -> Investigator:
        """An agent's investigator, made when it is first wanted."""
        if agent not in self._investigators:
            job = self.lender.job(agent)
            system = prompts.render(
                graph.PROMPT, agent=agent.value, instructions=instructions.text(job).strip()
            )
            self._investigators[agent] = Investigator(self._shared(), agent, system, self._before.of(agent))
        return self._investigators[agent]

    def supervised(self, health: Mapping[str, Any], within_s: float) -> None:
        """A supervision was made: a round begins, if the last one is over. Never waits."""
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._guarded_round(dict(health), within_s))

    async def _guarded_round(self, health: dict[str, Any], within_s: float) -> None:
        try:
            await self._one_round(health, within_s)
        except ModelUnavailable as error:
            self._event("model-unavailable", agent="ORCHESTRATOR", why=error.why, reason=error.reason)
        except Exception as error:  # noqa: BLE001 - a round that fails is an event and costs the session nothing
            self._event("error", reason=f"the orchestrator's round: {type(error).__name__}: {error}")

    async def _one_round(self, health: dict[str, Any], within_s: float) -> None:
        seen = await asyncio.to_thread(self._board, health)
        what = (seen.findings, seen.gaps)
        if not seen.entities or what == self._seen_before:
            return  # nothing that a task could be about, or nothing new to decide on
        self._seen_before = what
        self._rounds += 1
        number, clock = self._rounds, self.lender.clock
        conversation = f"round-{clock.now_ms()}-{number}"
        decisions, _ = await model_rounds.decide(seen, self.client, self.fence, conversation, within_s)
        now_ms = clock.now_ms()
        deadline_ms = now_ms + round(max(0.0, self.lender.seconds_left()) * 1000)
        tasks, dropped = model_rounds.tasks_of(decisions, seen, number, now_ms, deadline_ms)
        model_rounds.tell(self._event, number, tasks, dropped, decisions.why)
        self._focus += tasks
        for task in tasks:
            self.investigator(model_rounds.agent_of(task)).focus(task)

    def _board(self, health: dict[str, Any]) -> model_rounds.Board:
        gaps = [gap.what for gap in gaps_of(self.lender.workspace.gaps)]
        left = self.settings.session.usd - self.client.budget.whole.usd
        seen = model_rounds.board(health, list(self._findings().values()), gaps, self._focus)
        seconds = round(max(0.0, self.lender.seconds_left()))
        return structs.replace(seen, seconds_left=seconds, usd_left=prices.shown(left))

    # --- After it ----------------------------------------------------------------------------------------

    async def investigate_rest(self) -> None:
        """Investigate what is left, while what is audited still stands. Never raises.

        It takes half of the time that is left after the window, and none where the session is hurried.
        """
        if self._round is not None and not self._round.done():
            self._round.cancel()
            await asyncio.wait([self._round])
        await asyncio.to_thread(self._quietly, self._take_the_rest)
        await self._for_a_while(self._finish(), self._left_s / 2)
        await asyncio.gather(*(one.stop() for one in self._investigators.values()))

    async def server_stopped(self) -> None:
        """The session stops the server that it started: from now on functions say so. Never raises."""
        self._stopped = True
        if self._desk is not None and self._desk.redis is not None:
            await asyncio.to_thread(self._desk.redis.close, STOPPED)

    async def conclude(self) -> None:
        """Investigate what came since, and word the clusters, within the time that is left. Never raises."""
        await self.investigate_rest()
        await self._for_a_while(self._word(), self._left_s)
        self._quietly(self._tell_what_is_undone)

    async def _finish(self) -> None:
        await asyncio.gather(*(one.finish() for one in self._investigators.values()))

    async def _for_a_while(self, work: Coroutine[Any, Any, None], within_s: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        error = await for_a_while(work, within_s, self.lender.hurried)
        self._left_s = max(0.0, self._left_s - (loop.time() - began))
        if error is not None:  # the report is written without the model's words
            self._event("error", reason=f"the model's part: {type(error).__name__}: {error}")

    def _take_the_rest(self) -> None:
        """What stands in the journals and nobody told us of: found before a resume, or by the session itself."""
        for finding in self._findings().values():
            seen = msgspec.convert(dump(finding), SeenFinding)
            self.investigator(finding.agent_id).take(seen)

    async def close(self) -> None:
        """End whatever is under way, and release everything. Safe at any moment."""
        tasks = [task for task in (self._round, self._warming) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(
            *tasks, *(one.stop() for one in self._investigators.values()), return_exceptions=True
        )
        if self._desk is not None and self._desk.redis is not None:
            await asyncio.to_thread(self._desk.redis.close)
        await self.client.close()

    async def _word(self) -> None:
        workspace = self.lender.workspace
        self._unworded = ["there was no time left"]
        try:
            made, failed = await model_wording.word_session(
                workspace, self.lender.clock.now_ms(), self.client, self.fence
            )
        except (StreamgaugeError, OSError, ValueError) as error:
            self._unworded = [str(error)]
            return
        self._unworded = failed
        self._worded, self._dropped = len(made), sum(one.dropped for one in made)
        if made:
            await asyncio.to_thread(wording.write, workspace, made)
        self._event("worded", clusters=len(made), dropped=self._dropped, failed=failed[:10])

    def _tell_what_is_undone(self) -> None:
        undone = self._undone()
        reasons = dict.fromkeys(one.over for one in self._investigators.values() if one.over)
        if not undone and not self._opened and not self._unworded:
            return
        causes = [*reasons, *self._opened, *([] if undone else self._unworded)]
        why = "; ".join(dict.fromkeys(causes)) or "there was no time left"
        fix = "Raise the limits of [llm], or see `model-breaker` and `model-unavailable` in events.jsonl."
        number = f"{undone} finding{'' if undone == 1 else 's'}"
        what = (
            f"what the language model would have said of {number}"
            if undone
            else "a part of the model's words"
        )
        now = self.lender.clock.now_ms()
        self.lender.gap(Gap(what=what, why=why, fix=fix, source="model", at_ms=now, blind=False))

    def use(self) -> ModelUse:
        """What was spent and what came of it, for the report."""
        spent = self.client.budget.spent()
        tallies = [self._tally(agent) for agent in AgentId]
        return ModelUse(
            models=tuple(dict.fromkeys(self.settings.models.values())),
            limit_usd=f"{self.settings.session.usd:.2f}",
            spent_usd=spent.usd,
            kept_usd=spent.kept_usd,
            calls=spent.calls,
            tokens=spent.tokens,
            seconds=spent.seconds,
            investigations=sum(tally.investigations for tally in tallies),
            readings=sum(tally.readings for tally in tallies),
            own_findings=sum(tally.own_findings for tally in tallies),
            rejected=sum(tally.rejected for tally in tallies),
            lowered=sum(tally.lowered for tally in tallies),
            clusters_worded=self._worded,
            sentences_dropped=self._dropped,
            undone=self._undone(),
            rounds=self._rounds,
            focus_tasks=len(self._focus),
            breaker=self.client.breaker.state,
            breaker_reasons=tuple(dict.fromkeys(self._opened)),
        )

    # --- What they share ---------------------------------------------------------------------------------

    def _shared(self) -> Means:
        if self._means is None:
            self._means = Means(
                host=self.lender,
                model=self.client,
                graph=graph.build(),
                desk=self._make_desk(),
                every_s=self.pace.every_s,
                seconds_left=self.lender.seconds_left,
                fence=self.fence,
                stopped=lambda: self._stopped,
            )
        return self._means

    def _make_desk(self) -> Desk:
        if self._desk is None:
            job = self.lender.job(AgentId.REDIS_STREAM_ANALYST)
            redis: RedisDesk | None = None
            if job.redis is not None:
                with suppress(UsageError):
                    url = job.redis.url.get_secret_value()
                    redis = RedisDesk(url, self.lender.clock, job.redis.databases)
            self._desk = Desk(self.lender.workspace, self.lender.project_root, redis, self.lender.clock)
        return self._desk

    def _tally(self, agent: AgentId) -> Tally:
        made = self._investigators.get(agent)
        return self._before.of(agent).tally if made is None else made.tally

    def _undone(self) -> int:
        return sum(one.undone for one in self._investigators.values())

    def _findings(self) -> dict[str, Finding]:
        found: dict[str, Finding] = {}
        for agent in AgentId:
            with suppress(StreamgaugeError, OSError):
                found |= {one.finding_id: one for one in load(self.lender.workspace.findings(agent))}
        return found

    def _event(self, kind: str, **details: object) -> None:
        if kind == "model-breaker" and details.get("state") != "closed":
            self._opened.append(str(details.get("reason")))
        self.lender.event(kind, **details)
