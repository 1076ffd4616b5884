"""After the window: findings stay open for those who investigate beside the session, and are closed before its report.

They hand in through `agents.hand_in`, in processes of their own; the session waits for no longer than it was told, and
not at all where it is hurried.
"""

from __future__ import annotations

import asyncio

from orchestrator.session.context import Session
from tools.sources import handed_in


class _Over:
    """Set once nobody is waited for any more."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def is_set(self) -> bool:
        return self._session.workspace.investigated_file.exists() or self._session.hurried()


async def hold(session: Session) -> None:
    """Wait until they say that they are done, or the time is over. What is audited still stands."""
    seconds, over = session.config.session.hold, _Over(session)
    if seconds <= 0 or over.is_set():
        return
    session.event("held", seconds=seconds)
    await session.clock.sleep_until_async(session.clock.monotonic() + seconds, over)
    done = session.workspace.investigated_file.exists()
    session.event("hold-over", reason="done" if done else "hurried" if session.hurried() else "time")


async def close(session: Session) -> None:
    """From now on nothing is taken; what was is told in the facts."""
    try:
        await asyncio.to_thread(handed_in.close, session.workspace)
    except OSError as error:  # the phase that has begun says so too
        session.event("error", reason=f"findings could not be closed: {error}")
    session.story.update(handed_in=await asyncio.to_thread(handed_in.use, session.workspace))
