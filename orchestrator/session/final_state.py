"""The streams after the window: the last look, with every pending entry, and its difference to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.session import snapshot
from orchestrator.session.context import Session
from tools.clock import StopSignal
from tools.errors import JournalCorrupt
from tools.sources.records import Gap, Poll
from tools.sources.redis import polls
from tools.sources.redis.all_pending import UnreadPending
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.look_limits import LookLimits

SOURCE = "streams/final_state.json"
_NAMED_MAX = 5


class FinalState(Poll, frozen=True, kw_only=True):
    """`final_state.json`: the last look with all pending entries; `pending_unread` are the groups that miss some."""

    pending_unread: tuple[UnreadPending, ...] = ()


def take(session: Session, stop: StopSignal) -> None:
    """Write `final_state.json` and `session_drift.diff`, and add up what we cost the server.

    `stop` ends the reading of long pending entries lists. Raises SourceUnavailable, OSError.
    """
    workspace = session.workspace
    with session.deployment() as deployment:
        number = (_next_number(session) or 0) + 1
        limits = LookLimits(samples=session.config.redis.samples)
        looking = DeploymentSource(deployment, session.clock, source=SOURCE, limits=limits)
        look = looking.poll(number, previous=None)
        for gap in looking.unseen():
            session.gap(gap)
        poll, unread = looking.read_all_pending(look, stop=stop)
    if unread:
        session.gap(unread_gap(unread, session.clock.now_ms()))
    fields: dict[str, Any] = {name: getattr(poll, name) for name in poll.__struct_fields__}
    polls.write_baseline(workspace.path(*SOURCE.split("/")), FinalState(**fields, pending_unread=unread))
    before = _baseline(session)
    if before is not None:
        workspace.write_text(workspace.path("streams", "session_drift.diff"), snapshot.drift(before, poll))
    _add_up(session, tuple(one for one in (before, poll) if one is not None))


def unread_gap(unread: Sequence[UnreadPending], at_ms: int) -> Gap:
    """Groups of which `final_state.json` does not hold every pending entry."""
    shown = sorted(unread, key=lambda one: one.read - one.pending)[:_NAMED_MAX]
    named = [
        f"of group {one.group} on {one.stream} {one.read:,} of {one.pending:,} were read, for {one.why}"
        for one in shown
    ]
    more = f"; and {len(unread) - len(shown)} more groups" if len(unread) > len(shown) else ""
    groups = "1 group" if len(unread) == 1 else f"{len(unread):,} groups"
    return Gap(
        what=f"the final state: all pending entries of {groups}",
        why="; ".join(named) + more,
        fix=f"{SOURCE} names each group under pending_unread; XPENDING STREAM GROUP - + 100 pages through the rest.",
        source=SOURCE,
        at_ms=at_ms,
        blind=any(one.blind for one in unread),
    )


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
