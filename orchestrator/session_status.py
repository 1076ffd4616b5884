"""Where a session stands, read from its workspace: for scripts, and for whoever drives investigators beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil
from msgspec import Struct

from tools.clock import Clock, iso
from tools.errors import StreamgaugeError, UsageError
from tools.findings import journal, readings
from tools.findings.model import AgentId, Finding, Origin, Severity, rank_of
from tools.findings.recorder import load
from tools.report.html import page
from tools.sources import handed_in, session_facts
from tools.sources.gaps import newest
from tools.sources.records import Gap
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace, workspace_at

_CRITICALS_MAX, _UNEXPLAINED_MAX = 20, 20
_LEVELS = tuple(severity.value for severity in Severity)
_CLOCK_SLACK_S = 2.0

Stage = Literal["beginning", "window", "stopping", "held", "ending", "over", "killed"]


class Critical(Struct, frozen=True, kw_only=True, rename="camel"):
    """A measured finding of the highest level."""

    finding_id: str
    title: str


class SessionStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a session stands.

    `stage`: `beginning` until the window opens; `window`; `stopping` while the final state is taken; `held` while it
    waits for investigators beside it; `ending` until the report is written; `over`; `killed` where its process is gone
    before that. `findings` counts measured ones by severity (priorities P0 to P3 as CRITICAL to LOW). `unexplained`
    names, for each agent, those that no reading is about, the worst first. `next` says what can be done now.
    """

    session_id: str
    mode: str
    workspace: str
    stage: Stage
    phase: str
    deadline: str
    seconds_left: int
    takes_findings: bool
    agents: tuple[dict[str, Any], ...]
    findings: dict[str, int]
    criticals: tuple[Critical, ...]
    unexplained: dict[str, tuple[str, ...]]
    recorded_by_models: int
    handed_in: session_facts.HandedInUse | None
    blind_gaps: int
    report: str | None
    page: str | None
    exit_code: int | None
    next: str


def read(folder: Path, clock: Clock) -> SessionStatus:
    """Of the session in a folder. Raises UsageError where there is none."""
    workspace = workspace_at(folder)
    runs_on = _holder_runs(workspace)  # before all else: one that ends in between has told so by then
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{folder} holds no session. Begin one with `streamgauge session start`, or name it with --workspace."
        ) from error
    told = _last_events(workspace)
    stage = _stage(facts, told, runs_on)
    found = list(_findings(workspace))
    measured = [one for one in found if one.origin is Origin.MEASURED]
    report, shown = workspace.report(facts.session_id), workspace.path(page.FILE)
    return SessionStatus(
        session_id=facts.session_id,
        mode=facts.mode,
        workspace=str(workspace.root),
        stage=stage,
        phase=_phase(facts),
        deadline=iso(facts.deadline_ms),
        seconds_left=max(0, (facts.deadline_ms - clock.now_ms()) // 1000) if stage == "window" else 0,
        takes_findings=stage not in {"over", "killed"} and handed_in.is_open(workspace, facts),
        agents=tuple(told.get("supervision", {}).get("agents", ())),
        findings=_by_level(measured),
        criticals=_criticals(measured),
        unexplained=_unexplained(workspace, measured),
        recorded_by_models=len(found) - len(measured),
        handed_in=handed_in.use(workspace),
        blind_gaps=_blind_gaps(workspace),
        report=str(report) if report.exists() else None,
        page=str(shown) if shown.exists() else None,
        exit_code=told.get("session-complete", {}).get("exitCode"),
        next=_NEXT[stage],
    )


_NEXT: Mapping[Stage, str] = {
    "beginning": "The pre-flight runs: `streamgauge session wait --until window`.",
    "window": "Investigate and record; `streamgauge session wait` waits for its end, `streamgauge session stop` ends it.",
    "stopping": "The final state is taken: `streamgauge session wait` waits until the session does.",
    "held": "The window is over. Record what is left, then `streamgauge session done`.",
    "ending": "The report is being made: `streamgauge session wait --until report`.",
    "over": "Read the report; `streamgauge verify` reads its evidence again.",
    "killed": "The session's process is gone: `streamgauge session start --resume`, with its options, goes on with it.",
}


def is_alive(workspace: Workspace) -> bool:
    """Whether the process that holds the workspace's lock runs."""
    return _holder_runs(workspace) is True


def _holder_runs(workspace: Workspace) -> bool | None:
    """The same; None before the lock says who holds it. It is only read: a session may just want to take it."""
    path = workspace.path(".lock")
    try:
        words = path.read_text(encoding="ascii").split()
        written = path.stat().st_mtime
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return False
    if not words:
        return None
    try:
        process = psutil.Process(int(words[1].rstrip(",")))
        # A later process of the same number is another one.
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= written + _CLOCK_SLACK_S
    except (ValueError, IndexError, psutil.Error):
        return False


def _stage(facts: SessionFacts, told: Mapping[str, Mapping[str, Any]], runs_on: bool | None) -> Stage:
    runs = {run.name: run.status for run in facts.phases}
    if "session-complete" in told and not runs_on:
        return "over"
    if runs_on is False:
        return "killed"
    if runs.get("observe") == "running":
        return "window"
    if runs.keys() & {"shutdown", "synthesize", "report", "complete"}:
        return "ending"
    newest = next((kind for kind in reversed(list(told)) if kind in {"held", "hold-over", "resumed"}), "")
    if newest in {"held", "hold-over"}:
        return "held" if newest == "held" else "ending"
    return "stopping" if "stop" in runs else "beginning"


def _phase(facts: SessionFacts) -> str:
    running = [run.name for run in facts.phases if run.status == "running"]
    return (running or [run.name for run in facts.phases] or ["beginning"])[-1]


def resumed(workspace: Workspace) -> int:
    """How often the session was killed and went on."""
    return sum(event.get("type") == "resumed" for event in _events(workspace))


def _last_events(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """The last event of each kind, in the order in which they came."""
    told: dict[str, dict[str, Any]] = {}
    for event in _events(workspace):
        kind = str(event.get("type"))
        told.pop(kind, None)
        told[kind] = event
    return told


def _events(workspace: Workspace) -> Iterator[dict[str, Any]]:
    for _, line in journal.read(workspace.events):
        with suppress(msgspec.DecodeError):
            event = msgspec.json.decode(line)
            if isinstance(event, dict):
                yield event


def _findings(workspace: Workspace) -> Iterator[Finding]:
    for agent in AgentId:
        with suppress(StreamgaugeError, OSError):  # the report tells of a damaged journal
            yield from load(workspace.findings(agent))


def _by_level(found: list[Finding]) -> dict[str, int]:
    counted = Counter(_LEVELS[rank_of(one)] for one in found)
    return {level: counted[level] for level in _LEVELS}


def _criticals(found: list[Finding]) -> tuple[Critical, ...]:
    worst = [one for one in found if rank_of(one) == 0]
    return tuple(Critical(finding_id=one.finding_id, title=one.title) for one in worst[:_CRITICALS_MAX])


def _unexplained(workspace: Workspace, found: list[Finding]) -> dict[str, tuple[str, ...]]:
    """Of each agent that has some; at most so many of one."""
    told = {name for agent in AgentId for one in readings.read(workspace, agent) for name in one.finding_ids}
    left: dict[str, list[str]] = {}
    for one in sorted(found, key=rank_of):
        if one.finding_id not in told:
            left.setdefault(one.agent_id.value, []).append(one.finding_id)
    return {agent: tuple(ids[:_UNEXPLAINED_MAX]) for agent, ids in left.items()}


def _blind_gaps(workspace: Workspace) -> int:
    decoder = msgspec.json.Decoder(Gap)
    gaps: list[Gap] = []
    for _, line in journal.read(workspace.gaps):
        with suppress(msgspec.MsgspecError):
            gaps.append(decoder.decode(line))
    return sum(gap.blind for gap in newest(gaps))
