"""The Log Watcher as the process that it is: quick, and killed with SIGKILL at any moment without harm."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from agents.job import LogSource, WatcherJob, Window
from tests.fakes import log_engine
from tests.fakes.log_store import Store
from tests.fakes.processes import has_ended
from tools.findings.model import AgentId, Finding
from tools.findings.recorder import load
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


class Watched:
    """A workspace, a log (a file, or a container's), and attempts of the watcher's process on them."""

    def __init__(self, folder: Path, kind: str = "path") -> None:
        self.source = LogSource(service="orders", **{kind: "orders.log"})
        self.kind = kind
        self.store = Store(folder / "store", "orders.log")
        self.store.start()
        log_engine.program(folder / "bin", "docker", folder / "store")
        self.workspace = Workspace(folder / "workspace")
        self.workspace.create()
        self.log = folder / "orders.log"
        self.log.touch()
        self.folder = folder
        self.attempt = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.attempt += 1
        self.workspace.agent_dir(AgentId.LOG_WATCHER).joinpath("attempt").write_text(str(self.attempt))
        now_ms = time.time_ns() // 1_000_000
        job = WatcherJob(
            agent=AgentId.LOG_WATCHER,
            attempt=self.attempt,
            session_id="20250601_100000",
            mode="attach",
            workspace=self.workspace.root,
            project_root=self.folder,
            logs=(self.source,),
            window=Window(started_ms=now_ms, deadline_ms=now_ms + 120_000, middle_ms=now_ms),
        )
        command = [sys.executable, "-P", "-m", "agents.watcher"]
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=self.folder)
        assert self.process.stdin is not None
        self.process.stdin.write(job.encode() + b"\n")
        self.process.stdin.flush()

    def follows(self) -> bool:
        """Whether it reads the log by now."""
        if self.kind == "path":
            return self.state.exists()
        return any(map(_is_following, self._children()))

    def _children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, *, kill: bool) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        children = self._children()
        if kill:
            self.process.send_signal(signal.SIGKILL)
        else:
            self.workspace.stop_file.touch()
        self.process.wait(20)
        self.process.stdin.close()
        wait_for(lambda: all(map(has_ended, children)))

    def write(self, text: str) -> None:
        self.store.write(text.encode() + b"\n")
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def findings(self) -> list[Finding]:
        return load(self.workspace.findings(AgentId.LOG_WATCHER))

    @property
    def written(self) -> int:
        return self.workspace.findings(AgentId.LOG_WATCHER).stat().st_size

    def has_written_more_than(self, size: int) -> bool:
        return self.written > size

    @property
    def state(self) -> Path:
        return self.workspace.agent_dir(AgentId.LOG_WATCHER) / "state.json"


def _is_following(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "--follow" in process.cmdline()
    return False


def wait_for(condition: Callable[[], object], bound_s: float = 20.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < bound_s
        time.sleep(0.002)
    return time.monotonic() - began


@pytest.mark.parametrize("kind", ["path", "docker"])
def test_sigkill_at_any_moment_loses_no_finding_and_doubles_no_occurrence(tmp_path: Path, kind: str) -> None:
    watched, chance, written = Watched(tmp_path, kind), random.Random(3), 0
    watched.start()
    wait_for(watched.follows)
    for _ in range(4):
        for _ in range(chance.randrange(40, 120)):
            written += 1
            watched.write(f"2025-06-15T10:00:00.{written % 1000:03d}Z ERROR order {written} lost")
            watched.write(
                f"2025-06-15T10:00:00.{written % 1000:03d}Z INFO order {written} password=hunter2x{written}"
            )
        # Findings of these lines may be on disk, their checkpoint may not.
        before = watched.written
        wait_for(partial(watched.has_written_more_than, before))
        watched.end(kill=True)
        watched.start()
    wait_for(watched.follows)
    watched.end(kill=False)
    counts = {finding.rule_id: finding.occurrences for finding in watched.findings()}
    assert counts["log.error"] == written
    assert counts["log.secret"] == written
    merged = watched.workspace.path("logs", "merged.log").read_text(encoding="utf-8")
    assert merged.count("ERROR order") == written
    assert not [
        path
        for path in watched.workspace.root.rglob("*")
        if path.is_file() and b"hunter2x" in path.read_bytes()
    ]


def test_a_line_is_a_finding_on_disk_soon(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.start()
    wait_for(watched.state.exists)
    watched.write("ERROR order 12 lost")
    # The bound of the contract is 1 s; the test's own is wide, for a machine that does other work too.
    assert wait_for(watched.findings) < 5
    watched.end(kill=False)
    assert [finding.rule_id for finding in watched.findings()] == ["log.error"]
