"""Complete: the exit code follows from what was found, what was not seen, and how the session ended."""

from __future__ import annotations

import asyncio

from orchestrator.session import earlier
from orchestrator.session.context import Session
from orchestrator.session.exit_code import exit_code
from orchestrator.session.state import SessionState


async def run(session: Session, state: SessionState) -> SessionState:
    """Tell the end."""
    code = exit_code(
        session.workspace,
        fail_on=session.config.fail_on,
        failed=bool(state.get("failure")),
        signal=session.ending.signal,
        blind=session.story.untold,
    )
    session.story.phase("complete", "finished")
    await asyncio.to_thread(earlier.keep, session)
    session.event("session-complete", exitCode=code, health=state.get("health", "unknown"))
    return {"exit_code": code}
