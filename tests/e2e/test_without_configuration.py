"""A project that nobody configured: `run` starts what its files say, audits it and stops it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.config.mode import port_is_free
from tests.conftest import Server, free_port
from tests.e2e.audits import BOUND_S, command, environment
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet

SERVICE = """\
import os, signal, sys, threading

import redis

over = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: over.set())
server = redis.Redis.from_url(os.environ["REDIS_URL"])
print(f"{sys.argv[1]} is ready on port {os.environ['PORT']}", flush=True)
while not over.wait(0.2):
    server.xadd("orders", {"from": sys.argv[1]}, maxlen=100)
    print(f"{sys.argv[1]} added an order", flush=True)
"""


def project(folder: Path, port: int) -> Path:
    """Two services in a Procfile, their server's address in `.env`; nothing of ours."""
    (folder / "service.py").write_text(SERVICE, encoding="utf-8")
    run = f"{shlex.quote(sys.executable)} service.py"
    (folder / "Procfile").write_text(f"web: {run} web\nworker: {run} worker\n", encoding="utf-8")
    (folder / ".env").write_text(f"REDIS_URL=redis://127.0.0.1:{port}/0\n", encoding="utf-8")
    return folder


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in environment().items() if key != "REDIS_URL"}
    return subprocess.run(
        command("run", "--duration", "4s", "--plain", "--fail-on", "never"),
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


def test_a_procfile_is_started_audited_and_stopped(tmp_path: Path) -> None:
    port = free_port()
    done = run(project(tmp_path, port))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "managed session" in done.stdout
    assert "a start command for each of 2 services, from Procfile: web, worker" in done.stdout
    workspace = Workspace(tmp_path / "monitor-session")
    assert "web is ready on port 5000" in workspace.service_log("web").read_text(encoding="utf-8")
    assert "worker is ready on port 5100" in workspace.service_log("worker").read_text(encoding="utf-8")
    assert "orders" in workspace.path("streams", "topology.json").read_text(encoding="utf-8")
    assert port_is_free("127.0.0.1", port)


def test_beside_a_server_that_answers_nothing_is_started(tmp_path: Path, server: Server) -> None:
    done = run(project(tmp_path, server.port))
    assert "attach session" in done.stdout, done.stdout + done.stderr
    assert f"127.0.0.1:{server.port} is in use already" in done.stdout
    assert not Workspace(tmp_path / "monitor-session").service_log("web").exists()
