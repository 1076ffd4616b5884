"""Sources that tests write to, one for each kind of feed; `conformance` holds for all of them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.fakes import log_engine
from tests.fakes.docker_engine import Container, DockerEngine
from tests.fakes.journal import Journal
from tests.fakes.kube_api import KubeApi
from tests.fakes.log_store import Store
from tools.sources.logs import commands
from tools.sources.logs.command import CommandFeed
from tools.sources.logs.commands import Named
from tools.sources.logs.feed import Checkpoint, CommandCheckpoint, FileCheckpoint, LogFeed
from tools.sources.logs.follow import Follower
from tools.sources.logs.journald import JournaldLogs


class Bench(Protocol):
    """One source. It exists from the start; `end` and `again` are what such sources do in their lives."""

    has_half_lines: bool

    def feed(self, checkpoint: Checkpoint | None = None, *, from_end: bool = False) -> LogFeed:
        """A feed of the source."""
        ...

    def missing(self) -> LogFeed:
        """A feed of a source that is not there."""
        ...

    def create_missing(self) -> None:
        """The source that was not there appears, with the line `first`."""
        ...

    def write(self, data: bytes) -> None:
        """Bytes that the source's writer prints; half lines only where there are such."""
        ...

    def end(self) -> None:
        """The source ends: rotated, stopped."""
        ...

    def again(self) -> None:
        """It goes on."""
        ...

    def close(self) -> None:
        """Clean up."""
        ...


class FileBench:
    """A file; `change` is what happens to it: renamed, copied and truncated, deleted."""

    has_half_lines = True

    def __init__(self, folder: Path, change: str) -> None:
        self.path = folder / "app.log"
        self.path.touch()
        self._change, self._count = change, 0

    def feed(self, checkpoint: Checkpoint | None = None, *, from_end: bool = False) -> LogFeed:
        assert checkpoint is None or isinstance(checkpoint, FileCheckpoint)
        return Follower(self.path, checkpoint, from_end=from_end)

    def missing(self) -> LogFeed:
        return Follower(self.path.with_name("other.log"), None, from_end=True)

    def create_missing(self) -> None:
        self.path.with_name("other.log").write_bytes(b"first\n")

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def end(self) -> None:
        self._count += 1
        older = self.path.with_name(f"app.log.{self._count}")
        if self._change == "renamed":
            self.path.rename(older)
        elif self._change == "truncated":
            shutil.copy(self.path, older)
            os.truncate(self.path, 0)
        else:
            self.path.unlink()

    def again(self) -> None:
        self.path.touch()

    def close(self) -> None:
        pass


class StoreBench:
    """A log that a stand-in of docker or kubectl prints, or (`api`) the real kubectl from a stand-in of the server."""

    has_half_lines = True

    def __init__(self, folder: Path, kind: str, *, api: bool = False) -> None:
        self._kind = kind
        self._since_ms = now_ms()
        self._folder = folder / "store"
        self._folder.mkdir()
        self.store = Store(self._folder, "orders")
        self.store.start()
        self._other = Store(self._folder, "other")
        self._api = KubeApi(folder, self._folder) if api else None
        self.environ: Mapping[str, str] = {"PATH": str(folder / "bin")}
        if self._api is not None:
            home = {"HOME": str(folder), "KUBECONFIG": str(self._api.config)}
            self.environ = {"PATH": os.environ["PATH"]} | home
        else:
            log_engine.program(folder / "bin", kind, self._folder)

    def feed(self, checkpoint: Checkpoint | None = None, *, from_end: bool = False) -> CommandFeed:
        return self._feed("orders", checkpoint, from_end=from_end)

    def missing(self) -> LogFeed:
        return self._feed("other", None, from_end=True)

    def create_missing(self) -> None:
        self._other.start()
        self._other.write(b"first\n")

    def write(self, data: bytes) -> None:
        self.store.write(data)

    def end(self) -> None:
        self.store.stop()

    def again(self) -> None:
        self.store.start()

    def close(self) -> None:
        for store in (self.store, self._other):
            if store.running:
                store.stop()
        if self._api is not None:
            self._api.close()

    def _feed(self, name: str, checkpoint: Checkpoint | None, *, from_end: bool) -> CommandFeed:
        assert checkpoint is None or isinstance(checkpoint, CommandCheckpoint)
        return commands.feed(
            Named(self._kind, name),
            checkpoint,
            since_ms=self._since_ms,
            from_end=from_end,
            environ=self.environ,
        )


class DockerBench:
    """A container of a real engine."""

    has_half_lines = True

    def __init__(self, folder: Path, engine: DockerEngine, options: Sequence[str] = ()) -> None:
        self._folder, self._engine = folder, engine
        self._since_ms = now_ms()
        self.container = Container(engine, folder, None, options)
        self._other: Container | None = None

    def feed(self, checkpoint: Checkpoint | None = None, *, from_end: bool = False) -> LogFeed:
        return self.named(self.container.name, checkpoint, from_end=from_end)

    def missing(self) -> LogFeed:
        return self.named(f"{self.container.name}-other", None, from_end=True)

    def create_missing(self) -> None:
        self._other = Container(self._engine, self._folder, f"{self.container.name}-other")
        self._other.write(b"first\n")

    def write(self, data: bytes) -> None:
        self.container.write(data)

    def end(self) -> None:
        self.container.end()

    def again(self) -> None:
        self.container.again()

    def close(self) -> None:
        self.container.close()
        if self._other is not None:
            self._other.close()

    def named(
        self, name: str, checkpoint: Checkpoint | None = None, *, from_end: bool = False
    ) -> CommandFeed:
        assert checkpoint is None or isinstance(checkpoint, CommandCheckpoint)
        return commands.feed(
            Named("docker", name),
            checkpoint,
            since_ms=self._since_ms,
            from_end=from_end,
            environ=self._engine.environ,
        )


class JournalBench:
    """A unit of a real journal, read by the real journalctl."""

    has_half_lines = False

    def __init__(self, folder: Path) -> None:
        self._since_ms = now_ms()
        self.journal = Journal(folder / "journal")
        self.journal.write(b"of another unit", unit="payments.service")

    def feed(self, checkpoint: Checkpoint | None = None, *, from_end: bool = False) -> LogFeed:
        return self.unit("orders", checkpoint, from_end=from_end)

    def missing(self) -> LogFeed:
        return self.unit("other", None, from_end=True)

    def unit(self, name: str, checkpoint: Checkpoint | None, *, from_end: bool) -> CommandFeed:
        assert checkpoint is None or isinstance(checkpoint, CommandCheckpoint)
        where = [f"--directory={self.journal.folder}"]
        return CommandFeed(
            lambda start: JournaldLogs(name, start, where),
            checkpoint,
            since_ms=self._since_ms,
            from_end=from_end,
        )

    def create_missing(self) -> None:
        self.journal.write(b"first", unit="other.service")

    def write(self, data: bytes) -> None:
        assert data.endswith(b"\n")
        for line in data[:-1].split(b"\n"):
            self.journal.write(line)

    def end(self) -> None:
        self.journal.stop()

    def again(self) -> None:
        self.journal.start()

    def close(self) -> None:
        self.journal.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
