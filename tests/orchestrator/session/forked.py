"""Session processes that are forked out of a prepared one (`tests.fakes.session_server`)."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[3]


class Sessions:
    """The server of this worker, started when first wanted."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._codes: dict[int, int] = {}
        self._begun = b""

    def start(self, arguments: list[str], environment: dict[str, str], output: Path) -> ForkedSession:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.fakes.session_server"], cwd=ROOT, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self._server.stdin is not None
        order = {"arguments": arguments, "environment": environment, "output": str(output)}
        self._server.stdin.write(msgspec.json.encode(order) + b"\n")
        self._server.stdin.flush()
        ends = time.monotonic() + 60
        while (pid := self._heard(ends - time.monotonic())) is None:
            assert time.monotonic() < ends, "no session was forked"
        self._codes.pop(pid, None)
        return ForkedSession(self, pid, output)

    def code_of(self, pid: int, seconds: float = 0) -> int | None:
        """Its exit code, negative for a signal, waited for up to `seconds`; None while it runs."""
        ends = time.monotonic() + seconds
        while pid not in self._codes:
            left = ends - time.monotonic()
            if left < 0 and not self._anything(0):
                return None
            self._heard(max(left, 0))
        return self._codes[pid]

    def stop(self) -> None:
        if self._server is not None:
            self._server.communicate(timeout=60)

    def _anything(self, seconds: float) -> bool:
        assert self._server is not None
        assert self._server.stdout is not None
        return b"\n" in self._begun or bool(select.select([self._server.stdout], [], [], seconds)[0])

    def _heard(self, seconds: float) -> int | None:
        """One thing that the server says; the pid, where that is that a session was started."""
        if not self._anything(seconds):
            return None
        assert self._server is not None
        assert self._server.stdout is not None
        while b"\n" not in self._begun:
            part = os.read(self._server.stdout.fileno(), 65536)
            assert part, "the server of sessions has ended"
            self._begun += part
        line, _, self._begun = self._begun.partition(b"\n")
        what, pid, *code = msgspec.json.decode(line)
        if what == "started":
            return int(pid)
        self._codes[pid] = code[0]
        return None


class ForkedSession:
    """One of them, as a `Popen` would tell of it. `output` is what it printed."""

    def __init__(self, sessions: Sessions, pid: int, output: Path) -> None:
        self._sessions, self.pid, self._output = sessions, pid, output

    def poll(self) -> int | None:
        return self._sessions.code_of(self.pid)

    def finish(self, seconds: float) -> tuple[int, str]:
        code = self._sessions.code_of(self.pid, seconds)
        assert code is not None, f"pid {self.pid} still runs after {seconds} s"
        return code, self._output.read_text(encoding="utf-8")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
