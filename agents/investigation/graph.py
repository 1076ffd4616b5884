"""The subgraph on one screen: ask → tools → ask … → validate → (repair, at most twice) → gate → accept.

It is run beside an agent, never in its step, so that a model that hangs holds up nothing. What it needs comes by
the context; its state is that of one investigation and is not kept: what was accepted is in the journals.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

import prompts
from agents.evidence_gate import EvidenceGate
from agents.investigation import accept
from agents.investigation.accept import Author, Passed
from agents.investigation.answer import Draft, parse, schema
from agents.investigation.tools import Tools
from agents.model.messages import Ask, Message, Model, Reply, assistant, tool_results, user, with_note
from agents.model.settings import Role
from tools.clock import from_iso
from tools.findings.model import AgentId
from tools.workspace import Workspace

REPAIRS_MAX = 2
ROUNDS_MAX = 12
"""Answers in one investigation that ask for tools; what asks for more has not understood that it must answer."""
PROMPT = "investigation"


@dataclass(frozen=True, slots=True)
class Investigation:
    """One investigation's collaborators. `system` is the same in all of an agent's investigations."""

    agent: AgentId
    conversation: str
    system: str
    model: Model
    toolbox: Tools
    workspace: Workspace
    evidence: EvidenceGate
    prompt: str
    """Its name and version."""


def prompt_now() -> str:
    """The name and version of the prompt that new investigations have."""
    return prompts.load(PROMPT).title


class State(TypedDict, total=False):
    """Where one investigation stands."""

    messages: tuple[Message, ...]
    reply: Reply
    rounds: int
    repairs: int
    draft: Draft
    passed: Passed
    written: int
    stopped: str


async def ask(state: State, runtime: Runtime[Investigation]) -> State:
    """One question. Raises ModelUnavailable."""
    context = runtime.context
    question = Ask(
        role=Role.of(context.agent),
        purpose="investigate",
        prompt=context.prompt,
        conversation=context.conversation,
        system=context.system,
        messages=state["messages"],
        tools=context.toolbox.specs(),
        answer_schema=schema(context.agent),
    )
    return {"reply": await context.model.ask(question)}


def after_ask(state: State) -> Literal["tools", "validate", "shorten", "resume", "stop"]:
    """What the answer asks for."""
    reply = state["reply"]
    if reply.stop_reason == "tool_use" and any(reply.tool_uses()):
        return "tools" if state.get("rounds", 0) < ROUNDS_MAX else "stop"
    if reply.stop_reason == "max_tokens":
        return "shorten" if state.get("repairs", 0) < REPAIRS_MAX else "stop"
    if reply.stop_reason == "pause_turn":
        return "resume" if state.get("rounds", 0) < ROUNDS_MAX else "stop"
    return "validate" if reply.stop_reason in {"end_turn", "stop_sequence"} else "stop"


async def tools(state: State, runtime: Runtime[Investigation]) -> State:
    """Run the tools that were asked for, one after another: the audited system is asked no faster for it."""
    results = []
    for use in state["reply"].tool_uses():
        text, failed = await runtime.context.toolbox.run(use)
        results.append((use, text, failed))
    messages = (*state["messages"], assistant(state["reply"]), tool_results(results))
    return {"messages": messages, "rounds": state.get("rounds", 0) + 1}


def resume(state: State) -> State:
    """The API paused a long turn: it goes on when it is given back as it is."""
    messages = (*state["messages"], assistant(state["reply"]), user("Go on."))
    return {"messages": messages, "rounds": state.get("rounds", 0) + 1}


def shorten(state: State) -> State:
    """An answer that ran into its limit is half an answer: it is asked for again, shorter, as if never given."""
    note = prompts.render("investigation_shorten").strip()
    return {"messages": with_note(state["messages"], note), "repairs": state.get("repairs", 0) + 1}


def validate(state: State, runtime: Runtime[Investigation]) -> State:
    """Read the answer."""
    return {"draft": parse(state["reply"].text, runtime.context.agent)}


def after_validate(state: State) -> Literal["repair", "gate"]:
    """Problems are given back, twice at most; then what was understood goes on."""
    return "repair" if state["draft"].problems and state.get("repairs", 0) < REPAIRS_MAX else "gate"


def repair(state: State) -> State:
    """Say what is wrong with the answer."""
    problems = list(state["draft"].problems)
    note = prompts.render("investigation_repair", problems=problems[:20])
    said = (assistant(state["reply"]),) if state["reply"].content else ()
    messages = (*state["messages"], *said, user(note)) if said else with_note(state["messages"], note)
    return {"messages": messages, "repairs": state.get("repairs", 0) + 1}


async def gate(state: State, runtime: Runtime[Investigation]) -> State:
    """Hold every claim against the session."""
    context = runtime.context
    author = Author(context.agent, state["reply"].model, context.prompt)
    at_ms = from_iso(state["reply"].at)
    return {"passed": await asyncio.to_thread(accept.gate, state["draft"], context.evidence, author, at_ms)}


async def accept_(state: State, runtime: Runtime[Investigation]) -> State:
    """Write what passed. Raises OSError."""
    context = runtime.context
    author = Author(context.agent, state["reply"].model, context.prompt)
    at_ms = from_iso(state["reply"].at)
    return {
        "written": await asyncio.to_thread(accept.write, context.workspace, author, state["passed"], at_ms)
    }


def stop(state: State) -> State:
    """Nothing comes of it: refused, too long, or no end of questions."""
    return {"stopped": f"the answer ended with {state['reply'].stop_reason}"}


InvestigationGraph = CompiledStateGraph[State, Investigation, State, State]


def build() -> InvestigationGraph:
    """The compiled subgraph."""
    graph = StateGraph(State, context_schema=Investigation)
    nodes: dict[str, Any] = {
        "ask": ask,
        "tools": tools,
        "resume": resume,
        "shorten": shorten,
        "validate": validate,
        "repair": repair,
        "gate": gate,
        "accept": accept_,
        "stop": stop,
    }
    for name, node in nodes.items():
        graph.add_node(name, node)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", after_ask, ["tools", "validate", "shorten", "resume", "stop"])
    graph.add_conditional_edges("validate", after_validate, ["repair", "gate"])
    for name in ("tools", "resume", "shorten", "repair"):
        graph.add_edge(name, "ask")
    graph.add_edge("gate", "accept")
    graph.add_edge("accept", END)
    graph.add_edge("stop", END)
    return graph.compile()
