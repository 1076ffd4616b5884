"""Attach mode beside a running fleet: it reads, and changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tests.conftest import Server
from tests.e2e.audits import command, environment, fleet

pytestmark = pytest.mark.fleet
READS = {
    "ping",
    "info",
    "time",
    "select",
    "scan",
    "type",
    "xpending",
    "xlen",
    "xrange",
    "xrevrange",
    "hello",
    "auth",
    "xinfo stream",
    "xinfo groups",
    "xinfo consumers",
    "memory usage",
    "acl whoami",
    "acl dryrun",
    "command info",
    "client list",
    "client id",
    "client setname",
    "client setinfo",
    "client no-touch",
    "slowlog get",
    "slowlog len",
    "latency latest",
    "config get",
    "acl getuser",
}
"""Written here by hand: what may reach a production server, whatever the product's own list says."""
CONFIG = """
[project]
root = {root!r}
[redis]
url = {url!r}
[session]
mode = "attach"
duration = {duration!r}
poll_interval = "2s"
[[logs.sources]]
service = "*"
path = {logs!r}
[output]
workspace = {workspace!r}
state_db = {state!r}
"""


def until(condition: Callable[[], bool], bound_s: float = 30) -> None:
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


class RunningFleet:
    """The faulty fleet on a server, started by its own start command, logging to files."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self.root, self.logs = folder / "shop", folder / "logs"
        fleet().assemble("faulty", self.root, None, server.port)
        self.process = subprocess.Popen(
            [sys.executable, "start.py", "--log-dir", str(self.logs)],
            cwd=self.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "REDIS_URL": server.url},
        )
        try:
            until(lambda: server.client.xlen("shop.payments.requested") > 20, bound_s=60)
        except BaseException:
            self.stop()
            raise

    def config(self, name: str, duration: str) -> list[str]:
        path = self.folder / f"{name}.toml"
        values = {
            "root": str(self.root),
            "url": self.server.url,
            "logs": str(self.logs / "*.log"),
            "workspace": str(self.folder / name),
            "state": str(self.folder / ".state" / "db.sqlite"),
            "duration": duration,
        }
        path.write_text(CONFIG.format(**values), encoding="utf-8")
        return command("run", "--config", str(path))

    def tree(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self) -> None:
        for process in self.tree():
            process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(timeout=20)


@pytest.fixture
def running(tmp_path: Path, own_server: Server) -> Iterator[RunningFleet]:
    fleet_ = RunningFleet(tmp_path, own_server)
    yield fleet_
    fleet_.stop()


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def everything(client: redis.Redis) -> dict[str, object]:
    """Every key's bytes, and every stream's groups, consumers and pending entries list."""
    raw = redis.Redis(port=client.connection_pool.connection_kwargs["port"])
    state: dict[str, object] = {}
    for key in sorted(raw.scan_iter()):
        state[repr(key)] = (raw.dump(key), raw.pttl(key) == -1)
        if raw.type(key) == b"stream":
            for group in raw.xinfo_groups(key):
                consumers = [
                    (consumer["name"], consumer["pending"])
                    for consumer in raw.xinfo_consumers(key, group["name"])
                ]
                pending = raw.xpending_range(key, group["name"], "-", "+", 10_000)
                entries = [
                    (entry["message_id"], entry["consumer"], entry["times_delivered"]) for entry in pending
                ]
                figures = (group["pending"], group["last-delivered-id"], consumers, entries)
                state[repr((key, group["name"]))] = figures
    raw.close()
    return state


def calls(client: redis.Redis) -> dict[str, int]:
    return {name: int(stats["calls"]) for name, stats in client.info("commandstats").items()}


def test_a_frozen_system_is_the_same_after_an_audit(running: RunningFleet) -> None:
    for process in running.tree():
        process.send_signal(signal.SIGSTOP)
    client = running.server.client
    # A blocked read counts as a call when it runs into its time-out, so let the last ones do that first.
    until(lambda: client.info("clients")["blocked_clients"] == 0)
    before, calls_before = everything(client), calls(client)
    done = run(running.config("frozen", "8s"), running.folder)
    calls_after, after = calls(client), everything(client)
    assert done.returncode in {0, 1, 3}, done.stdout + done.stderr
    assert after == before
    moved = {name for name, count in calls_after.items() if count != calls_before.get(name, 0)}
    assert {name.removeprefix("cmdstat_").replace("|", " ") for name in moved} <= READS


def test_beside_a_running_system_only_reading_commands_are_sent(running: RunningFleet) -> None:
    seen: dict[str, set[str]] = {}
    ours: set[str] = set()
    watching = threading.Event()

    def watch() -> None:
        with (
            redis.Redis(port=running.server.port, decode_responses=True) as client,
            client.monitor() as monitor,
        ):
            watching.set()
            for entry in monitor.listen():
                address = f"{entry['client_address']}:{entry['client_port']}"
                text = str(entry["command"]).lower()
                seen.setdefault(address, set()).add(" ".join(text.split()[:2]))
                if text.startswith("client setname streamgauge"):
                    ours.add(address)
                if text.startswith("echo end-of-test"):
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    watching.wait(10)
    done = run(running.config("live", "12s"), running.folder)
    running.server.client.echo("end-of-test")
    thread.join(20)
    assert done.returncode == 1, done.stdout + done.stderr
    assert ours
    sent = {text for address in ours for text in seen[address]}
    assert {text for text in sent if text not in READS and text.split()[0] not in READS} == set()
