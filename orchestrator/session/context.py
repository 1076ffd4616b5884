"""The `Session`: every collaborator of one session, handed to the graph as its context. Never in a checkpoint."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.engine import Engine
from agents.host import SeenFinding
from agents.job import ChangeJob, WatcherJob
from agents.node import AgentKeeper, Crew
from orchestrator.config.model import Config, Mode
from orchestrator.keeper.client import KeeperClient
from orchestrator.session import jobs
from orchestrator.session.checkpoints import Checkpoints
from orchestrator.session.clocks import Clocks, clocks
from orchestrator.session.ending import Ending
from orchestrator.session.indexer import Indexer
from orchestrator.session.lookout import Lookout
from orchestrator.session.redis_server import ManagedRedis
from orchestrator.session.services import ServicesRunner
from orchestrator.session.story import Story
from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.findings.model import AgentId, Severity
from tools.sources.records import Gap
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.readonly import ReadOnlyClient
from tools.synthesis.sessions import against
from tools.workspace import Workspace

if TYPE_CHECKING:  # what a model needs is loaded where there is one
    from orchestrator.session.model_part import ModelPart

STATIC_AGENTS = (AgentId.CONFIG_AUDITOR, AgentId.ENHANCEMENT_SCOUT)


@dataclass
class Session(Crew):
    """One session at work. `services`, `redis_server` and `keeper_client` are there in managed mode only.

    `services_ended`: they are gone by our own doing, and nothing may be concluded from it. `died_ms`: the last sign
    of life of the killed session that this one goes on with. `change`: what is compared with, where only what a
    change brings is reported. `model` is there where a language model takes part.
    """

    config: Config
    mode: Mode
    session_id: str
    workspace: Workspace
    clock: Clock
    engine: Engine
    story: Story
    ending: Ending
    services: ServicesRunner | None = None
    redis_server: ManagedRedis | None = None
    keeper_client: KeeperClient | None = None
    services_ended: bool = False
    died_ms: int | None = None
    mask_key: bytes | None = None
    change: ChangeJob | None = None
    checkpoints: Checkpoints | None = None
    model: ModelPart | None = None
    clocks: Clocks = field(init=False)
    indexer: Indexer = field(init=False)
    lookout: Lookout = field(init=False)
    _keepers: dict[str, AgentKeeper] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.clocks = clocks(self.config.session, self.story.facts.started_ms)
        self.indexer = Indexer(self.engine, self.story, self.clock)
        self.lookout = Lookout.of(self.workspace, self.clock, self.story, self.project_root)

    @property
    def project_root(self) -> Path:
        """The audited repository."""
        return self.config.project.root

    @property
    def agents(self) -> tuple[AgentId, ...]:
        """Who takes part."""
        return STATIC_AGENTS if self.mode is Mode.STATIC else tuple(AgentId)

    @property
    def redis_url(self) -> str | None:
        """The server's url, with its credentials; None in static mode."""
        if self.mode is Mode.STATIC or self.config.redis.url is None:
            return None
        return self.config.redis.url.get_secret_value()

    def begin_window(self, started_ms: int, deadline_ms: int | None = None) -> None:
        """The window begins at this moment (ms since the epoch); all clocks follow from it.

        `deadline_ms` is that of a window that goes on, whatever length is configured now.
        """
        section = self.config.session
        if deadline_ms is not None:
            section = section.model_copy(update={"duration": (deadline_ms - started_ms) / 1000})
        self.clocks = clocks(section, started_ms)
        self.ending.begin(self.clocks.window.deadline_ms)

    def job(self, agent: AgentId | None) -> WatcherJob:
        """A watcher's instructions; None = the indexer's."""
        names = self.services.names() if self.services is not None else ()
        return jobs.job(
            agent,
            jobs.Instructions(
                config=self.config,
                mode=self.mode,
                session_id=self.session_id,
                workspace=self.workspace,
                window=self.clocks.window,
                began_ms=min(
                    (run.started_ms for run in self.story.facts.phases),
                    default=self.clocks.window.started_ms,
                ),
                captured=names,
                root_pids=self.services.root_pids() if self.services is not None else (),
                mask_key=self.mask_key,
                services_ended=self.services_ended,
                change=self.change,
                log_templates=against.learnt(self.workspace) if agent is AgentId.LOG_WATCHER else (),
            ),
        )

    def keeper(self, agent: str) -> AgentKeeper:
        """The keeper of an agent, made when it is first asked for."""
        if agent not in self._keepers:
            job = self.job(AgentId(agent))
            self._keepers[agent] = AgentKeeper(self, job, self.clocks.pace)
        return self._keepers[agent]

    def keepers(self) -> tuple[AgentKeeper, ...]:
        """Those at work."""
        return tuple(self._keepers.values())

    def keepers_by_agent(self) -> dict[str, AgentKeeper]:
        """The same by agent."""
        return dict(self._keepers)

    def deployment(self) -> Deployment:
        """Everything that the server's address stands for; the caller closes it. Raises SourceUnavailable."""
        if self.redis_url is None:
            raise SourceUnavailable("Redis", "no server in this mode", "Use attach or managed mode.")
        return Deployment(self.redis_url, self.config.redis.databases)

    def connect(self) -> ReadOnlyClient:
        """A read-only connection to the one server that a managed session starts. Raises SourceUnavailable."""
        if self.redis_url is None:
            raise SourceUnavailable("Redis", "no server in this mode", "Use attach or managed mode.")
        return ReadOnlyClient.connect(self.redis_url)

    def event(self, kind: str, **details: object) -> None:
        """Write an event."""
        self.story.event(kind, **details)

    def gap(self, gap: Gap) -> None:
        """Write a gap."""
        self.story.gap(gap)

    def seen(self, agent: str, finding: SeenFinding) -> None:
        """A line of a findings journal: a measured CRITICAL is alerted at once; the window goes on."""
        if finding.severity == Severity.CRITICAL and finding.origin == "measured":
            self.story.alert(agent, finding)
        if self.model is not None:
            self.model.take(agent, finding)

    def poke(self, agent: str) -> None:
        """An agent ticks: its findings may be due to be investigated."""
        if self.model is not None:
            self.model.poke(agent)

    def seconds_left(self) -> float:
        """Of the window."""
        return (self.clocks.window.deadline_ms - self.clock.now_ms()) / 1000

    def hurried(self) -> bool:
        """Whether the session ends without what could wait: after a signal, or a failure."""
        return self.ending.signal is not None or self.ending.by in {"signal", "failure"}

    def restarted(self, agent: str, attempt: int, reason: str) -> None:
        """A watcher is started again."""
        self.story.restart(agent, attempt, reason)

    async def kill_everything(self) -> None:
        """The last resort, safe at any moment: no watcher, service or server of ours stays."""
        for keeper in self.keepers():
            keeper.close()
        self.indexer.close()
        with suppress(OSError):
            if self.keeper_client is not None:
                await self.keeper_client.kill()
        if self.model is not None:
            await self.model.close()
