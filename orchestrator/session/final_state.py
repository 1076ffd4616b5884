"""The streams after the window: the last look, and its difference to the baseline."""

from __future__ import annotations

from orchestrator.session import snapshot
from orchestrator.session.context import Session
from tools.errors import JournalCorrupt
from tools.sources.records import Poll
from tools.sources.redis import polls
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.look_limits import LookLimits


def take(session: Session) -> None:
    """Write `final_state.json` and `session_drift.diff`, and add up what we cost the server.

    Raises SourceUnavailable, OSError.
    """
    workspace = session.workspace
    source = "streams/final_state.json"
    with session.deployment() as deployment:
        number = (_next_number(session) or 0) + 1
        limits = LookLimits(samples=session.config.redis.samples)
        looking = DeploymentSource(deployment, session.clock, source=source, limits=limits)
        poll = looking.poll(number, previous=None)
        for gap in looking.unseen():
            session.gap(gap)
    polls.write_baseline(workspace.path("streams", "final_state.json"), poll)
    before = _baseline(session)
    if before is not None:
        workspace.write_text(workspace.path("streams", "session_drift.diff"), snapshot.drift(before, poll))
    _add_up(session, tuple(one for one in (before, poll) if one is not None))


def _add_up(session: Session, others: tuple[Poll, ...]) -> None:
    facts = session.story.facts
    window_ms = (facts.ended_ms or session.clock.now_ms()) - facts.started_ms
    try:
        cost = snapshot.own_cost(session.workspace, others, window_ms)
    except JournalCorrupt as error:
        session.event("error", reason=f"our own cost is not known: {error}")
        return
    session.story.update(own_cost=cost)


def _baseline(session: Session) -> Poll | None:
    try:
        return polls.read_baseline(session.workspace.path("streams", "baseline.json"))
    except JournalCorrupt as error:
        session.event("error", reason=f"no drift: {error}")
        return None


def _next_number(session: Session) -> int | None:
    try:
        return polls.next_number(session.workspace.polls)
    except JournalCorrupt:
        return None
