"""Real journal files, written by systemd-journal-remote from its export format."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

_PLACES = ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")


def writer() -> str | None:
    """The program that writes journals; None where it, or `journalctl`, is missing."""
    if shutil.which("journalctl") is None:
        return None
    return next((place for place in _PLACES if Path(place).exists()), None)


class Journal:
    """A folder of journal files. Each `start` begins a new file, as a rotation does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._us = time.time_ns() // 1000
        self._files = 0
        self.start()

    def start(self) -> None:
        self._files += 1
        program = writer()
        assert program is not None
        self._process = subprocess.Popen(
            [program, f"--output={self.folder}/part-{self._files}.journal", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def write(self, message: bytes | None, unit: str = "orders.service", priority: int | None = 6) -> None:
        """One entry; `message` None: without one."""
        self._us = max(time.time_ns() // 1000, self._us + 1)
        fields = [
            b"__REALTIME_TIMESTAMP=%d" % self._us,
            b"__MONOTONIC_TIMESTAMP=%d" % (self._us % 10**9),
            b"_BOOT_ID=%032x" % 1,
            b"_SYSTEMD_UNIT=" + unit.encode(),
        ]
        if priority is not None:
            fields.append(b"PRIORITY=%d" % priority)
        if message is not None:
            fields.append(b"MESSAGE\n" + len(message).to_bytes(8, "little") + message)
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n".join(fields) + b"\n\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
