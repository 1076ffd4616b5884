"""The daemon over a real hour: `python -m benchmarks.soak --seconds 3600`.

Real audit sessions and runs of another orchestrator end, fail, stall and are killed; the daemon is killed twice and
told to read its configuration again; the receiver of alerts refuses now and then. At the end it is counted, for each
run, how often it was archived, verified, reported, recorded and alerted. Exit code 0 where that is once for each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from benchmarks import machine, soak_count
from benchmarks.server import BenchServer
from benchmarks.soak_count import Receiver
from tools.clock import SystemClock, iso
from tools.sources.redis import embedded

KINDS = ("COMPLETED", "FAILED", "STALLED", "KILLED", "STEPS")
_RUN_EVERY_S, _SESSION_EVERY_S = 12.0, 120.0
_STALL_S, _GRACE_S, _WINDOW_S = 45, 5, 15
_SETTLE_S = 300.0
_STARTS_MS, _UNSEEN_MS = 5_000, 10_000
_KILLED_SHARE = 0.1
"""A run that is to be killed is killed with this chance at each look, five a second."""
_SCHEMA = """
CREATE TABLE runs (run_id TEXT PRIMARY KEY, status TEXT, created_at TEXT, completed_at TEXT, pid INTEGER, error TEXT);
CREATE TABLE workstreams (id INTEGER PRIMARY KEY, run_id TEXT, name TEXT, status TEXT)
"""
_CONFIGURATION = """
[output]
workspace = "monitor-session"
[alerts]
file = "alerts.yaml"
[watch]
stall_after = "{stall}s"
death_grace = "{grace}s"
heartbeat = "10s"
[[watch.databases]]
path = "other.db"
"""
_RULES = """
receivers:
  - {{name: hook, webhook: {{url: "{url}"}}}}
route:
  receiver: hook
  notify_on: []
  group_wait: 0s
  group_by: [cause]
  routes:
    - match: {{event: ["run.finished", "run.failed", "run.incomplete", "run.stalled", "chain.failed"]}}
      notify_on: [new]
budget: {{per_receiver_per_hour: 100000}}
"""


class Soak:
    """One soak in a folder of its own."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self.folder, self.seconds, self.random = folder, seconds, random.Random(seed)
        self.clock, self.started = SystemClock(), time.monotonic()
        self.expected: dict[str, str] = {}
        """Run → how it ends."""
        self.down: list[tuple[int, int]] = []
        """When no daemon ran, in ms since the epoch."""
        self.sessions: dict[str, str] = {}
        self.workers: list[tuple[subprocess.Popen[bytes], str, str]] = []
        """Process, run, how it ends."""
        self.daemon: subprocess.Popen[bytes] | None = None
        self.session: tuple[subprocess.Popen[bytes], str, float] | None = None
        self.restarts = 0

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.started

    def prepare(self, receiver: str) -> None:
        """The project, its configuration, the other orchestrator's database."""
        (self.folder / "streamgauge.toml").write_text(
            _CONFIGURATION.format(stall=_STALL_S, grace=_GRACE_S), encoding="utf-8"
        )
        (self.folder / "alerts.yaml").write_text(_RULES.format(url=receiver), encoding="utf-8")
        with closing(sqlite3.connect(self.folder / "other.db")) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            for statement in _SCHEMA.split(";"):
                database.execute(statement)

    def start_daemon(self) -> None:
        """As a user does."""
        log = (self.folder / "watch.log").open("ab")
        self.daemon = self._ours(["watch"], log)
        if self.down:
            # It counts as up once it has had the time to start.
            self.down[-1] = (self.down[-1][0], self.clock.now_ms() + _STARTS_MS)

    def kill_daemon(self) -> None:
        """Kill -9, in whatever it does."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()
        self.restarts += 1
        # What began just before may not have been seen yet.
        self.down.append((self.clock.now_ms() - _UNSEEN_MS, 1 << 62))

    def begin_run(self, kind: str, number: int) -> None:
        """A run of the other orchestrator, by a process of its own."""
        run_id = f"run-{number:04}-{kind.lower()}"
        command = [
            sys.executable,
            "-m",
            "benchmarks.soak",
            "--worker",
            str(self.folder / "other.db"),
            run_id,
            kind,
        ]
        self.expected[run_id] = {"KILLED": "INTERRUPTED", "STEPS": "COMPLETED"}.get(kind, kind)
        self.workers.append((subprocess.Popen(command, cwd=machine.ROOT), run_id, kind))

    def begin_session(self, url: str) -> None:
        """A real audit; every third is killed within its window."""
        fate = "INTERRUPTED" if self.random.random() < 1 / 3 else "COMPLETED"
        log = (self.folder / "sessions.log").open("ab")
        process = self._ours(
            [
                "run",
                "--mode",
                "attach",
                "--redis-url",
                url,
                "--duration",
                f"{_WINDOW_S}s",
                "--no-llm",
                "--quiet",
            ],
            log,
        )
        self.session = (process, fate, time.monotonic())

    def tend(self) -> None:
        """Kill what is to be killed, and note which session it was."""
        for item in list(self.workers):
            worker, run_id, kind = item
            if kind == "KILLED" and self.random.random() < _KILLED_SHARE and self._exists(run_id):
                worker.kill()
            if worker.poll() is not None:
                self.workers.remove(item)
        if self.session is None:
            return
        process, fate, begun = self.session
        identity = self._session_id()
        if identity is not None and identity not in self.sessions:
            self.sessions[identity] = self.expected[identity] = fate
        if fate == "INTERRUPTED" and identity in self.sessions and time.monotonic() - begun > _WINDOW_S:
            process.kill()
        if process.poll() is not None:
            self.session = None

    def _exists(self, run_id: str) -> bool:
        """Whether a run was written: one that is killed before is none."""
        with closing(sqlite3.connect(self.folder / "other.db")) as database:
            return bool(database.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone())

    def _session_id(self) -> str | None:
        """Of the session that runs now."""
        try:
            facts = json.loads((self.folder / "monitor-session" / "session.json").read_bytes())
        except (OSError, ValueError):
            return None
        identity = str(facts["session_id"])
        return identity if facts["started_ms"] >= self.clock.now_ms() - (self.elapsed_s * 1000) else None

    def _ours(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMGAUGE_")}
        code = f"import sys; sys.path.insert(0, {str(machine.ROOT)!r}); from orchestrator.__main__ import main; main()"
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, *command],
            cwd=self.folder,
            stdout=log,
            stderr=log,
            env=environment,
        )

    def run(self, receiver: Receiver, url: str | None) -> None:
        """Until the time is over: what begins, what is killed, what refuses."""
        kills = [self.seconds / 3, self.seconds * 2 / 3]
        reload_at, refuse_at = self.seconds / 2, self.seconds / 4
        next_run = next_session = 0.0
        number = 0
        down_until: float | None = None
        while self.elapsed_s < self.seconds:
            now = self.elapsed_s
            if now >= next_run:
                self.begin_run(KINDS[number % len(KINDS)], number)
                number, next_run = number + 1, now + _RUN_EVERY_S
            if url is not None and now >= next_session and self.session is None:
                self.begin_session(url)
                next_session = now + _SESSION_EVERY_S
            if kills and now >= kills[0]:
                kills.pop(0)
                self.kill_daemon()
                down_until = now + min(30.0, self.seconds / 20)
            if down_until is not None and now >= down_until:
                self.start_daemon()
                down_until = None
            if now >= reload_at and self.daemon is not None and self.daemon.poll() is None:
                self.daemon.send_signal(signal.SIGHUP)
                reload_at = self.seconds * 2
            receiver.refusing = refuse_at <= now < refuse_at + min(60.0, self.seconds / 10)
            self.tend()
            time.sleep(0.2)
        receiver.refusing = False
        if self.daemon is not None and self.daemon.poll() is not None:
            self.start_daemon()

    def settle(self) -> None:
        """Let what is under way come to its end, and the daemon deal with it."""
        until = time.monotonic() + _SETTLE_S
        while time.monotonic() < until:
            self.tend()
            if self.session is None and not self.workers and soak_count.closed(self.folder, self.expected):
                break
            time.sleep(1)

    def end(self) -> int | None:
        """Stop everything; the daemon's exit code."""
        for worker, _, _ in self.workers:
            worker.kill()
        if self.session is not None:
            self.session[0].kill()
        if self.daemon is None or self.daemon.poll() is not None:
            return None
        self.daemon.terminate()
        return self.daemon.wait(60)


def worker(database: Path, run_id: str, kind: str) -> None:
    """One run of the other orchestrator: three steps, then its end, if it has one."""

    def sql(text: str, *values: object) -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.execute(text, values)

    def now() -> str:
        return iso(SystemClock().now_ms())

    pid = os.getpid() if kind in {"KILLED", "COMPLETED"} else None
    sql("INSERT INTO runs (run_id, status, created_at, pid) VALUES (?, 'RUNNING', ?, ?)", run_id, now(), pid)
    for name in ("plan", "build", "test"):
        sql("INSERT INTO workstreams (run_id, name, status) VALUES (?, ?, 'PENDING')", run_id, name)
    for name in ("plan", "build", "test"):
        if kind == "STALLED" and name == "test":
            return  # without a word, as an orchestrator on a host that went away
        time.sleep(2)
        sql("UPDATE workstreams SET status = 'COMPLETED' WHERE run_id = ? AND name = ?", run_id, name)
        if kind == "KILLED" and name == "build":
            time.sleep(3600)  # until it is
    if kind in {"COMPLETED", "FAILED"}:
        sql("UPDATE runs SET status = ?, completed_at = ? WHERE run_id = ?", kind, now(), run_id)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        if any(given.iterdir()):
            sys.exit(f"{given} is not empty. Name another folder.")
        yield given.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="streamgauge-soak-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def main() -> int:
    """Run it and count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="in which runs begin")
    parser.add_argument("--folder", type=Path, default=None, help="an empty one, to be kept")
    parser.add_argument("--without-sessions", action="store_true", help="runs of the other orchestrator only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", nargs=3, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        worker(Path(given.worker[0]), given.worker[1], given.worker[2])
        return 0
    with _folder(given.folder) as folder, Receiver() as receiver:
        soak = Soak(folder, given.seconds, given.seed)
        soak.prepare(receiver.url)
        (folder / "server").mkdir()
        server = BenchServer(embedded.find_server(os.environ), folder / "server")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            soak.start_daemon()
            soak.run(receiver, None if given.without_sessions else server.url)
            soak.settle()
        finally:
            code = soak.end()
            server.process.kill()
            server.process.wait()
        counted = soak_count.count(folder, soak.expected, soak.down, receiver)
        sys.stdout.write(soak_count.told(counted, len(soak.sessions), soak.restarts, code))
        return 0 if counted.is_right and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
