"""Logs as a container engine keeps them: records with a time and a stream, appended; the writer runs or has stopped."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

CHUNK_BYTES = 16 * 1024
SECOND_NS = 1_000_000_000


class Record(NamedTuple):
    """`data` ends with its newline where the writer wrote one."""

    ns: int
    stream: str
    data: bytes


class Store:
    """One container's log in a folder. What is written comes in chunks of 16 KiB, as the engine gets them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self._log = self.folder / "log"
        self._half = b""
        self._ns = 0

    @property
    def exists(self) -> bool:
        return self.folder.is_dir()

    @property
    def running(self) -> bool:
        return (self.folder / "running").exists()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log.touch()
        (self.folder / "running").touch()

    def stop(self) -> None:
        """The writer ends: what it had not ended by a newline is kept as it is."""
        if self._half:
            self.append(self._half, time.time_ns())
            self._half = b""
        (self.folder / "running").unlink()

    def write(self, data: bytes, stream: str = "stdout") -> None:
        data = self._half + data
        at = max(time.time_ns(), self._ns + 1)
        *lines, self._half = data.split(b"\n")
        for line in lines:
            self.append(line + b"\n", at, stream)
            at += 1
        self._ns = at

    def append(self, data: bytes, ns: int, stream: str = "stdout") -> None:
        """One line at a time of one's own choice."""
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        with self._log.open("ab") as file:
            for chunk in chunks:
                file.write(json.dumps([ns, stream, base64.b64encode(chunk).decode()]).encode() + b"\n")

    def rotate(self) -> None:
        """What was kept is gone."""
        self._log.rename(self._log.with_suffix(".1"))
        self._log.touch()

    def follow(self, since_ns: int, tail: int | None, *, follow: bool) -> Iterator[Record | None]:
        """The records from a time on, or the last lines; `follow`: new ones until the writer stops, None between."""
        with self._log.open("rb") as file:
            known = list(_read(file))
            ends = [index for index, record in enumerate(known) if record.data.endswith(b"\n")]
            if known and not known[-1].data.endswith(b"\n"):
                ends.append(len(known) - 1)
            if tail is not None and tail < len(ends):
                known = known[ends[-tail - 1] + 1 :] if tail else []
            yield from (record for record in known if record.ns >= since_ns)
            while follow:
                running = self.running
                yield from (record for record in _read(file) if record.ns >= since_ns)
                if not running:
                    return
                yield None


def _read(file: IO[bytes]) -> Iterator[Record]:
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        ns, stream, data = json.loads(line)
        yield Record(ns, stream, base64.b64decode(data))


def stamp(ns: int, *, trimmed: bool) -> str:
    """RFC 3339 with nanoseconds; `trimmed`: without zeros at the end, as Go's RFC3339Nano."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // SECOND_NS))
    fraction = f".{ns % SECOND_NS:09d}"
    if trimmed:
        fraction = fraction.rstrip("0").rstrip(".")
    return f"{seconds}{fraction}Z"
