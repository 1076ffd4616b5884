"""The session on one screen: its phases, its four agents and what follows what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from agents.node import AgentState, agent_graph
from orchestrator.config.model import Mode
from orchestrator.session.context import Session
from orchestrator.session.phases import (
    baseline,
    complete,
    observe,
    preflight,
    report,
    shutdown,
    stop,
    synthesize,
)
from orchestrator.session.state import SessionState
from orchestrator.session.supervise import SupervisorState, supervisor_graph
from tools.errors import StreamgaugeError
from tools.masking import mask

Work = Callable[[Session, SessionState], Awaitable[SessionState]]
SessionGraph = CompiledStateGraph[SessionState, Session, SessionState, SessionState]


class Node(Protocol):
    """A node as LangGraph calls it."""

    async def __call__(self, state: SessionState, *, runtime: Runtime[Session]) -> SessionState:
        """Do the work and say what changed."""
        ...


def build(saver: BaseCheckpointSaver[Any]) -> SessionGraph:
    """Preflight → baseline → observe → four agents and the supervisor → stop → … → complete."""
    graph = StateGraph(SessionState, context_schema=Session)
    graph.add_node("preflight", phase("preflight", preflight.run))
    graph.add_node("baseline", phase("baseline", baseline.run))
    graph.add_node("observe", phase("observe", observe.run, goes_on=True))
    graph.add_node("agent", agent_graph())
    graph.add_node("supervisor", supervisor_graph())
    graph.add_node("stop", phase("stop", stop.run))
    graph.add_node("shutdown", phase("shutdown", shutdown.run))
    graph.add_node("synthesize", phase("synthesize", synthesize.run))
    graph.add_node("report", phase("report", report.run))
    graph.add_node("complete", phase("complete", complete.run))
    graph.add_edge(START, "preflight")
    graph.add_conditional_edges("preflight", after_preflight, ["baseline", "observe", "shutdown"])
    graph.add_conditional_edges("baseline", after_baseline, ["observe", "shutdown"])
    graph.add_conditional_edges("observe", everyone, ["agent", "supervisor"])
    graph.add_edge("agent", "stop")
    graph.add_edge("supervisor", "stop")
    graph.add_edge("stop", "shutdown")
    graph.add_edge("shutdown", "synthesize")
    graph.add_edge("synthesize", "report")
    graph.add_edge("report", "complete")
    graph.add_edge("complete", END)
    return graph.compile(checkpointer=saver)


def after_preflight(
    state: SessionState, runtime: Runtime[Session]
) -> Literal["baseline", "observe", "shutdown"]:
    """A failed pre-flight is cleaned up and reported; static mode has no server to take a baseline of."""
    if state.get("failure"):
        return "shutdown"
    return "observe" if runtime.context.mode is Mode.STATIC else "baseline"


def after_baseline(state: SessionState) -> Literal["observe", "shutdown"]:
    """Without a baseline there is nothing to compare with."""
    return "shutdown" if state.get("failure") else "observe"


def everyone(_state: SessionState, runtime: Runtime[Session]) -> Sequence[Send]:
    """All agents at the same moment, and the supervisor beside them; the next step waits for all of them."""
    idle = [
        AgentState(agent=agent, ticks=0, attempt=0, findings=0, status="running")
        for agent in runtime.context.agents
    ]
    supervisor = SupervisorState(supervisions=0, over=False)
    return [*(Send("agent", state) for state in idle), Send("supervisor", supervisor)]


def phase(name: str, work: Work, *, goes_on: bool = False) -> Node:
    """A phase as a node: it tells its beginning and end; an expected failure ends the session in order.

    `goes_on` is a phase that lasts beyond its node (the window); another one tells its end.
    """

    async def node(state: SessionState, *, runtime: Runtime[Session]) -> SessionState:
        session = runtime.context
        session.story.phase(name, "started")
        try:
            change = await work(session, state)
        except (StreamgaugeError, OSError) as error:
            session.story.phase(name, "failed", str(error))
            session.ending.end("failure")
            return {"failure": state.get("failure") or mask(f"{name}: {error}")}
        if not goes_on and session.story.is_running(name):
            session.story.phase(name, "finished")
        return change

    return node
