"""The supervisor beside the agents: a subgraph whose step is one look at the session's health.

It looks at the whole (server, services, agents, alerts) and tells; each agent's own keeper restarts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from orchestrator.config.model import Mode
from orchestrator.session.checkpoints import prune
from orchestrator.session.context import Session
from orchestrator.session.ending import EndedBy
from orchestrator.session.sampling import Subjects, Watcher
from orchestrator.session.snapshot import stream_lines
from tools.clock import iso
from tools.errors import JournalCorrupt

_STALE_INTERVALS = 2


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
    """Sample the processes at their pace until a supervision is due or the window ends; then one supervision."""
    session = runtime.context
    clock = session.clock
    due = clock.monotonic() + session.clocks.supervise_s
    over = _WindowOrWork(session)
    while not over.is_set() and clock.monotonic() < due:
        if clock.monotonic() >= session.lookout.sampler.due_s:
            await _guarded(session, "metrics", sample(session))
        await clock.sleep_until_async(min(due, session.lookout.sampler.due_s), over)
    reason = idle(session)
    if reason is not None:
        session.ending.end(reason)
    if session.ending.is_set():
        session.lookout.redis.take_gaps(final=True)
    else:
        await _guarded(session, "supervision", supervise(session, state["supervisions"] + 1))
    return {"supervisions": state["supervisions"] + 1, "over": session.ending.is_set()}


async def _guarded(session: Session, what: str, work: Awaitable[None]) -> None:
    # Its failure would cancel the agents beside it, and the report would be lost.
    try:
        await work
    except Exception as error:  # noqa: BLE001
        session.event("error", reason=f"{what}: {type(error).__name__}: {error}")


def more(state: SupervisorState) -> Literal["look", "__end__"]:
    """Until the window is over."""
    return "__end__" if state["over"] else "look"


async def sample(session: Session) -> None:
    """Sample every process once; a service that has gone or come back is told. Raises OSError."""
    subjects = _subjects(session)  # here: keepers and services belong to the event loop's thread
    sampler = session.lookout.sampler
    changes = await asyncio.to_thread(sampler.sample, subjects, session.clocks.metrics_s)
    if session.ending.is_set():
        return  # what ends with the session did not die
    for change in changes:
        session.event(change.kind, service=change.service, pid=change.pid, before=change.before)
        if change.kind == "service-gone":
            pid = "" if change.pid is None else f" (pid {change.pid})"
            session.story.warn(f"{change.service}: its process{pid} is gone")


def _subjects(session: Session) -> Subjects:
    job = session.job(session.agents[0])
    server, static = session.redis_server, session.mode is Mode.STATIC
    ours = server is not None and server.started and server.local
    return Subjects(
        services=() if static else job.services,
        root_pids=job.root_pids,
        watchers=tuple(
            Watcher(agent, keeper.pid, keeper.attempt, keeper.findings)
            for agent, keeper in session.keepers_by_agent().items()
        ),
        redis_port=server.port if ours and server is not None and server.port else None,
        keeper_pid=None if session.keeper_client is None else session.keeper_client.state.keeper.pid or None,
    )


async def supervise(session: Session, number: int) -> None:
    """Look at everything once and write one `supervision` event."""
    session.indexer.look()
    details: dict[str, Any] = {"number": number, "agents": agents_health(session)}
    alerted, lookout = session.story.alerted, session.lookout
    details |= {"criticals": len(alerted), "newCriticals": list(alerted[lookout.criticals :])}
    if session.mode is not Mode.STATIC:
        details["redis"] = await redis_health(session)
        if session.services is not None:
            await asyncio.to_thread(session.services.note)
        details["services"] = services_health(session)
        details |= await asyncio.to_thread(streams_health, session)
    lookout.criticals = len(alerted)
    session.event("supervision", **details)
    if session.model is not None:
        session.model.supervised(details, session.clocks.supervise_s)
    if session.checkpoints is not None:
        await prune(session.checkpoints, session.session_id)


def agents_health(session: Session) -> list[dict[str, Any]]:
    """Status, attempt, silence and, as of the newest sample, cost of each agent."""
    found: list[dict[str, Any]] = []
    for agent in session.agents:
        keeper = session.keeper(agent)
        used = session.lookout.sampler.newest.get(("agent", str(agent)))
        found.append(
            {
                "agent": agent,
                "status": keeper.status,
                "attempt": keeper.attempt,
                "findings": keeper.findings,
                "silentS": round(keeper.silent_s(), 1),
                "cpuPercent": None if used is None else used.cpu_percent,
                "rssBytes": None if used is None else used.rss_bytes,
            }
        )
    return found


async def redis_health(session: Session) -> str:
    """`answers`, or why not; losing it and having it back are told once each."""

    def ask() -> str | None:
        with session.deployment() as deployment:
            error = deployment.silent()
        if error is None or not deployment.is_cluster:
            return None if error is None else error.why
        return f"{error.what}: {error.why}"

    why = await asyncio.to_thread(ask)
    session.lookout.redis.take_answer(why)
    session.lookout.redis.take_gaps()
    return why or "answers"


def services_health(session: Session) -> list[dict[str, Any]]:
    """Which services' processes live and what they use, as of the newest sample."""
    alive = {"alive": True, "gone": False, "unknown": None}
    return [
        {
            "service": used.name,
            "alive": alive[used.status],
            "pid": used.pid,
            "cpuPercent": used.cpu_percent,
            "rssBytes": used.rss_bytes,
        }
        for (kind, _), used in session.lookout.sampler.newest.items()
        if kind == "service"
    ]


def streams_health(session: Session) -> dict[str, Any]:
    """Length, lag and pending of the streams at the newest poll, and how old it is; `streamsStale` beyond two intervals."""
    lookout = session.lookout
    try:
        for poll in lookout.polls.new():
            lookout.newest = poll
    except (JournalCorrupt, OSError) as error:
        return {"streams": stream_lines(lookout.newest), "streamsStale": True, "streamsWhy": str(error)}
    if lookout.newest is None:
        return {"streams": [], "streamsStale": True, "streamsWhy": "no poll was made yet"}
    age_s = (session.clock.now_ms() - lookout.newest.at_ms) / 1000
    return {
        "streams": stream_lines(lookout.newest),
        "pollAt": iso(lookout.newest.at_ms),
        "pollAgeS": round(age_s, 1),
        "streamsStale": age_s > _STALE_INTERVALS * session.clocks.window.poll_interval_s,
    }


def supervisor_graph() -> CompiledStateGraph[SupervisorState, Session, SupervisorState, SupervisorState]:
    """The subgraph: it looks until the window is over."""
    graph = StateGraph(SupervisorState, context_schema=Session)
    graph.add_node("look", look)
    graph.add_edge(START, "look")
    graph.add_conditional_edges("look", more, ["look", END])
    return graph.compile()
