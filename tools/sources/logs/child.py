"""One program whose output is read without ever waiting for it, and which never outlives this process.

It runs in a process group of its own, which `close` kills; `leash` sees to it that it dies with us, however we die
(on Linux the program itself: what it started and has lost must end by itself, as ssh and credential helpers do).
What it has printed and we have not read waits in the pipe: a program that is quicker than we are is held up, nothing
grows.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")
_HOW = "exec" if sys.platform == "linux" else "stay"
_PIPE_BYTES = 1 << 20
"""Where the system allows it: a pipe of 64 KiB read a few times a second holds up busy logs."""
_WORDS_BYTES_MAX = 4096
_REAP_S = 5.0
_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)


class Child:
    """A running program. `merged`: its standard error comes in its output. Raises OSError where it cannot be started."""

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        *,
        merged: bool,
        how: str = _HOW,
        cwd: Path | None = None,
    ) -> None:
        """`argv` begins with the program's absolute path."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), how, str(os.getpid()), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=dict(environ),
            cwd=cwd,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._errors = self._process.stderr
        self._said = b""
        self._killed = False
        for pipe in (self._output, self._errors):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        if _F_SETPIPE_SZ is not None:
            with suppress(OSError):
                fcntl.fcntl(self._output, _F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether output, or its end, can be read now."""
        poller = select.poll()
        poller.register(self._output, select.POLLIN | select.POLLHUP)
        return bool(poller.poll(0))

    def read(self, size: int) -> bytes | None:
        """Up to `size` bytes of output; b"" at its end, None where nothing is there now."""
        try:
            return os.read(self._output.fileno(), size)
        except BlockingIOError:
            return None

    def words(self, *, last: bool = False) -> list[str]:
        """The lines that came on standard error since the last call, the newest 4 KB; `last`: a half one too."""
        if self._errors is None:
            return []
        with suppress(BlockingIOError):
            while block := os.read(self._errors.fileno(), 65536):
                self._said = (self._said + block)[-_WORDS_BYTES_MAX:]
        *lines, self._said = self._said.split(b"\n")
        if last:
            lines, self._said = [*lines, self._said], b""
        return [text for line in lines if (text := line.decode("utf-8", "replace").strip())]

    def ended(self) -> int | None:
        """Its exit code, negative for a signal, once it has ended; what it left running is killed then."""
        code = self._process.poll()
        if code is not None:
            self._kill()
        return code

    def close(self) -> None:
        """Kill its process group, reap it, release the pipes."""
        self._kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)
        for pipe in (self._process.stdin, self._output, self._errors):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _kill(self) -> None:
        # Once only: the group's id may be another's when the group is long gone.
        if not self._killed:
            self._killed = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
