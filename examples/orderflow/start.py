"""Start all services of orderflow and keep them together: one stops, the others go on.

Output goes to standard output, each line prefixed with its service, or with --log-dir to one file
per service. SIGINT and SIGTERM stop everything.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent
PID_FILE = ROOT / ".run" / "orderflow.pid"
RESTART_DELAY_S = 1.0
KILL_AFTER_S = 8.0
PREFIX_WIDTH = 14


@dataclass(frozen=True)
class Service:
    """One entry; `restart` means what it means in docker-compose.yml."""

    name: str
    restart: str = "no"


SERVICES = (
    Service("gateway"),
    Service("orders"),
    Service("payments"),
    Service("inventory"),
    Service("shipping", restart="on-failure"),
    Service("notifications"),
    Service("analytics"),
)


def environment() -> dict[str, str]:
    """The environment of the services: .env, overridden by what is set already."""
    declared: dict[str, str] = {}
    dotenv = ROOT / ".env"
    if dotenv.exists():
        for line in dotenv.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith("#"):
                declared[name.strip()] = value.strip()
    return {**declared, **os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


class Fleet:
    """The running services."""

    def __init__(self, log_dir: Path | None) -> None:
        self.log_dir = log_dir
        self.environment = environment()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def write(self, line: bytes) -> None:
        """Write one whole line to standard output."""
        with self.lock:
            try:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            except OSError:
                os.kill(os.getpid(), signal.SIGTERM)

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self.write(text.encode() + b"\n")

    def launch(self, name: str, module: str, output: int | BinaryIO) -> subprocess.Popen[bytes]:
        """Start one child process and note its id in .run/."""
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        self.children[name] = child
        PID_FILE.with_name(f"{name}.pid").write_text(f"{child.pid}\n", encoding="ascii")
        if self.stopping.is_set():
            child.terminate()
        return child

    def attend(self, name: str, module: str) -> int:
        """Run one child to its end, passing its output on; return its exit code."""
        try:
            if self.log_dir is not None:
                with (self.log_dir / f"{name}.log").open("ab") as log:
                    return self.launch(name, module, log).wait()
            child = self.launch(name, module, subprocess.PIPE)
            prefix = f"{name:<{PREFIX_WIDTH}} | ".encode()
            for line in child.stdout or ():
                self.write(prefix + line.rstrip(b"\n") + b"\n")
            return child.wait()
        finally:
            PID_FILE.with_name(f"{name}.pid").unlink(missing_ok=True)

    def seed(self) -> int:
        """Load the start-up data; return 0 when Redis answered."""
        child = subprocess.Popen(
            [sys.executable, "-m", "shared.seed"], cwd=ROOT, env=self.environment
        )
        self.children["seed"] = child
        return child.wait()

    def keep(self, service: Service) -> None:
        """Run one service, again and again if its entry says so."""
        while True:
            code = self.attend(service.name, f"services.{service.name}.main")
            again = service.restart == "on-failure" and code != 0 and not self.stopping.is_set()
            self.say(f"{service.name} exited with code {code}{', restarting' if again else ''}")
            if not again or self.stopping.wait(RESTART_DELAY_S):
                return

    def forward(self, number: int) -> None:
        """Pass a signal on to every child that still runs."""
        for child in list(self.children.values()):
            if child.poll() is None:
                child.send_signal(number)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Stop everything; what does not stop in time is killed."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.forward(signal.SIGTERM if number == signal.SIGHUP else number)
        deadline = threading.Timer(KILL_AFTER_S, self.forward, [signal.SIGKILL])
        deadline.daemon = True
        deadline.start()

    def run(self) -> int:
        """Load the start-up data, run all services, return when they have all gone."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        if self.seed() != 0:
            if not self.stopping.is_set():
                self.say("redis does not answer, nothing started")
            return 1
        keepers = [
            threading.Thread(target=self.keep, args=(service,), name=service.name)
            for service in SERVICES
        ]
        for keeper in keepers:
            keeper.start()
        for keeper in keepers:
            # Another thread may take the signal; its handler runs when this one next wakes.
            while keeper.is_alive():
                keeper.join(0.5)
        return 0


def running() -> bool:
    """Whether the process of the pid file lives."""
    try:
        os.kill(int(PID_FILE.read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return False
    return True


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log-dir", type=Path, help="write one log file per service here")
    options = parser.parse_args()
    if running():
        sys.stderr.write("orderflow is running already; stop it with stop.py\n")
        return 1
    if options.log_dir is not None:
        options.log_dir.mkdir(parents=True, exist_ok=True)
    PID_FILE.parent.mkdir(exist_ok=True)
    PID_FILE.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        return Fleet(options.log_dir).run()
    finally:
        PID_FILE.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
