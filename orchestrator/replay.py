"""Replay: a recorded session goes through the detectors again, and what they find is held against what was found."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from agents.job import ChangeJob, WatcherJob, Window
from agents.looks import looks_file
from agents.replaying import Replayed, replay
from orchestrator import replay_model, replay_parts
from tools.clock import FixedClock, from_iso
from tools.detectors.thresholds import Judgement
from tools.errors import StreamgaugeError, UsageError
from tools.findings import readings
from tools.findings.model import AgentId
from tools.report.write import write_report
from tools.sources import recording, session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis import judged, wording
from tools.workspace import Workspace, safe_name

_COPIED = ("session.json", "SESSION_ID", "events.jsonl", "streams", "recording", "config", "agents")
_LEFT = shutil.ignore_patterns(
    "checkpoints.sqlite*", "keeper", "looks-*", "replay-*", "attempt", "state.json", "*.torn", readings.FILE,
    wording.FILE[-1],
)  # fmt: skip
_READ = (*_COPIED, "findings", "all-findings.json", "report.json")
_SOCKETS = "keeper"
"""The one folder of a session that holds more than files; it is not read."""
_UNREADABLE = (
    OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError, StreamgaugeError,
)  # fmt: skip
_AGENTS = (
    AgentId.LOG_WATCHER,
    AgentId.REDIS_STREAM_ANALYST,
    AgentId.CONFIG_AUDITOR,
    AgentId.ENHANCEMENT_SCOUT,
)
"""The Scout last: it reads what the others found."""
_SHOWN_MAX = 100
_NAMES = ("fingerprint", "findingId", "ruleId", "title")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a replay came out. `partial` says what of the recording is missing; `differences` are sentences."""

    session_id: str
    target: Workspace
    findings: int
    looks: int
    identical: bool
    differences: tuple[str, ...]
    partial: tuple[str, ...]
    other: tuple[str, ...]
    """What is not as it was then: the product's version, limits and intent."""
    model: replay_model.Outcome = replay_model.NONE


def run(source: Workspace, target: Workspace, version: str, judgement: Judgement | None = None) -> Outcome:
    """Replay the session in `source` into `target`, judged as it was or by another `judgement`.

    Raises UsageError where there is nothing that could be replayed, or the target may not be written.
    """
    _refuse_links(source)
    facts = _facts(source)
    with _readable(source, judged.FILE):
        then = judged.read(source)
    with _readable(source, source.all_findings.name, "`streamgauge report` makes it anew; then replay."):
        _items(_read(source))
    _prepare(source, target)
    if judgement is not None:
        judged.write(target, judgement)
    done: dict[AgentId, Replayed] = {}
    partial: list[str] = []
    for agent in _AGENTS:
        partial += replay_parts.lacking(source, agent)
        try:
            done[agent] = replay(source, _job(agent, facts, target, judgement or then))
        except _UNREADABLE as error:
            partial.append(f"the looks of {agent.slug} cannot be gone through again ({_reason(error)})")
    model = replay_model.run(source, target, Path(facts.project_root), facts.ended_ms or facts.deadline_ms)
    with _readable(source, "a recording"):
        write_report(target, Path(facts.project_root), FixedClock(_completed_ms(source, facts)), version)
    was, now = _read(source), _read(target)
    other = [f"version {version}, then {facts.version}"] if version != facts.version else []
    other += ["limits or intent"] if judgement is not None and judgement != then else []
    return Outcome(
        session_id=facts.session_id,
        target=target,
        findings=len(_items(now)),
        looks=sum(part.looks for part in done.values()),
        identical=was == now and not model.differences,
        differences=(
            *(() if was == now else _differences(_items(was), _items(now))),
            *model.differences,
        ),
        partial=(*partial, *_partial(source, done), *model.partial),
        other=tuple(other),
        model=model,
    )


@contextmanager
def _readable(source: Workspace, what: str, fix: str = "Replay another session.") -> Iterator[None]:
    """Whatever a damaged file makes of reading it becomes one sentence that names it."""
    try:
        yield
    except _UNREADABLE as error:
        raise UsageError(
            f"{source.root} holds {what}, which cannot be read ({_reason(error)}). {fix}"
        ) from error


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _refuse_links(source: Workspace) -> None:
    """A link in a session's folder leads out of it: what is written into the copy would be written there."""
    for name in _READ:
        at = source.path(name)
        beneath = (
            Path(folder, entry) for folder, folders, files in os.walk(at) for entry in (*folders, *files)
        )
        for path in (at, *beneath):
            inside = path.relative_to(source.root)
            other = (
                path.exists() and not path.is_file() and not path.is_dir() and _SOCKETS not in inside.parts
            )
            if path.is_symlink() or other:
                raise UsageError(
                    f"{source.root} holds {inside}, which is a link or no file. No session makes such: replay another."
                )


def _facts(source: Workspace) -> SessionFacts:
    try:
        facts = session_facts.read(source)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{source.root} holds no session. Name the folder of one.") from error
    if facts.session_id != safe_name(facts.session_id):
        raise UsageError(f"{source.root}: session.json holds no id of a session. Replay another session.")
    if facts.ended_by == "running":
        raise UsageError(f"The session in {source.root} has not ended. Replay it when it has.")
    if not any(looks_file(source, agent).exists() for agent in AgentId):
        raise UsageError(
            f"The session in {source.root} holds no recording of its looks: it failed before its window, or is of an "
            "older version. Replay another one."
        )
    if not source.all_findings.exists():
        raise UsageError(f"{source.all_findings} is missing. `streamgauge report` makes it; then replay.")
    return facts


def _prepare(source: Workspace, target: Workspace) -> None:
    """The session's files without its findings; a replay that lies there goes."""
    there, session = target.root.resolve(), source.root.resolve()
    if session.is_relative_to(there):
        raise UsageError(f"{target.root} holds the session itself. Name another folder with --workspace.")
    if there.is_relative_to(session):
        raise UsageError(f"{target.root} lies in the session's folder. Name another one with --workspace.")
    try:
        if target.root.exists() and any(target.root.iterdir()):
            if not target.path("recording", "replay-of").exists():
                raise UsageError(
                    f"{target.root} is not empty and holds no replay. Name another with --workspace."
                )
            shutil.rmtree(target.root)
        target.create()
        for name in _COPIED:
            at = source.path(name)
            if at.is_dir():
                shutil.copytree(at, target.path(name), dirs_exist_ok=True, ignore=_LEFT, symlinks=True)
            elif at.exists():
                shutil.copy2(at, target.path(name))
        target.write_text(target.path("recording", "replay-of"), f"{source.root}\n")
    except (OSError, shutil.Error) as error:
        raise UsageError(
            f"{target.root} cannot be written ({error}). Name another with --workspace."
        ) from error


def _job(agent: AgentId, facts: SessionFacts, target: Workspace, judgement: Judgement) -> WatcherJob:
    window = Window(started_ms=facts.started_ms, deadline_ms=facts.deadline_ms, middle_ms=facts.started_ms)
    change = None if facts.change is None else ChangeJob(base_root=target.root)
    return WatcherJob(
        agent=agent,
        attempt=0,
        session_id=facts.session_id,
        mode=cast("Any", facts.mode),
        workspace=target.root,
        project_root=Path(facts.project_root),
        judgement=judgement,
        window=window,
        change=change,
    )


def _completed_ms(source: Workspace, facts: SessionFacts) -> int:
    """When the session's report was made: what is dated by it is dated alike."""
    try:
        return from_iso(msgspec.json.decode(source.path("report.json").read_bytes())["completedAt"])
    except (OSError, ValueError, LookupError, TypeError):
        return facts.ended_ms or facts.deadline_ms


def _read(workspace: Workspace) -> bytes:
    return workspace.all_findings.read_bytes()


def _items(data: bytes) -> list[dict[str, Any]]:
    """The findings. Raises ValueError for what are none."""
    items = msgspec.json.decode(data, type=list[dict[str, Any]])
    if not all(isinstance(item.get(key), str) for item in items for key in _NAMES):
        raise ValueError("not all that it holds are findings")
    return items


def _partial(source: Workspace, done: Mapping[AgentId, Replayed]) -> Iterator[str]:
    for agent, part in done.items():
        if part.partial:
            yield f"the looks of {agent.slug}: their quota was used up"
        torn: list[int] = []
        for _ in recording.members(looks_file(source, agent), torn.append):
            pass
        if torn:
            yield f"the looks of {agent.slug}: the file is torn after byte {torn[0]}"
        for failure in part.failures[:_SHOWN_MAX]:
            yield f"a symptom of {agent.slug} is no finding: {failure}"


def _differences(was: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[str]:
    """What differs, by finding: most telling first. Ids count one by one, so the fingerprint is what is compared."""
    then, there = ({item["fingerprint"]: item for item in items} for items in (was, now))
    lines = [f"gone: {_named(then[key])}" for key in then if key not in there]
    lines += [f"new: {_named(there[key])}" for key in there if key not in then]
    for key in then:
        if key in there and then[key] != there[key]:
            keys = sorted(
                name
                for name in then[key].keys() | there[key].keys()
                if then[key].get(name) != there[key].get(name)
            )
            lines.append(f"other: {_named(there[key])}: {', '.join(keys)}")
    if not lines:
        lines.append("the same findings, written otherwise")
    yield from lines[:_SHOWN_MAX]
    if len(lines) > _SHOWN_MAX:
        yield f"and {len(lines) - _SHOWN_MAX} more"


def _named(finding: Mapping[str, Any]) -> str:
    level = finding.get("severity") or finding.get("priority")
    return f"{finding['findingId']} {level} {finding['ruleId']}: {finding['title']}"
