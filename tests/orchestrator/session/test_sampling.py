"""Samples of real processes, and what becomes of services: told once, whoever samples."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.job import ServiceSpec
from orchestrator.session.sampling import Sampler, Subjects, Watcher
from tests.conftest import Server, free_port
from tests.fakes.clock import ManualClock
from tests.fakes.waiting import wait_for
from tools.findings.journal import Journal
from tools.sources.metrics import MetricsTail
from tools.sources.processes import service_states
from tools.sources.records import ProcessSample
from tools.workspace import Workspace

EVERY_S = 30.0
SERVICE = "import time; print('up', flush=True); time.sleep(60)"


class Fleet:
    """Services with pidfiles, and the samplers of one session: a new one is a resumed session's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / "ws")
        self.workspace.create()
        self.clock = ManualClock()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.sampler = self.fresh()
        self.watchers: tuple[Watcher, ...] = ()

    def fresh(self) -> Sampler:
        self.sampler = Sampler(self.workspace, self.clock, self.folder)
        return self.sampler

    def start(self, name: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        (self.folder / f"{name}.pid").write_text(str(process.pid), encoding="ascii")
        self.processes[name] = process
        return process.pid

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def look(self) -> list[tuple[str, str, int | None]]:
        specs = tuple(ServiceSpec(name=name, pidfile=f"{name}.pid") for name in ("orders", "mail"))
        changes = self.sampler.sample(Subjects(services=specs, watchers=self.watchers), EVERY_S)
        self.clock.advance(EVERY_S)
        return [(change.kind, change.service, change.before) for change in changes]

    def samples(self, name: str) -> list[ProcessSample]:
        return [line.sample for line in MetricsTail(self.workspace).new() if line.sample.name == name]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    for name in made.processes:
        made.kill(name)


def test_every_process_is_sampled_with_what_it_uses(fleet: Fleet) -> None:
    pid = fleet.start("orders")
    with Journal(fleet.workspace.events) as events:
        for agent in ("LOG_WATCHER", "CONFIG_AUDITOR", "LOG_WATCHER"):
            events.append({"type": "error", "agent": agent, "reason": "x"})
    fleet.watchers = (Watcher("LOG_WATCHER", os.getppid(), 2, 5), Watcher("CONFIG_AUDITOR", None, 1, 0))
    assert fleet.look() == []
    fleet.look()
    [first, second] = fleet.samples("orders")
    assert (first.status, first.pid, first.cpu_percent, first.processes) == ("alive", pid, None, 1)
    assert (second.rss_bytes or 0) > 1_000_000
    assert second.cpu_percent is not None
    assert second.at_ms - first.at_ms == EVERY_S * 1000
    assert [sample.status for sample in fleet.samples("mail")] == ["unknown"] * 2
    assert fleet.samples("session")[0].pid == os.getpid()
    watcher = fleet.samples("LOG_WATCHER")[-1]
    assert (watcher.status, watcher.attempt, watcher.findings, watcher.errors) == ("alive", 2, 5, 2)
    assert fleet.samples("CONFIG_AUDITOR")[-1].status == "gone"
    assert fleet.sampler.due_s == pytest.approx(fleet.clock.monotonic())


@pytest.mark.parametrize(("late_s", "next_s"), [(0, 30), (29, 30), (31, 61), (100, 130)])
def test_samples_keep_their_pace_and_none_is_made_up_for(fleet: Fleet, late_s: float, next_s: float) -> None:
    begun = fleet.clock.monotonic()
    fleet.clock.advance(late_s)
    fleet.sampler.sample(Subjects(), EVERY_S)
    assert fleet.sampler.due_s - begun == pytest.approx(next_s)


def test_a_death_is_told_once_and_so_is_the_return_also_after_a_resume(fleet: Fleet) -> None:
    old = fleet.start("orders")
    assert fleet.look() == []
    fleet.kill("orders")
    assert fleet.look() == [("service-gone", "orders", old)]
    assert fleet.look() == []
    fleet.fresh()
    assert fleet.look() == []
    assert [sample.status for sample in fleet.samples("orders")] == ["alive", "gone", "gone", "gone"]
    new = fleet.start("orders")
    assert fleet.look() == [("service-restarted", "orders", old)]
    assert fleet.look() == []
    fleet.kill("orders")
    assert fleet.look() == [("service-gone", "orders", new)]


def test_another_process_between_two_samples_or_in_the_dead_time_is_a_restart(fleet: Fleet) -> None:
    first = fleet.start("orders")
    fleet.look()
    fleet.kill("orders")
    second = fleet.start("orders")
    assert fleet.look() == [("service-restarted", "orders", first)]
    fleet.kill("orders")
    fleet.fresh()
    fleet.start("orders")
    assert fleet.look() == [("service-restarted", "orders", second)]


def test_a_service_that_was_never_there_is_told_once(fleet: Fleet) -> None:
    fleet.start("orders")
    fleet.kill("orders")
    assert fleet.look() == [("service-gone", "orders", None)]
    assert fleet.look() == []


def test_a_port_that_is_closed_and_open_again_is_the_same_process(tmp_path: Path) -> None:
    code = (
        "import socket, signal, sys\n"
        "def serve():\n    s = socket.create_server(('127.0.0.1', int(sys.argv[1])), reuse_port=True)\n    return s\n"
        "s = serve(); print('up', flush=True)\n"
        "signal.signal(signal.SIGUSR1, lambda *_: (s.close(), print('closed', flush=True)))\n"
        "signal.pause(); s = serve(); print('open', flush=True); signal.pause()\n"
    )
    port = free_port()
    workspace, clock = Workspace(tmp_path / "ws"), ManualClock()
    workspace.create()
    sampler = Sampler(workspace, clock, tmp_path)
    subjects = Subjects(services=(ServiceSpec(name="web", port=port),))
    with subprocess.Popen([sys.executable, "-c", code, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            assert sampler.sample(subjects, EVERY_S) == []
            clock.advance(EVERY_S)
            process.send_signal(signal.SIGUSR1)
            assert process.stdout.readline() == b"closed\n"
            assert process.stdout.readline() == b"open\n"
            assert sampler.sample(subjects, EVERY_S) == []
            clock.advance(EVERY_S)
        finally:
            process.kill()
    assert [change.kind for change in sampler.sample(subjects, EVERY_S)] == ["service-gone"]


def test_workers_that_come_and_go_behind_one_port_are_no_restart(tmp_path: Path) -> None:
    """Workers inherit the listening socket; the service is the process that began first."""
    code = (
        "import os, socket, sys, time\n"
        "s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "def worker():\n    pid = os.fork()\n    if pid == 0:\n        time.sleep(60)\n    return pid\n"
        "pid = worker(); print('up', flush=True); sys.stdin.readline()\n"
        "os.kill(pid, 9); os.wait(); worker(); print('again', flush=True); sys.stdin.readline()\n"
    )
    port = free_port()
    spec = ServiceSpec(name="web", port=port)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            [before] = service_states([spec], (), ManualClock())
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            [after] = service_states([spec], (), ManualClock())
            assert before.pid == after.pid == process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_managed_server_is_sampled_by_its_port(tmp_path: Path, server: Server) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    sampler = Sampler(workspace, ManualClock(), tmp_path)
    sampler.sample(Subjects(redis_port=server.port), EVERY_S)
    found = sampler.newest["redis", "redis"]
    assert (found.pid, found.status) == (server.process.pid, "alive")
    with subprocess.Popen([sys.executable, "-c", "pass"]) as other:
        other.wait()
    sampler.sample(Subjects(redis_port=free_port()), EVERY_S)
    assert ("redis", "redis") not in sampler.newest


def test_a_service_that_learns_its_name_late_is_looked_for_at_once(fleet: Fleet) -> None:
    fleet.start("orders")
    fleet.sampler.sample(Subjects(), EVERY_S)
    assert fleet.look() == []
    assert fleet.samples("orders")[0].status == "alive"
    wait_for(lambda: fleet.processes["orders"].poll() is None)
