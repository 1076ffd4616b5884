"""Puts one run of a scenario on a folder of its own: audited project, scripts of its services, configuration."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.llm_use import BASE_URL, KEY
from orchestrator.evaluation.scenarios import Scenario, Service
from orchestrator.init import toml_string
from tools.errors import UsageError
from tools.workspace import Workspace

_FIRST_PORT, _PORTS, _TRIES = 20_000, 12_000, 400
"""Below 32,768, where the range begins from which Linux gives ports to connections (ip_local_port_range)."""
_MARK = ".streamgauge-eval"
_ACTOR = "actor.py"


@dataclass(frozen=True, slots=True)
class Stage:
    """A run that is ready to begin. All paths lie below `folder`."""

    scenario: Scenario
    run: int
    folder: Path

    @property
    def project(self) -> Path:
        """The audited root."""
        return self.folder / "project"

    @property
    def config(self) -> Path:
        """What the session is told."""
        return self.folder / "streamgauge.toml"

    @property
    def workspace(self) -> Workspace:
        """Where the session writes."""
        return Workspace(self.folder / "monitor-session")

    @property
    def state_db(self) -> Path:
        """A state of its own: no lock, key or index is shared between runs."""
        return self.folder / ".state" / "orchestration.db"

    @property
    def output(self) -> Path:
        """What the session printed."""
        return self.folder / "output.log"

    @property
    def marks(self) -> Path:
        """When the faults began, written by the services (JSONL)."""
        return self.folder / "marks.jsonl"


class Ports:
    """Hands out ports of loopback that are free, none twice."""

    def __init__(self, is_free: Callable[[str, int], bool]) -> None:
        self._is_free = is_free
        first = os.getpid() * 97 % _PORTS
        self._next = (_FIRST_PORT + (first + step) % _PORTS for step in range(_TRIES))

    def take(self) -> int:
        """A free port. Raises UsageError where none is left to try."""
        for port in self._next:
            if self._is_free("127.0.0.1", port):
                return port
        raise UsageError("No free port was found on 127.0.0.1. Stop something that listens there.")


def prepare(scenario: Scenario, run: int, out: Path, port: int) -> Stage:
    """A fresh folder for one run below `out`; one from before is replaced, what is no such folder is left alone.

    Raises UsageError where it holds something else or cannot be written.
    """
    stage = Stage(scenario, run, out / f"{scenario.name}-{run}")
    try:
        _empty(stage.folder)
        if scenario.project is not None:
            shutil.copytree(scenario.project, stage.project)
        stage.project.mkdir(exist_ok=True)
        for service in scenario.facts.service:
            _write_script(stage, service)
        stage.config.write_text("".join(f"{line}\n" for line in _config(stage, port)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{stage.folder} cannot be written: {error.strerror or error}.") from error
    return stage


def _empty(folder: Path) -> None:
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise UsageError(f"{folder} holds something else. Name another folder with --out.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("one run of an evaluation\n", encoding="ascii")


def _script(stage: Stage, service: Service) -> Path:
    return stage.folder / "scripts" / f"{service.name}.json"


def _write_script(stage: Stage, service: Service) -> None:
    script = {
        "name": service.name,
        "run": str(stage.folder),
        "project": str(stage.project),
        "format": service.format,
        "ready": service.ready,
        "skew": service.skew,
        "restart": service.restart,
        "command": None
        if service.command is None
        else [sys.executable if part == "{python}" else part for part in service.command],
        "steps": [step.model_dump(exclude_none=True, by_alias=True) for step in service.step],
    }
    path = _script(stage, service)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(script, indent=2), encoding="utf-8")


def _config(stage: Stage, port: int) -> Iterator[str]:
    facts = stage.scenario.facts
    url = f"redis://127.0.0.1:{port}/0"
    yield facts.config
    yield "[project]"
    yield f"root = {toml_string(str(stage.project))}"
    if facts.mode == "managed":
        yield "[redis]"
        yield f"url = {toml_string(url)}"
        yield 'start = "embedded"'
    yield "[session]"
    yield f"mode = {toml_string(facts.mode)}"
    yield f'duration = "{facts.duration:g}s"'
    yield f'poll_interval = "{facts.poll_interval:g}s"'
    yield "[output]"
    yield f"workspace = {toml_string(str(stage.workspace.root))}"
    yield f"state_db = {toml_string(str(stage.state_db))}"
    actor = stage.scenario.file.parent / _ACTOR
    for service in facts.service if facts.mode == "managed" else ():
        start = f'"$STREAMGAUGE_PYTHON" "{actor}" "{_script(stage, service)}"'
        yield "[[services.list]]"
        yield f"name = {toml_string(service.name)}"
        yield f"pidfile = {toml_string(str(stage.folder / 'pids' / f'{service.name}.pid'))}"
        yield f"start = {toml_string(start)}"
        variables = {"REDIS_URL": url, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        variables |= dict.fromkeys((KEY, BASE_URL), "") | service.env  # a key is the session's alone
        pairs = (f"{name} = {toml_string(value)}" for name, value in variables.items())
        yield f"env = {{ {', '.join(pairs)} }}"
