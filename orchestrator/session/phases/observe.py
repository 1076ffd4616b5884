"""Observe: the window begins; START and DEADLINE are written, then the agents get their instructions and start at the same moment."""

from __future__ import annotations

import shlex

from agents import instructions
from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from tools.clock import iso


async def run(session: Session, _state: SessionState) -> SessionState:
    """Begin the window now. Raises OSError."""
    now_ms = session.clock.now_ms()
    session.begin_window(now_ms)
    window = session.clocks.window
    session.story.update(started_ms=window.started_ms, deadline_ms=window.deadline_ms)
    write_session_env(session)
    if session.model is not None:
        session.model.warm_up()
    for agent in session.agents:
        instructions.write(session.job(agent))
    return {}


def write_session_env(session: Session) -> None:
    """`session.env`: what scripts need to know, as KEY=VALUE. Raises OSError."""
    window = session.clocks.window
    values = {
        "SESSION_ID": session.session_id,
        "MODE": session.mode.value,
        "START": iso(window.started_ms),
        "DEADLINE": iso(window.deadline_ms),
        "START_MS": str(window.started_ms),
        "DEADLINE_MS": str(window.deadline_ms),
        "WORKSPACE": str(session.workspace.root),
        "PROJECT_ROOT": str(session.project_root),
        "REDIS": session.story.facts.redis or "",
    }
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
    session.workspace.write_text(session.workspace.path("session.env"), "".join(lines))
