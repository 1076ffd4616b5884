"""One session from its lock to its exit code. Whatever happens in between, no process of ours stays."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import cast

from langchain_core.runnables import RunnableConfig
from langsmith import tracing_context
from msgspec import structs

from agents.engine import Engine, LocalEngine
from orchestrator.config.llm_use import OFF, LlmUse
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Config, Mode
from orchestrator.keeper.client import end_in_order
from orchestrator.keeper.contract import KeeperFiles
from orchestrator.session import earlier, managed, model_use, opening
from orchestrator.session.change import change_of, compared
from orchestrator.session.checkpoints import open_checkpoints, prune
from orchestrator.session.context import Session
from orchestrator.session.earlier import NOTHING_BESIDE, Beside
from orchestrator.session.ending import Ending
from orchestrator.session.exit_code import NOT_SEEN
from orchestrator.session.graph import SessionGraph, build
from orchestrator.session.lock import hold, hold_file, subjects
from orchestrator.session.previous import Previous
from orchestrator.session.resume import take_over
from orchestrator.session.state import SessionState
from orchestrator.session.story import Story
from tools import masking
from tools.clock import Clock
from tools.errors import LockHeld, UsageError
from tools.sources.change import ChangeBase
from tools.struct_types import prepare
from tools.synthesis import judged
from tools.workspace import Workspace

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEPS_BESIDE_TICKS = 1000
_REMAINS_S = 60.0
"""For the keeper of a killed session to stop everything in order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended. `failure` says what stopped it; `report` is None where none could be written."""

    exit_code: int
    session_id: str
    workspace: Path
    report: Path | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    config: Config
    decision: ModeDecision
    version: str
    clock: Clock
    engine: Engine
    session_id: str
    change: ChangeBase | None
    llm: LlmUse
    beside: Beside


async def run_session(
    config: Config,
    decision: ModeDecision,
    *,
    version: str,
    clock: Clock,
    resume: bool = False,
    engine: Engine | None = None,
    change: ChangeBase | None = None,
    llm: LlmUse = OFF,
    beside: Beside = NOTHING_BESIDE,
) -> Outcome:
    """Run one session, or go on with the one that the workspace holds.

    Paths in `config` are absolute. With a `change` (static mode) only what it brings is reported; a session that
    goes on knows its own, and what it is compared with (`beside`). `llm` says whether a language model takes part. Raises UsageError, LockHeld, PreflightFailed (nothing could begin) and
    OSError; what fails after that is in the outcome and in the report.
    """
    prepare()
    workspace = _workspace(config)
    known = opening.existing_session_id(workspace) if resume else None
    session_id = known or opening.new_session_id(clock)
    folder = config.output.state_folder
    with _locked(config, decision.mode, folder, session_id):
        mask_key = _mask_key(folder)
        change = change_of(workspace) if resume else change
        parts = _Parts(
            config, decision, version, clock, engine or LocalEngine(), session_id, change, llm, beside
        )
        with ExitStack() as held:
            against = held.enter_context(compared(config, change))
            if opening.existing_session_id(workspace) is not None:
                held.enter_context(_held(workspace, session_id))
            session = await _open(parts, resume=resume)
            if not resume:
                held.enter_context(_held(workspace, session_id))
            session.mask_key, session.change = mask_key, against
            return await _guarded(session, resume=resume)


async def _guarded(session: Session, *, resume: bool) -> Outcome:
    """Run it; however it ends, signals are held off until nothing of it runs any more.

    One that comes when the exit code was known already gives it all the same: nobody who ends a command reads 0.
    """
    task = asyncio.current_task()
    assert task is not None
    with _signals(session, task) as taken:
        try:
            outcome = await _run(session, resume=resume)
        except asyncio.CancelledError:
            if session.ending.signal is None:
                raise
            outcome = _outcome(session, {})
            if outcome.report is None:
                session.event("error", reason="ended by a second signal; no report was written")
        finally:
            taken.is_over = True
            await asyncio.shield(session.kill_everything())
            session.story.close()
    number = session.ending.signal or taken.first
    return outcome if number is None else replace(outcome, exit_code=128 + number)


async def _run(session: Session, *, resume: bool) -> Outcome:
    path = session.workspace.path("recording", "checkpoints.sqlite")
    with tracing_context(enabled=False):
        async with open_checkpoints(path) as saver:
            session.checkpoints = saver
            graph = build(saver)
            begin = await _beginning(session, graph, resume=resume)
            state = cast(
                "SessionState",
                await graph.ainvoke(begin, _config(session), context=session, durability="sync"),
            )
            await prune(saver, session.session_id)
            if saver.failures:
                session.event("error", reason=f"{saver.failures} checkpoints could not be saved")
    return _outcome(session, state)


async def _beginning(session: Session, graph: SessionGraph, *, resume: bool) -> SessionState | None:
    fresh = SessionState(session_id=session.session_id, outcomes=[])
    if not resume:
        return fresh
    snapshot = await graph.aget_state(_config(session))
    if snapshot.values and not snapshot.next:
        raise UsageError(f"Session {session.session_id} is complete. Run without --resume.")
    await take_over(session, snapshot.next)
    return None if snapshot.next else fresh


async def _open(parts: _Parts, *, resume: bool) -> Session:
    config, mode, clock = parts.config, parts.decision.mode, parts.clock
    session_id, workspace = parts.session_id, _workspace(config)
    previous: Previous | None = None
    died_ms: int | None = None
    if resume:
        facts = opening.facts_to_resume(workspace, config, mode)
        died_ms = opening.last_sign_ms(workspace)
        workspace.create()
    else:
        await _end_remains(workspace, clock)
        previous = opening.create_workspace(workspace, session_id, clock)
        facts = opening.first_facts(config, mode, session_id, parts.version, clock)
        facts = structs.replace(facts, change=parts.change)
    story = Story(workspace, clock, facts)
    story.update()
    judged.write(workspace, config.judgement)
    if not resume:
        earlier.prepare(workspace, config, facts, parts.beside)
    story.event("session", sessionId=session_id, mode=mode.value, reasons=list(parts.decision.reasons))
    if previous is not None:
        _tell_previous(story, previous)
    session = Session(
        config, mode, session_id, workspace, clock, parts.engine, story, Ending(workspace, clock)
    )
    session.died_ms = died_ms
    session.model = model_use.make(session, parts.llm)
    if mode is Mode.MANAGED:
        _add_managed_parts(session)
    return session


def _tell_previous(story: Story, previous: Previous) -> None:
    if previous.why_whole:
        story.event("previous-session-moved", to=str(previous.path), reason=previous.why_whole)
    else:
        story.event("previous-session-archived", to=str(previous.path))


def _add_managed_parts(session: Session) -> None:
    def on_restart(attempt: int) -> None:
        session.event("keeper-restarted", attempt=attempt)

    parts = managed.make(
        session.config,
        session.session_id,
        session.workspace,
        session.clock,
        connect=session.connect,
        on_restart=on_restart,
    )
    session.keeper_client = parts.keeper
    session.services, session.redis_server = parts.services, parts.redis_server


async def _end_remains(workspace: Workspace, clock: Clock) -> None:
    """End what a killed managed session of this workspace left; its lock is ours, so nobody runs it."""
    old = opening.existing_session_id(workspace)
    if old is not None and KeeperFiles(workspace).folder.exists():
        await end_in_order(workspace, old, clock, _REMAINS_S)


async def end_remains_of(config: Config, clock: Clock) -> None:
    """The same before a mode is chosen: a server of ours that goes on would read as somebody else's.

    Nothing is done while a session is at work there. Raises OSError.
    """
    workspace = _workspace(config)
    if opening.existing_session_id(workspace) is None or not workspace.path(".lock").exists():
        return
    with suppress(LockHeld), hold_file(workspace.path(".lock"), "workspace", "none"):
        await _end_remains(workspace, clock)


def _workspace(config: Config) -> Workspace:
    # Behind a symbolic link: the folder is what is moved away and made anew, never the link.
    return Workspace(config.output.workspace.resolve())


@contextmanager
def _locked(config: Config, mode: Mode, folder: Path, session_id: str) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(folder / "locks", subjects(config, mode), session_id))
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


@contextmanager
def _held(workspace: Workspace, session_id: str) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_file(workspace.path(".lock"), "workspace", session_id))
        except OSError as error:
            raise opening.unwritable(workspace, error) from error
        yield


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder} cannot be written: {error.strerror or error}. Set output.state_db elsewhere."
    )


def _mask_key(folder: Path) -> bytes:
    try:
        key = masking.load_key(folder / "mask.key")
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
    except OSError as error:
        raise _unwritable(folder, error) from error
    masking.use_key(key)
    return key


@dataclass
class _Taken:
    """`is_over`: the session has ended or is being ended, and no signal may cut that short.

    `first` came when it did, though the loop may not have come to it any more.
    """

    is_over: bool = False
    first: int | None = None


@contextmanager
def _signals(session: Session, task: asyncio.Task[object]) -> Iterator[_Taken]:
    """The first signal ends the window early; the second ends the session, its processes included.

    More of them change nothing: what is being killed then must not be left half done. What whoever started us has
    ignored (SIGHUP under nohup) stays ignored.
    """
    loop, taken = asyncio.get_running_loop(), _Taken()

    def on_signal(number: int) -> None:
        if taken.is_over:
            return
        if session.ending.signal is not None:
            taken.is_over = True
            task.cancel()
            return
        session.event("signal", number=number)
        session.ending.end("signal", number)

    def arrived(number: int, _frame: FrameType | None) -> None:
        taken.first = taken.first or number
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(on_signal, number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    installed: list[signal.Signals] = []
    # Outside the main thread (a host application) there are no handlers to set.
    with suppress(ValueError):
        for number in (one for one in _SIGNALS if before[one] is not signal.SIG_IGN):
            signal.signal(number, arrived)
            signal.siginterrupt(number, False)
            installed.append(number)
    try:
        yield taken
    finally:
        for number in installed:
            signal.signal(number, before[number])


def _config(session: Session) -> RunnableConfig:
    section = session.config.session
    ticks = round(section.duration / session.clocks.pace.tick_s)
    limit = 2 * ticks + _STEPS_BESIDE_TICKS
    return {"configurable": {"thread_id": session.session_id}, "recursion_limit": limit}


def _outcome(session: Session, state: SessionState) -> Outcome:
    report = session.workspace.report(session.session_id)
    return Outcome(
        exit_code=state.get("exit_code", NOT_SEEN),
        session_id=session.session_id,
        workspace=session.workspace.root,
        report=report if report.exists() else None,
        failure=state.get("failure"),
    )
