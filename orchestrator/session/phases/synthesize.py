"""Synthesize: everything that was found becomes one report model and its files."""

from __future__ import annotations

from orchestrator.session import holding
from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from orchestrator.session.uncut import uncut
from tools.report.write import write_report


async def run(session: Session, _state: SessionState) -> SessionState:
    """Merge, cluster, rank, word and write. Raises StreamgaugeError, OSError."""
    await holding.close(session)
    if session.model is not None:
        await session.model.conclude()
        session.story.update(model_use=session.model.use())
    session.story.update(
        ended_ms=session.story.facts.ended_ms or session.clock.now_ms(),
        ended_by=session.ending.by or "deadline",
        signal=session.ending.signal,
    )
    written = await uncut(lambda: write_report(session.workspace, session.project_root, session.clock))
    return {"health": "UNKNOWN" if written.dashboard is None else str(written.dashboard.health)}
