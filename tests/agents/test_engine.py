"""Watchers as child processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agents.engine import LocalEngine, LocalHandle
from agents.job import ServiceSpec, WatcherJob, Window
from tests.fakes.processes import has_ended
from tests.fakes.waiting import wait_for
from tools.findings.model import AgentId
from tools.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    return workspace


def job_of(workspace: Workspace, attempt: int = 1) -> WatcherJob:
    return WatcherJob(
        agent=AgentId.LOG_WATCHER,
        attempt=attempt,
        session_id="20250101_000000",
        mode="attach",
        workspace=workspace.root,
        project_root=workspace.root.parent,
        window=Window(started_ms=0, deadline_ms=10**15, middle_ms=10**14),
    )


class Running:
    """Starts a Python program as a watcher and ends it after the test."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.handles: list[LocalHandle] = []

    def __call__(self, program: str, attempt: int = 1) -> LocalHandle:
        engine = LocalEngine((sys.executable, "-P", "-c", program))
        self.handles.append(engine.start(job_of(self.workspace, attempt)))
        return self.handles[-1]

    def log(self) -> str:
        path = self.workspace.agent_dir(AgentId.LOG_WATCHER) / "watcher.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Running]:
    running = Running(workspace)
    yield running
    for handle in running.handles:
        handle.close()


ECHO_JOB = "import sys; print(len(sys.stdin.readline()) > 100, flush=True); sys.stdin.read(); print('orphan')"


def test_a_watcher_gets_its_job_and_standard_input_stays_open(start: Running) -> None:
    handle = start(ECHO_JOB)
    wait_for(lambda: start.log() == "True\n")
    assert handle.poll() is None


def test_the_attempt_is_on_disk_before_the_watcher_runs(start: Running, workspace: Workspace) -> None:
    start("import time; time.sleep(60)", attempt=7)
    assert (workspace.agent_dir(AgentId.LOG_WATCHER) / "attempt").read_text() == "7"


def test_a_watcher_imports_our_packages_whatever_the_current_folder(
    start: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("raise SystemExit('the audited code ran')")
    monkeypatch.chdir(tmp_path)
    handle = start("import tools.clock; print(tools.clock.iso(0))")
    wait_for(lambda: handle.poll() == 0)
    wait_for(lambda: start.log() == "1970-01-01T00:00:00.000Z\n")


def test_what_a_watcher_prints_is_masked(start: Running) -> None:
    handle = start("print('at redis://user:topsecret99@host:1/0'); raise SystemExit(3)")
    wait_for(lambda: handle.poll() == 3)
    wait_for(start.log)
    assert "topsecret99" not in start.log()
    assert "[masked:" in start.log()


@pytest.mark.parametrize("state", ["running", "stopped", "deaf"])
def test_kill_ends_the_watcher_and_its_worker_processes(start: Running, state: str) -> None:
    handle = start(
        "import signal, subprocess, sys, time\n"
        "for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    wait_for(start.log)
    worker = psutil.Process(int(start.log()))
    if state == "stopped":
        os.kill(handle.pid, signal.SIGSTOP)
    elif state == "deaf":
        handle.terminate()
    handle.kill()
    assert handle.poll() == -signal.SIGKILL
    wait_for(lambda: has_ended(worker))


def test_ctrl_c_in_the_terminal_does_not_reach_a_watcher(start: Running) -> None:
    handle = start("import time; time.sleep(60)")
    assert os.getpgid(handle.pid) == handle.pid != os.getpgid(0)


def test_a_watcher_that_ends_before_its_job_is_no_error_of_ours(start: Running) -> None:
    handle = start("raise SystemExit(5)")
    wait_for(lambda: handle.poll() == 5)
    handle.close()
    handle.close()


def test_a_watcher_that_does_not_read_its_job_holds_nobody_up(workspace: Workspace) -> None:
    services = tuple(ServiceSpec(name=f"service-{number}") for number in range(5000))
    job = job_of(workspace).model_copy(update={"services": services})
    assert len(job.encode()) > 1 << 16
    handle = LocalEngine((sys.executable, "-c", "import time; time.sleep(600)")).start(job)
    assert handle.poll() is None
    handle.close()
    assert handle.poll() == -signal.SIGKILL


def test_a_long_job_arrives_whole(workspace: Workspace) -> None:
    services = tuple(ServiceSpec(name=f"service-{number}") for number in range(5000))
    job = job_of(workspace).model_copy(update={"services": services})
    program = "import sys; print(len(sys.stdin.buffer.readline()), flush=True); sys.stdin.buffer.read()"
    handle = LocalEngine((sys.executable, "-c", program)).start(job)
    log = workspace.agent_dir(AgentId.LOG_WATCHER) / "watcher.log"
    wait_for(lambda: log.exists() and log.read_text() == f"{len(job.encode()) + 1}\n")
    handle.close()
