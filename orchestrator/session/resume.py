"""A killed session goes on: what it had started is taken over, the time it did not run is told."""

from __future__ import annotations

import asyncio

import msgspec

from orchestrator.keeper.contract import KeeperState, Side
from orchestrator.session import opening
from orchestrator.session.context import Session
from tools.clock import iso
from tools.sources.records import Gap

_BEFORE_THE_WINDOW = frozenset({"preflight", "baseline", "observe"})
_NOTHING_RUNS = frozenset({"synthesize", "report", "complete"})
_SETTLE_S = 40.0
"""Beyond the drain time: the server's stop, sweep and kill."""
_AFTER_THE_WINDOW = _NOTHING_RUNS | {"stop", "shutdown"}


async def take_over(session: Session, following: tuple[str, ...]) -> None:
    """Make everything stand as the phases that follow need it. Raises OSError.

    The window goes on with the instructions it began with; before it, nothing was missed and it begins anew.
    Managed mode: what the keeper still has is adopted; what it gave up, or what died, is told and ends the window.
    """
    session.event("resumed", next=list(following))
    phases = frozenset(following)
    if following and not phases & _BEFORE_THE_WINDOW:
        _go_on_with_the_window(session, is_over=bool(phases & _AFTER_THE_WINDOW))
    if session.keeper_client is None or (following and not phases - _NOTHING_RUNS):
        return
    if not following or "preflight" in phases:
        await _begin_again(session)
    else:
        await _adopt(session, is_over=bool(phases & _AFTER_THE_WINDOW))


def _go_on_with_the_window(session: Session, *, is_over: bool) -> None:
    facts = session.story.facts
    gap = opening.dead_time(facts, session.died_ms or 0, session.clock)
    session.story.update(dead_times=(*facts.dead_times, (gap.at_ms, session.clock.now_ms())))
    # After the window nothing was there to be seen; what the last phases did not see, they say themselves.
    session.gap(msgspec.structs.replace(gap, blind=not is_over))
    session.begin_window(facts.started_ms, facts.deadline_ms)
    if not is_over and not session.workspace.code_index.exists():
        session.indexer.start(session.job(None))


async def _begin_again(session: Session) -> None:
    """The pre-flight is run once more: on what stands already, else from nothing."""
    services, server, keeper = session.services, session.redis_server, session.keeper_client
    assert services is not None
    assert server is not None
    assert keeper is not None
    keeper.take_over()
    await keeper.until(_settled, _settle_s(session))
    services_stand = keeper.state.services.status == "idle" or await asyncio.to_thread(services.adopt)
    server_stands = keeper.state.redis.status == "idle" or await asyncio.to_thread(server.runs)
    if not (services_stand and server_stands):
        await keeper.reset()


async def _adopt(session: Session, *, is_over: bool) -> None:
    services, server, keeper = session.services, session.redis_server, session.keeper_client
    assert services is not None
    assert server is not None
    assert keeper is not None
    keeper.take_over()
    # A stop that the keeper had begun is not taken back: what is left after it is what there is.
    await keeper.until(_settled, _settle_s(session))
    state = keeper.state
    runs = {
        "the services": (
            await asyncio.to_thread(services.adopt, session.story.facts.services),
            state.services,
        ),
        "Redis": (await asyncio.to_thread(server.runs), state.redis),
    }
    gone = [
        _gone(session, what, side) for what, (here, side) in runs.items() if not here and _is_missed(side)
    ]
    for gap in gone:
        session.gap(gap)
    if gone and not is_over:
        # What we stopped ourselves would read as services that crashed: the window has nothing left to see.
        session.services_ended = True
        session.ending.end("failure")


def _settled(state: KeeperState) -> bool:
    return "stopping" not in {state.services.status, state.redis.status}


def _settle_s(session: Session) -> float:
    return session.config.session.drain + _SETTLE_S


def _is_missed(side: Side) -> bool:
    return side.status in {"running", "stopping"} or side.stopped_why == "abandoned"


def _gone(session: Session, what: str, side: Side) -> Gap:
    if side.stopped_why == "abandoned":
        seconds = f"{session.config.session.keep_alive:g}"
        when = "" if side.stopped_ms is None else f" at {iso(side.stopped_ms)}"
        why = f"the keeper stopped them{when}: nobody went on with the session within {seconds} s"
    else:
        why = "they ended while the session did not run"
    fix = f"Use --resume within {session.config.session.keep_alive:g} s, or run the session again."
    now = session.clock.now_ms()
    return Gap(what=f"{what} after the resume", why=why, fix=fix, source="resume", at_ms=now)
