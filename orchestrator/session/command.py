"""One command of the audited project: started in a session of its own, its output read without a pause.

A full pipe would stop the service that writes to it, so a thread reads and hands on; it never waits for us.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

Sink = Callable[[list[bytes]], None]
"""Gets whole lines without their ends, in order, from the reading thread; must not raise."""

_CHUNK_BYTES = 1 << 16
_LINE_BYTES_MAX = 1 << 20
"""A longer line is handed on in pieces of this size."""
_LOOK_EVERY_S = 0.2
_JOIN_S = 5.0


class Command:
    """A running command. A text goes through `/bin/sh -c`, as the user wrote it; a sequence is argv.

    Raises OSError where it cannot be started.
    """

    def __init__(
        self, command: str | Sequence[str], folder: Path, extra: Mapping[str, str], sink: Sink
    ) -> None:
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        self._process = subprocess.Popen(
            argv,
            cwd=folder,
            env=os.environ | dict(extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._sink = sink
        self._finish = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The pid, which is the process group's too."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code of the command itself, None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        """Read what is left, then close. Call it when the processes are gone."""
        self._finish.set()
        self._reader.join(_JOIN_S)
        self._process.poll()

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        tail = b""
        with pipe, selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                if not selector.select(_LOOK_EVERY_S):
                    if self._finish.is_set():
                        break
                    continue
                part = b""
                with suppress(OSError):
                    part = os.read(pipe.fileno(), _CHUNK_BYTES)
                if not part:
                    break
                *lines, tail = (tail + part).split(b"\n")
                if len(tail) > _LINE_BYTES_MAX:
                    lines, tail = [*lines, tail], b""
                self._sink(lines)
        if tail:
            self._sink([tail])
