"""A whole session in trouble with one text planted in it, and the model's part of it run over real HTTP."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.host import SeenFinding
from agents.job import RedisTarget, WatcherJob, Window
from orchestrator.session.model_part import ModelPace, ModelPart
from tests.agents.model_scene import settings
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked, MessagesApi, Reply
from tests.fakes.repositories import GitRepository
from tests.fakes.waiting import async_wait_for
from tests.functions.commands.stand_ins import StandIn, lines
from tests.functions.scene import FILES
from tests.injection.erring_server import ErringServer
from tests.injection.planting import Attempt, Place
from tests.report import made_session
from tests.servers.standalone import Server
from tools.clock import Clock, SystemClock
from tools.findings.model import AgentId, Finding, dump
from tools.findings.recorder import load
from tools.sources.records import Gap
from tools.workspace import Workspace

LW, RSA, CA, ES = AgentId

Look = tuple[str, dict[str, Any]]
LOOKS: dict[Place, tuple[AgentId, Look]] = {
    "log": (LW, ("logs_search", {"text": "canary"})),
    "field": (RSA, ("redis_entries", {"stream": "orders"})),
    "file": (CA, ("code_file", {"path": "web/notes.py"})),
    "document": (CA, ("code_file", {"path": "docs/runbook.md"})),
    "name": (RSA, ("redis_streams", {})),
    "error": (RSA, ("redis_stream", {"stream": "orders"})),
    "commit": (ES, ("command_git_log", {})),
    "container": (LW, ("command_docker_ps", {})),
}
"""Who comes across a text, and by which call."""


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


@dataclass
class Scene:
    """One planted session. `before` is its workspace as it was before the model took part."""

    agent: AgentId
    look: Look
    host: Host
    before: Workspace
    files: dict[str, str]
    """Digests of the audited project's files before."""

    def findings(self) -> list[Finding]:
        return load(self.before.findings(self.agent))


def plant(folder: Path, attempt: Attempt, server: Server, patch: pytest.MonkeyPatch) -> Scene:
    """A finished session with one text where it belongs. What is audited holds secrets of several kinds."""
    agent, look = LOOKS[attempt.place]
    hostile = f" {attempt.said}" if attempt.place in {"log", "name"} else ""
    made = made_session.make(folder, hostile)
    files = dict(FILES)
    if attempt.place == "file":
        files["web/notes.py"] = f"NOTE = True\n{attempt.said}\n"
    if attempt.place == "document":
        files["docs/runbook.md"] = f"# Runbook\n\n{attempt.said}\n"
    for name, text in files.items():
        path = made.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    host = Host(made.workspace, made.project, made.clock)
    if attempt.place == "field":
        fields: dict[Any, Any] = {"id": "1", "note": attempt.said, "password": FILES[".env"]}
        server.client.xadd("orders", fields)
        host.redis = RedisTarget(url=SecretStr(server.url))
    if attempt.place == "commit":
        repository = GitRepository(made.project)
        repository.git("commit", "-q", "--allow-empty", f"--message={attempt.said}")
    if attempt.place == "container":
        row = {"ID": "a1b2c3", "Names": attempt.said, "Image": "web", "State": "running", "Status": "Up"}
        StandIn(folder / "bin", "docker").prints(lines(row))
        patch.setenv("PATH", str(folder / "bin"), prepend=":")
    before = Workspace(folder / "before")
    shutil.copytree(made.workspace.root, before.root)
    return Scene(agent, look, host, before, digests(made.project))


def digests(folder: Path) -> dict[str, str]:
    """What must not change: every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def take_part(
    scene: Scene, script: Callable[[Asked], Reply], attempt: Attempt
) -> tuple[MessagesApi, Any]:
    """A round, investigations, the wording: everything that a model is asked in a session, over HTTP."""
    if attempt.place == "error":
        with ErringServer(attempt.said) as erring:
            scene.host.redis = RedisTarget(url=SecretStr(erring.url))
            return await _take_part(scene, script)
    return await _take_part(scene, script)


async def _take_part(scene: Scene, script: Callable[[Asked], Reply]) -> tuple[MessagesApi, Any]:
    with MessagesApi(script) as api:
        part = ModelPart(scene.host, settings(api), ModelPace(60.0, 20.0))
        part.supervised({"agents": []}, 20)
        await async_wait_for(lambda: len(api.requests) > 0 and told(scene.host), what="the round")
        for finding in scene.findings():
            data: dict[str, Any] = dict(dump(finding))
            part.take(
                scene.agent.value,
                SeenFinding(
                    finding.finding_id,
                    finding.title,
                    severity=data.get("severity", ""),
                    priority=data.get("priority"),
                ),
            )
        await part.conclude(hurry=False)
        use = part.use()
        await part.close()
        return api, use


def told(host: Host) -> bool:
    """Whether the round came to anything."""
    ends = {"model-round", "error", "model-unavailable"}
    return any(event["type"] in ends for event in host.events)


def board_of(asked: Asked) -> dict[str, Any]:
    """The board of a round, out of its fence."""
    (line,) = [line for line in asked.last_text.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found
