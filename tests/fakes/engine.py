"""An engine without processes: handles do what the test says."""

from __future__ import annotations

from agents.job import WatcherJob
from tools.workspace import Workspace, write_atomically


class FakeHandle:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None
        self.killed = False
        self.closed = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = -15

    def kill(self) -> None:
        self.killed = self.killed or self.code is None
        self.code = -9 if self.code is None else self.code

    def close(self) -> None:
        self.kill()
        self.closed = True


class FakeEngine:
    """Keeps every job it was given; `refuse` makes the next starts fail."""

    def __init__(self) -> None:
        self.jobs: list[WatcherJob] = []
        self.handles: list[FakeHandle] = []
        self.refuse = 0

    @property
    def newest(self) -> FakeHandle:
        return self.handles[-1]

    def start(self, job: WatcherJob) -> FakeHandle:
        if self.refuse:
            self.refuse -= 1
            raise OSError(11, "Resource temporarily unavailable")
        slug = getattr(job.agent, "slug", "indexer")
        write_atomically(Workspace(job.workspace).path("agents", slug, "attempt"), str(job.attempt).encode())
        self.jobs.append(job)
        self.handles.append(FakeHandle(1000 + len(self.handles)))
        return self.newest
