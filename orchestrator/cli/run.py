"""`run`: one session, a view of it beside it, a summary behind it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from pydantic import ValidationError

from orchestrator.cli import boundary, plain_view, signals, summary
from orchestrator.cli.live_alerts import Told, alerting
from orchestrator.cli.request import Request, Resolved, beside_of, change_of, resolve
from orchestrator.cli.tail import SessionTail
from orchestrator.cli.terminal_text import clean
from orchestrator.config import llm_use
from orchestrator.config.model import Config
from tools.clock import Clock, SystemClock
from tools.errors import JournalCorrupt, StreamgaugeError
from tools.findings.model import AgentId, Finding
from tools.findings.recorder import load
from tools.sources.change import ChangeBase
from tools.synthesis.sessions import against
from tools.workspace import Workspace, session_mark

if TYPE_CHECKING:
    from orchestrator.session.run import Outcome

_VIEW_ENDS_S = 5.0


class Output(Enum):
    """How much is shown while the session runs."""

    LIVE = "live"
    PLAIN = "plain"
    VERBOSE = "verbose"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Show:
    """The switches of the output, as they were typed."""

    quiet: bool = False
    verbose: bool = False
    plain: bool = False

    def output(self, *, is_terminal: bool) -> Output:
        """Live on a terminal; plain lines without one or where they were asked for."""
        if self.quiet:
            return Output.QUIET
        if self.verbose:
            return Output.VERBOSE
        return Output.LIVE if is_terminal and not self.plain else Output.PLAIN


def run(
    request: Request, show: Show, environ: Mapping[str, str], cwd: Path, state: boundary.StateFolder
) -> int:
    """Run a session; returns its exit code. Raises StreamgaugeError for what could not begin."""
    resolved = resolve(request, environ, cwd, state, before_mode=_end_remains)
    change, clock = change_of(request, resolved), SystemClock()
    beside = beside_of(request, resolved, clock.now_ms())
    llm = llm_use.decide(resolved.loaded.config.llm, resolved.decision.mode, environ)
    from orchestrator.session.run import run_session

    config = resolved.loaded.config
    output = show.output(is_terminal=sys.stdout.isatty())
    if output is not Output.QUIET:
        _tell(_head(resolved, change, llm))
    tail = SessionTail(Workspace(config.output.workspace), clock, resumed=request.resume)
    begun = session_mark(tail.workspace)
    outcomes: list[Outcome] = []

    async def session() -> None:
        outcomes.append(
            await run_session(
                config,
                resolved.decision,
                version=installed_version("streamgauge"),
                clock=clock,
                resume=request.resume,
                change=change,
                llm=llm,
                beside=beside,
            )
        )

    told = Told()
    try:
        with (
            _view(tail, output, clock, state),
            alerting(
                config,
                resolved.decision.mode,
                environ,
                before=None if request.resume else begun,
                at_once=output in {Output.PLAIN, Output.VERBOSE},
            ) as told,
        ):
            asyncio.run(session())
    except KeyboardInterrupt as error:
        if not outcomes and session_mark(tail.workspace) == begun:
            raise
        if not outcomes:
            boundary.say(
                f"ended by {signals.name_of(error)} before the session was under way; no report was written."
            )
            return signals.code_of(error)
    (outcome,) = outcomes
    return _afterwards(outcome, config, deque(_steps(outcome, config, environ, clock, told)))


class _Step(NamedTuple):
    """Something that is done with a session that is over. `undone` goes on from "before", where a signal ends it."""

    lines: Iterator[str]
    undone: str


def _steps(
    outcome: Outcome, config: Config, environ: Mapping[str, str], clock: Clock, told: Told
) -> Iterator[_Step]:
    """To the archive, to the store, and to whom the alert file names."""
    if config.output.archive and outcome.report is not None:
        yield _Step(_archived(outcome.workspace, clock), "the session was archived; the next one does it.")
    if config.store.enabled:
        undone = "the store had the session; `streamgauge store fill` does it."
        yield _Step(_stored(config, outcome.workspace, clock), undone)
    if config.alerts.file is not None:
        lines = _alerted(config, config.alerts.file, outcome.workspace, environ, clock, told)
        yield _Step(lines, "everybody was alerted; `streamgauge alerts send` does it.")


def _afterwards(outcome: Outcome, config: Config, steps: deque[_Step]) -> int:
    """What is done with a session that is over; the exit code.

    Ctrl-C ends the step that it meets. SIGTERM ends them all: whoever sent it kills soon, and each can be done later.
    """
    if outcome.failure:
        boundary.say(outcome.failure)
    code = outcome.exit_code
    while steps and not signals.is_hurried():
        try:
            while steps and not signals.is_hurried():
                _tell(steps[0].lines)
                steps.popleft()
        except KeyboardInterrupt as error:
            code = signals.code_of(error)
            boundary.say(f"ended by {signals.name_of(error)} before {steps.popleft().undone}")
    for step in steps:
        boundary.say(f"ended by a signal before {step.undone}")
    code = signals.leave(signals.code_owed() or code)
    _tell(_summed_up(outcome, config, code))
    return code


def _summed_up(outcome: Outcome, config: Config, code: int) -> Iterator[str]:
    workspace = Workspace(outcome.workspace)
    return summary.lines(
        health=_health(workspace),
        findings=_findings(workspace),
        gaps=_blind_gaps(workspace),
        change=_change(workspace),
        compared=against.result(workspace),
        report=outcome.report,
        workspace=outcome.workspace,
        exit_code=code,
        fail_on=config.fail_on,
    )


def _archived(workspace: Path, clock: Clock) -> Iterator[str]:
    """Archive the session; that it cannot be done costs it nothing, for the next one does it before it begins."""
    from orchestrator.archive.keeping import keep

    try:
        archived = keep(workspace, clock)
    except StreamgaugeError as error:
        boundary.say(f"the session was not archived: {error}")
    else:
        yield f"archive    {clean(str(archived.path))}"


def _alerted(  # noqa: PLR0917 - the session, and what was told of it
    config: Config, file: Path, workspace: Path, environ: Mapping[str, str], clock: Clock, live: Told
) -> Iterator[str]:
    """Tell whom the rules name; that it cannot be done costs the session nothing."""
    from orchestrator.alerts.after import Places, tell

    places = Places(rules=file, store=config.output.state_db, workspace=workspace)
    yield from map(clean, live.lines)
    if live.lost:
        boundary.say(f"not all was told while the session ran: {live.lost}")
    try:
        for line in tell(places, environ, clock, shadow=config.alerts.shadow, lost=live.lost):
            yield f"alert      {clean(line)}"
    except (StreamgaugeError, OSError) as error:
        boundary.say(f"nobody was alerted: {error}")


def _stored(config: Config, workspace: Path, clock: Clock) -> Iterator[str]:
    """Take the session over into the store; that it cannot be done costs the session nothing."""
    from orchestrator.store.after import take_over

    try:
        for line in take_over(config, workspace, clock):
            yield f"store      {clean(line)}"
    except (StreamgaugeError, OSError) as error:
        boundary.say(f"the store did not take the session: {error}")


def _end_remains(config: Config) -> None:
    """End what a killed session left in this workspace, before its server is taken for somebody else's."""
    workspace = Workspace(config.output.workspace)
    if workspace.path("recording", "keeper").exists():
        from orchestrator.session.run import end_remains_of

        with suppress(OSError):
            asyncio.run(end_remains_of(config, SystemClock()))


def _head(resolved: Resolved, change: ChangeBase | None, llm: llm_use.LlmUse) -> Iterator[str]:
    loaded, decision = resolved.loaded, resolved.decision
    yield f"streamgauge {installed_version('streamgauge')}: {decision.mode.value} session ({'; '.join(decision.reasons)})"
    yield f"project    {clean(str(loaded.config.project.root))}"
    for text in loaded.detected:
        yield f"detected   {clean(text)}"
    if llm.on:
        limit = resolved.loaded.config.llm.max_cost_usd
        yield f"model      asked at {clean(llm.address)}, at most {limit:.2f} USD"
    if change is not None:
        yield f"compared   with {clean(change.asked)}, commit {change.commit[:12]}; only what changed is reported"


@contextmanager
def _view(tail: SessionTail, output: Output, clock: Clock, state: boundary.StateFolder) -> Iterator[None]:
    """A thread that reads the session's files and shows them; whatever happens to it, the session goes on."""
    if output is Output.QUIET:
        yield
        return
    stop = threading.Event()

    def watch() -> None:
        if output is Output.LIVE:
            from rich.console import Console

            from orchestrator.cli import live_view

            live_view.watch(tail, Console(markup=False, highlight=False, emoji=False), clock, stop)
        else:
            plain_view.watch(tail, sys.stdout, clock, stop, verbose=output is Output.VERBOSE)

    thread = threading.Thread(target=boundary.shielded(watch, state.path), name="view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_VIEW_ENDS_S)


def _tell(lines: Iterator[str]) -> None:
    """Print; that nobody reads is no reason to lose the exit code."""
    said: list[str] = []
    try:
        said.extend(lines)
    finally:  # what was done before an interrupt is told
        _write("".join(f"{line}\n" for line in said))


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        boundary.hush()


def _findings(workspace: Workspace) -> list[Finding]:
    found: list[Finding] = []
    for agent in AgentId:
        try:
            found += load(workspace.findings(agent))
        except (JournalCorrupt, ValidationError) as error:
            boundary.say(f"{workspace.findings(agent).name}: {type(error).__name__}; not in the summary")
    return found


def _health(workspace: Workspace) -> str:
    """As the report has it; without a report nothing can be said."""
    try:
        data = msgspec.json.decode(workspace.path("report.json").read_bytes())
        return str(data["dashboard"]["health"])
    except (OSError, KeyError, TypeError, msgspec.DecodeError):
        return "UNKNOWN: there is no report"


def _change(workspace: Workspace) -> str:
    """What the report says of a change; empty where the session was about none."""
    try:
        data = msgspec.json.decode(workspace.path("report.json").read_bytes())
        return str((data["change"] or {}).get("summary", ""))
    except (OSError, KeyError, TypeError, AttributeError, msgspec.DecodeError):
        return ""


def _blind_gaps(workspace: Workspace) -> int:
    try:
        data = msgspec.json.decode(workspace.path("report.json").read_bytes())
        return int(data["dashboard"]["blindGaps"])
    except (OSError, KeyError, TypeError, ValueError, msgspec.DecodeError):
        return 0
