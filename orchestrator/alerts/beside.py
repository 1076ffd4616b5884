"""The alerting process beside a session: started, read, and ended within bounds. Whatever becomes of it, the session goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from orchestrator.alerts.live import Job
from tools.interpreter import python_path

END_S = 10.0
"""What a message on its way may take when the session is over; then the process is killed."""
_KILLED_S = 5.0
_LINES_MAX = 500
_HOME = Path(__file__).resolve().parents[2]
OnLine = Callable[[str], None]


class LiveAlerts:
    """One process for one session."""

    def __init__(self, job: Job, environ: Mapping[str, str], on_line: OnLine) -> None:
        """Start it. `on_line` is called in a thread for what it prints. A refusal is told by `end`."""
        self._why = ""
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator.alerts.live_process"],
                env={**environ, "PYTHONPATH": python_path(_HOME, environ)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the session
            )
            assert self._process.stdin is not None
            self._process.stdin.write(msgspec.json.encode(job) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            self._why = f"it could not be started ({error.strerror or error})"
            if self._process is not None:
                self._process.kill()
                self._process.wait(_KILLED_S)
                self._process = None
            return
        self._reader = threading.Thread(target=self._read, args=(on_line,), name="alerts", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int | None:
        """Of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    def end(self, within_s: float = END_S) -> str:
        """End it; why it did not do its work to the end, "" where it did.

        A Ctrl-C while it is waited for ends it at once, and nothing else: the session is over and has its outcome.
        """
        process = self._process
        if process is None:
            return self._why
        early = process.poll()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._kill(process, f"it was ended, as it was not done within {within_s:g} s")
        except KeyboardInterrupt:
            self._kill(process, "it was ended by Ctrl-C")
        else:
            if early is not None or code != 0:
                self._why = f"its process ended before the session (code {code})"
        with suppress(KeyboardInterrupt):
            self._reader.join(_KILLED_S)
        return self._why

    def _kill(self, process: subprocess.Popen[bytes], why: str) -> None:
        self._why = why
        process.kill()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_KILLED_S)

    def _read(self, on_line: OnLine) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for number, line in enumerate(self._process.stdout):
            if number < _LINES_MAX:
                on_line(line.decode("utf-8", "replace").rstrip("\n"))
        self._process.stdout.close()
