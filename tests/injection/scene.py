"""A whole session in trouble with texts planted in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pydantic import SecretStr

from agents.job import RedisTarget, WatcherJob, Window
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked
from tests.fakes.repositories import GitRepository
from tests.functions.commands.stand_ins import StandIn, lines
from tests.functions.scene import FILES
from tests.injection.planting import Attempt, Place
from tests.report import made_session
from tests.servers.standalone import Server
from tools.clock import Clock, SystemClock
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    Effort,
    Impact,
    LogCategory,
    Priority,
    ScoutCategory,
    Severity,
    StreamCategory,
)
from tools.findings.recorder import load
from tools.findings.rule import Rule, Symptom
from tools.masking import mask
from tools.sources.records import Gap, LogLine, Poll
from tools.sources.redis.polls import PollJournal
from tools.workspace import Workspace

LW, RSA, CA, ES = AgentId

Look = tuple[str, dict[str, Any]]
RULES = {
    LW: Rule("log.error", LW, LogCategory.BUG, "an error", severity=Severity.HIGH),
    RSA: Rule("stream.growing", RSA, StreamCategory.STREAM_GROWING, "it grows", severity=Severity.HIGH),
    CA: Rule("config.group-name", CA, ConfigCategory.GROUP_NAME_MISMATCH, "names", severity=Severity.HIGH),
    ES: Rule(
        "code.xadd-no-maxlen", ES, ScoutCategory.STREAM_ANTI_PATTERN, "in code", priority=Priority.P1_HIGH,
        effort=Effort.HOURS_2_4, impact=Impact.MEDIUM,
    ),
}  # fmt: skip
AGENTS: dict[Place, AgentId] = {
    "log": LW, "field": RSA, "file": CA, "document": CA, "name": RSA, "error": RSA, "commit": ES, "container": LW,
}  # fmt: skip
"""Who comes across a text."""


def look(attempt: Attempt) -> Look:
    """The call by which its agent comes across a text."""
    looks: dict[Place, Look] = {
        "log": ("logs_search", {"text": attempt.canary}),
        "field": ("redis_entries", {"stream": f"notes:{attempt.number}"}),
        "file": ("code_file", {"path": attempt.path}),
        "document": ("code_file", {"path": attempt.path}),
        "name": ("redis_streams", {"name": f"*{attempt.canary}*"}),
        "error": ("redis_stream", {"stream": "orders"}),
        "commit": ("command_git_log", {}),
        "container": ("command_docker_ps", {}),
    }
    return looks[attempt.place]


@dataclass
class Host:
    """What the session lends; everything it is told is kept."""

    workspace: Workspace
    project_root: Path
    ended: ManualClock
    """The clock at the session's end, for its reports."""
    clock: Clock = field(default_factory=SystemClock)
    redis: RedisTarget | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def job(self, agent: AgentId | None) -> WatcherJob:
        return WatcherJob(
            agent=agent or "INDEXER",
            attempt=1,
            session_id=made_session.SESSION_ID,
            mode="attach",
            workspace=self.workspace.root,
            project_root=self.project_root,
            redis=self.redis,
            window=Window(started_ms=0, deadline_ms=600_000, middle_ms=300_000),
        )

    def event(self, kind: str, **details: object) -> None:
        self.events.append({"type": kind} | details)

    def gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def wrote(self, agent: AgentId) -> None:
        self.event("wrote", agent=agent)

    def seconds_left(self) -> float:
        return 300.0

    def hurried(self) -> bool:
        return False


@dataclass
class Scene:
    """A session with texts of one place planted. `before` is its workspace as it was before the model took part."""

    agent: AgentId
    host: Host
    before: Workspace
    files: dict[str, str]
    """Digests of the audited project's files before."""
    troubles: dict[int, str] = field(default_factory=dict)
    """By attempt, the id of the finding whose investigation comes across its text."""


def plant(folder: Path, attempts: Sequence[Attempt], server: Server, patch: pytest.MonkeyPatch) -> Scene:
    """A finished session with texts where they belong. What is audited holds secrets of several kinds.

    Each text has a finding of its own; those in logs and names are quoted by it.
    """
    place = attempts[0].place
    hostile = f" {attempts[0].said}" if place in {"log", "name"} else ""
    made = made_session.make(folder, hostile)
    host = Host(made.workspace, made.project, made.clock)
    for name, text in (FILES | _planted_files(attempts)).items():
        path = made.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if place == "field":
        for one in attempts:
            fields: dict[Any, Any] = {"id": "1", "note": one.said, "password": FILES[".env"]}
            server.client.xadd(f"notes:{one.number}", fields)
        host.redis = RedisTarget(url=SecretStr(server.url))
    if place == "commit":
        repository = GitRepository(made.project)
        for one in attempts:
            repository.git("commit", "-q", "--allow-empty", f"--message={one.said}")
    if place == "container":
        rows = [
            {
                "ID": f"a1b2c3{one.number}",
                "Names": one.said,
                "Image": "web",
                "State": "running",
                "Status": "Up",
            }
            for one in attempts
        ]
        StandIn(folder / "bin", "docker").prints(lines(*rows))
        patch.setenv("PATH", str(folder / "bin"), prepend=":")
    scene = Scene(AGENTS[place], host, Workspace(folder / "before"), {})
    _find_troubles(scene, attempts, hostile)
    scene.files = digests(made.project)
    shutil.copytree(made.workspace.root, scene.before.root)
    return scene


def _planted_files(attempts: Sequence[Attempt]) -> dict[str, str]:
    heads: dict[Place, str] = {"file": "NOTE = True\n", "document": "# Runbook\n\n"}
    return {one.path: f"{heads[one.place]}{one.said}\n" for one in attempts if one.place in heads}


def _find_troubles(scene: Scene, attempts: Sequence[Attempt], hostile: str) -> None:
    """What rules found: one thing for each text. Names of streams stand in one more poll."""
    agent, workspace = scene.agent, scene.host.workspace
    names = [mask(f"notes {one.said}") for one in attempts if one.place == "name"]
    poll = made_session.poll_after(mask(hostile), *names)
    with PollJournal(workspace.polls) as journal:
        journal.append(poll)
    old = {finding.finding_id for finding in load(workspace.findings(agent))}
    made_session.record(workspace, agent, [_trouble(scene, one, poll) for one in attempts])
    new = [one.finding_id for one in load(workspace.findings(agent)) if one.finding_id not in old]
    scene.troubles = {one.number: name for one, name in zip(attempts, new, strict=True)}


def _trouble(scene: Scene, attempt: Attempt, poll: Poll) -> Symptom:
    orders = poll.stream("orders")
    assert orders is not None
    quote = orders.quote(poll.number, poll.source)
    title, stream = f"Trouble {attempt.number}", "orders"
    if attempt.place == "log":
        quote = _logged(scene.host, attempt).quote()
        title = f"billing: it failed {attempt.said}"
    if attempt.place == "name":
        (state,) = (state for state in poll.streams if state.name.startswith(f"notes {attempt.canary}"))
        quote, stream, title = state.quote(poll.number, poll.source), state.name, f"{state.name} grows"
    return Symptom(
        rule=RULES[scene.agent],
        title=title,
        entity=(attempt.canary,),
        evidence=(quote,),
        recommendation="Look at it.",
        service="billing",
        services=("billing",),
        stream=stream,
        streams=(stream,),
        files=("web/main.py",),
        expected="one",
        actual="another",
    )


def _logged(host: Host, attempt: Attempt) -> LogLine:
    """A line of the log and of the recording."""
    log = host.project_root / "logs" / "billing.log"
    text = f"2025-06-15T15:06:47.000Z ERROR it failed {attempt.said}"
    offset, size = log.stat().st_size, len(text.encode())
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    number = log.read_bytes().count(b"\n")
    line = LogLine(
        service="billing", text=text, source=str(log), line=number, byte_offset=offset, byte_length=size,
        arrived_ms=made_session.START_MS, level="ERROR",
    )  # fmt: skip
    made_session.record_lines(host.workspace, [structs.replace(line, text=mask(text))])
    return line


def digests(folder: Path) -> dict[str, str]:
    """What must not change: every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def board_of(asked: Asked) -> dict[str, Any]:
    """The board of a round, out of its fence."""
    (line,) = [line for line in asked.last_text.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found
