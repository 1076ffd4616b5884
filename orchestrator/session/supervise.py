"""The supervisor beside the agents: a subgraph whose step is one look at the session's health.

It looks at the whole (server, services, agents, alerts) and tells; each agent's own keeper restarts it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from orchestrator.config.model import Mode
from orchestrator.session.checkpoints import prune
from orchestrator.session.context import Session
from orchestrator.session.ending import EndedBy
from orchestrator.session.snapshot import newest_poll, stream_lines
from tools.errors import SourceUnavailable
from tools.sources.processes import service_states
from tools.sources.records import ProcessState


class SupervisorState(TypedDict):
    """The supervisor in the checkpoint."""

    supervisions: int
    over: bool


class _WindowOrWork:
    """Set when the window is over, or nobody has anything left to do in it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def is_set(self) -> bool:
        return self._session.ending.is_set() or idle(self._session) is not None


def idle(session: Session) -> EndedBy | None:
    """Why the window may end early: all agents failed, or (static mode) have looked at everything there will be."""
    at_work = session.keepers()
    if len(at_work) < len(session.agents):
        return None
    if all(keeper.status == "failed" for keeper in at_work):
        return "failure"
    if session.mode is not Mode.STATIC:
        return None
    if all(keeper.status != "running" or keeper.done() for keeper in at_work):
        return "deadline"
    session.indexer.look()
    return "failure" if session.indexer.failed else None


async def look(state: SupervisorState, runtime: Runtime[Session]) -> SupervisorState:
    """One supervision, then rest until the next or the end."""
    session = runtime.context
    clock = session.clock
    due = clock.monotonic() + session.clocks.supervise_s
    await clock.sleep_until_async(due, _WindowOrWork(session))
    reason = idle(session)
    if reason is not None:
        session.ending.end(reason)
    if not session.ending.is_set():
        # Its failure would cancel the agents beside it, and the report would be lost.
        try:
            await supervise(session, state["supervisions"] + 1)
        except Exception as error:  # noqa: BLE001
            session.event("error", reason=f"supervision: {type(error).__name__}: {error}")
    return {"supervisions": state["supervisions"] + 1, "over": session.ending.is_set()}


def more(state: SupervisorState) -> Literal["look", "__end__"]:
    """Until the window is over."""
    return "__end__" if state["over"] else "look"


async def supervise(session: Session, number: int) -> None:
    """Look at everything once and write one `supervision` event."""
    session.indexer.look()
    details: dict[str, Any] = {"number": number, "agents": agents_health(session)}
    details["criticals"] = session.story.alerts
    if session.mode is not Mode.STATIC:
        details["redis"] = await redis_health(session)
        details["services"] = await services_health(session)
        details["streams"] = await asyncio.to_thread(lambda: stream_lines(newest_poll(session.workspace)))
    session.event("supervision", **details)
    if session.checkpoints is not None:
        await prune(session.checkpoints, session.session_id)


def agents_health(session: Session) -> list[dict[str, Any]]:
    """Status, attempt, silence and cost of each agent."""
    found: list[dict[str, Any]] = []
    for agent in session.agents:
        keeper = session.keeper(agent)
        cpu_percent, rss_bytes = keeper.usage() or (None, None)
        found.append(
            {
                "agent": agent,
                "status": keeper.status,
                "attempt": keeper.attempt,
                "findings": keeper.findings,
                "silentS": round(keeper.silent_s(), 1),
                "cpuPercent": cpu_percent,
                "rssBytes": rss_bytes,
            }
        )
    return found


async def redis_health(session: Session) -> str:
    """`answers`, or why not; losing it and having it back are told once each."""

    def ask() -> None:
        with session.connect():
            pass

    try:
        await asyncio.to_thread(ask)
    except SourceUnavailable as error:
        if not session.redis_lost:
            session.redis_lost = True
            session.event("redis-lost", reason=error.why)
            session.story.warn(f"Redis does not answer: {error.why}")
        return error.why
    if session.redis_lost:
        session.redis_lost = False
        session.event("redis-back")
    return "answers"


async def services_health(session: Session) -> list[dict[str, Any]]:
    """Which services' processes live; in managed mode also remembers every process of theirs."""
    if session.services is not None:
        await asyncio.to_thread(session.services.note)
    states: tuple[ProcessState, ...] = await asyncio.to_thread(_states, session)
    return [{"service": state.service, "alive": state.alive, "pid": state.pid} for state in states]


def _states(session: Session) -> tuple[ProcessState, ...]:
    job = session.job(session.agents[0])
    return service_states(job.services, job.root_pids, session.clock, session.project_root)


def supervisor_graph() -> CompiledStateGraph[SupervisorState, Session, SupervisorState, SupervisorState]:
    """The subgraph: it looks until the window is over."""
    graph = StateGraph(SupervisorState, context_schema=Session)
    graph.add_node("look", look)
    graph.add_edge(START, "look")
    graph.add_conditional_edges("look", more, ["look", END])
    return graph.compile()
