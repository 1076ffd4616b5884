"""Stop: the window is over. STOP is written, the agents are gone; the final state and its drift are taken."""

from __future__ import annotations

import asyncio
import threading

from orchestrator.config.model import Mode
from orchestrator.session import final_state, holding
from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from tools.errors import SourceUnavailable
from tools.sources.records import Gap
from tools.sources.session_facts import AgentRun


async def run(session: Session, state: SessionState) -> SessionState:
    """Close the window and look once more. Raises OSError."""
    session.ending.end("deadline")
    session.indexer.finish(there=session.workspace.code_index.exists())
    session.story.phase("observe", "finished")
    ending = session.ending
    session.story.update(
        agents=agent_runs(state),
        ended_ms=session.clock.now_ms(),
        ended_by=ending.by or "deadline",
        signal=ending.signal,
    )
    if session.mode is not Mode.STATIC:
        await take_final_state(session)
    if session.model is not None:
        # Before what is audited is stopped: its functions ask the server and the services.
        await session.model.investigate_rest()
    await holding.hold(session)
    return {}


def agent_runs(state: SessionState) -> tuple[AgentRun, ...]:
    """How each agent ran; after a resume the last outcome of each counts."""
    newest = {outcome["agent"]: outcome for outcome in state.get("outcomes", [])}
    return tuple(
        AgentRun(
            agent=outcome["agent"],
            attempts=outcome["attempts"],
            finished=outcome["finished"],
            reasons=tuple(outcome["reasons"]),
        )
        for outcome in newest.values()
    )


async def take_final_state(session: Session) -> None:
    """Final poll, `streams/final_state.json`, `streams/session_drift.diff`; what cannot be seen is a gap."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(final_state.take, session, stop)
    except asyncio.CancelledError:
        stop.set()  # a second signal: the thread must not go on for long
        raise
    except SourceUnavailable as error:
        now = session.clock.now_ms()
        session.gap(
            Gap(what="the final state of the streams", why=error.why, fix=error.fix, source="stop", at_ms=now)
        )
