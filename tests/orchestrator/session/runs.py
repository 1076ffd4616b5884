"""One whole session as a process that can be stopped and killed, and everything that may be asked about it."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import psutil

from orchestrator.keeper.contract import KeeperFiles
from tests.conftest import Server, free_port
from tests.fakes.waiting import wait_for
from tests.orchestrator.session.forked import ForkedSession, Sessions
from tools.findings.journal import read_data
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
FLEET = ROOT / "tests" / "fakes" / "fleet.py"


class Run:
    """One session and everything that may be asked about it."""

    def __init__(self, folder: Path, sessions: Sessions) -> None:
        self.folder = folder
        self._sessions = sessions
        self.project = folder / "project"
        self.project.mkdir()
        self.workspace = Workspace(folder / "monitor-session")
        self.port = free_port()
        self.config: dict[str, Any] = {
            "project": {"root": str(self.project)},
            "output": {"workspace": str(self.workspace.root), "state_db": str(folder / "state" / "o.db")},
            "session": {"duration": 2, "poll_interval": 1, "drain": 3, "flush_grace": 15},
        }
        self.environment: dict[str, str] = {}
        self.processes: list[ForkedSession] = []

    def attach_to(self, server: Server) -> None:
        self.config["redis"] = {"url": server.url}

    def manage(self, *services: str, **more: Any) -> None:
        """A managed session of the scripted fleet, or of the start command in `more`."""
        fleet = shlex.join([str(FLEET), *services])
        self.config["redis"] = {"url": f"redis://127.0.0.1:{self.port}/0", "start": "embedded"}
        names = [service.partition("=")[0] for service in services]
        start = f'exec "$STREAMGAUGE_PYTHON" {fleet}'
        self.config["services"] = {"start": start, "expected": names, "ready_timeout": 20} | more
        self.environment["FLEET_REDIS"] = f"redis://127.0.0.1:{self.port}/0"

    def keeper_pid(self) -> int:
        """Of the keeper at work."""
        state = KeeperFiles(self.workspace).read_state()
        assert state is not None
        return state.keeper.pid

    def start(self, mode: str, *arguments: str) -> ForkedSession:
        output = self.folder / f"output-{len(self.processes)}"
        given = [json.dumps(self.config), mode, *arguments]
        self.processes.append(self._sessions.start(given, os.environ | self.environment, output))
        return self.processes[-1]

    def finish(self, process: ForkedSession) -> tuple[int, str]:
        return process.finish(60)

    def __call__(self, mode: str, *arguments: str) -> tuple[int, str]:
        return self.finish(self.start(mode, *arguments))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in read_data(self.workspace.events) if event["type"] == kind]

    def gaps(self) -> list[dict[str, Any]]:
        return list(read_data(self.workspace.gaps))

    @property
    def facts(self) -> SessionFacts:
        return session_facts.read(self.workspace)

    def phases(self) -> dict[str, str]:
        return {run.name: run.status for run in self.facts.phases}

    def observing(self) -> bool:
        return len({str(event["agent"]) for event in self.events("agent-started")} - {"INDEXER"}) == 4

    def wait_until_observing(self) -> None:
        """Until the four agents have started; the output of a session that ended instead is told."""

        def observing() -> bool:
            process = self.processes[-1]
            assert process.poll() is None, f"the session ended: {self.finish(process)}"
            return self.workspace.events.exists() and self.observing()

        wait_for(observing, seconds=60, what="the four agents")

    def left(self) -> list[str]:
        """Command lines of processes of this session that still run: ours, theirs, and the server."""
        found = [f"session {process.pid}" for process in self.processes if process.poll() is None]
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                inherited = process.environ()
                ended = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            ours = str(self.folder) in line or f":{self.port}" in line
            ours = ours or inherited.get("STREAMGAUGE_TEST_RUN") == str(self.folder)
            if ours and not ended and process.pid != os.getpid():
                found.append(line)
        return found

    def wait_until_nothing_is_left(self) -> None:
        wait_for(lambda: not self.left(), seconds=30, what="the end of every process")
