"""The indexer: a child process that reads the project's files once, while the session goes on."""

from __future__ import annotations

from agents.engine import Engine, Handle
from agents.job import WatcherJob
from orchestrator.session.story import Story
from tools.clock import Clock
from tools.sources.records import Gap

_ATTEMPTS_MAX = 3


class Indexer:
    """Starts the indexer and starts it again where it fails; its result appears in the workspace by rename."""

    def __init__(self, engine: Engine, story: Story, clock: Clock) -> None:
        self._engine, self._story, self._clock = engine, story, clock
        self._job: WatcherJob | None = None
        self._handle: Handle | None = None
        self._attempt = 0
        self.failed = False

    def start(self, job: WatcherJob) -> None:
        """Start it in the background; a failure to do so is a gap."""
        self._job = job
        self._launch()

    def look(self) -> None:
        """Start it again where it failed; after three attempts that is a gap."""
        code = None if self._handle is None else self._handle.poll()
        if code is None:
            return
        self._release()
        if code == 0:
            self._story.event("agent-finished", agent="INDEXER", attempt=self._attempt)
        elif self._attempt < _ATTEMPTS_MAX:
            self._story.restart("INDEXER", self._attempt + 1, f"exited with code {code}")
            self._launch()
        else:
            self._give_up(f"the indexer ended {_ATTEMPTS_MAX} times, at last with code {code}")

    def finish(self, *, there: bool) -> None:
        """The window is over: what is not read by now will not be. `there` says that the result is."""
        if not there:
            self.look()
        if not there and self._handle is not None:
            self._give_up("the indexer was not done at the end of the window")
        self.close()

    def close(self) -> None:
        """Kill it if it still runs."""
        self._release()

    def _launch(self) -> None:
        assert self._job is not None
        self._attempt += 1
        try:
            self._handle = self._engine.start(self._job.model_copy(update={"attempt": self._attempt}))
        except OSError as error:
            self._give_up(f"the indexer could not be started: {error}")
            return
        self._story.event("agent-started", agent="INDEXER", attempt=self._attempt, pid=self._handle.pid)

    def _give_up(self, why: str) -> None:
        self.failed = True
        fix = "See agents/indexer/watcher.log; exclude large folders, or use a longer window."
        now = self._clock.now_ms()
        self._story.gap(Gap(what="the project's code", why=why, fix=fix, source="agents/indexer", at_ms=now))

    def _release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
