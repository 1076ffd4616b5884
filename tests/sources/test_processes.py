"""Processes of services, found by pidfile, port and place in our own trees."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.job import ServiceSpec
from tools.clock import SystemClock
from tools.sources.processes import ProcessWatch, service_states
from tools.sources.records import ProcessState

WAIT = "import time; time.sleep(60)"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = tmp_path / "services" / "orders" / "main.py"
    script.parent.mkdir(parents=True)
    script.write_text(WAIT, encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(script)])
    yield process
    process.kill()
    process.wait()


def state(spec: ServiceSpec, *, roots: tuple[int, ...] = (), root: Path | None = None) -> ProcessState:
    [found] = service_states([spec], roots, SystemClock(), root)
    return found


def test_a_service_is_found_by_a_whole_part_of_its_path(child: subprocess.Popen[bytes]) -> None:
    found = state(ServiceSpec(name="orders"), roots=(os.getpid(),))
    assert (found.alive, found.pid) == (True, child.pid)
    assert found.started_ms
    assert state(ServiceSpec(name="order"), roots=(os.getpid(),)).alive is None


def test_where_nothing_tells_it_is_unknown() -> None:
    assert state(ServiceSpec(name="orders")).alive is None


def test_the_pidfile_tells_alive_gone_and_another_process(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    spec, pidfile = ServiceSpec(name="x", pidfile="x.pid"), tmp_path / "x.pid"
    assert state(spec, root=tmp_path).alive is None
    pidfile.write_text(f"{child.pid}\n", encoding="utf-8")
    assert state(spec, root=tmp_path).alive is True
    os.utime(pidfile, (1_000_000_000, 1_000_000_000))
    assert state(spec, root=tmp_path).alive is False
    pidfile.write_text("garbage", encoding="utf-8")
    assert state(spec, root=tmp_path).alive is None


def test_a_listening_port_tells() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert state(ServiceSpec(name="x", port=port)).alive is False
        server.listen()
        found = state(ServiceSpec(name="x", port=port))
        assert (found.alive, found.pid) == (True, os.getpid())


def test_a_process_that_names_several_services_is_none_of_them(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAIT, "orders payments"])
    try:
        states = service_states(
            [ServiceSpec(name="orders"), ServiceSpec(name="payments")], (process.pid,), SystemClock()
        )
        assert [found.alive for found in states] == [None, None]
    finally:
        process.kill()
        process.wait()


def test_a_process_that_was_there_and_ended_is_gone(child: subprocess.Popen[bytes]) -> None:
    watch = ProcessWatch([ServiceSpec(name="orders")], (os.getpid(),), SystemClock())
    assert watch.look()["orders"].alive is True
    child.kill()
    deadline = time.monotonic() + 5
    while watch.look()["orders"].alive is not False:
        assert time.monotonic() < deadline
