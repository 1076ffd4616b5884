"""Where watchers run: the one seam between the session and the processes that look.

`LocalEngine` makes each watcher a child process in a process group of its own, so that Ctrl-C in the terminal
does not reach it and a kill takes its worker processes with it. It restarts nothing and judges nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from agents.job import WatcherJob
from tools.interpreter import python_path
from tools.workspace import Workspace, write_atomically

_PACKAGES_FOLDER = Path(__file__).resolve().parents[1]
_REAP_S = 5.0
_LINE_BYTES_MAX = 65536


class Handle(Protocol):
    """One running watcher."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it and everything it started, at once; returns when it is gone."""
        ...

    def close(self) -> None:
        """Release pipes; kills what still runs."""
        ...


class Engine(Protocol):
    """Starts watchers."""

    def start(self, job: WatcherJob) -> Handle:
        """Give the agent's journal to this attempt, then start it. Raises OSError."""
        ...


def slug_of(job: WatcherJob) -> str:
    """The agent's folder name: `log-watcher` and so on, `indexer` for the indexer."""
    return str(getattr(job.agent, "slug", "indexer"))


class LocalEngine:
    """Watchers as child processes of this one, on this interpreter.

    `command` is what is run; the default is the watcher module. PYTHONPATH begins with the folder that holds
    our packages, and `-P` keeps the audited project's own `tools` or `agents` out.
    """

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = command or (sys.executable, "-P", "-m", "agents.watcher")

    def start(self, job: WatcherJob) -> LocalHandle:
        """Write the attempt, start the process, hand it the job. Raises OSError."""
        folder = Workspace(job.workspace).path("agents", slug_of(job))
        write_atomically(folder / "attempt", str(job.attempt).encode("ascii"))
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        handle = LocalHandle(process, folder / "watcher.log")
        handle.send(job.encode() + b"\n")
        return handle


class LocalHandle:
    """A watcher as a child process; what it prints goes, masked, to `log`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        assert process.stdout is not None
        self._reader = threading.Thread(target=_keep_output, args=(process.stdout, log), daemon=True)
        self._reader.start()
        self._writer: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._process.pid

    def send(self, line: bytes) -> None:
        """Write the job to standard input, which stays open: its end tells the watcher that we died.

        In a thread: a pipe holds 64 KiB, and a watcher that stands still must not make us wait for it.
        """
        assert self._process.stdin is not None
        self._writer = threading.Thread(target=_send, args=(self._process.stdin, line), daemon=True)
        self._writer.start()

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """SIGTERM to the watcher."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to its process group (a stopped process dies too), then reap it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)

    def close(self) -> None:
        """Kill what is left of its process group and release the pipes."""
        self.kill()
        if self._writer is not None:
            self._writer.join(_REAP_S)
        if self._process.stdin is not None and (self._writer is None or not self._writer.is_alive()):
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._reader.join(_REAP_S)


def _environment() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": python_path(_PACKAGES_FOLDER, os.environ),
        "PYTHONUNBUFFERED": "1",
    }


def _send(pipe: IO[bytes], line: bytes) -> None:
    with suppress(OSError):
        pipe.write(line)
        pipe.flush()


def _keep_output(pipe: IO[bytes], log: Path) -> None:
    workspace = Workspace(log.parent)
    with pipe:
        while line := pipe.readline(_LINE_BYTES_MAX):
            with suppress(OSError):
                workspace.append_text(log, line.decode("utf-8", "replace"))
