"""The whole configuration as one frozen model. It holds values, never clients.

Loading (file, environment, flags, errors with file, key and line) is `orchestrator/config/load.py`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from agents.job import LogSource, ServiceSpec
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.quantities import Duration


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mode(StrEnum):
    """What kind of session `run` makes."""

    MANAGED = "managed"
    ATTACH = "attach"
    STATIC = "static"
    REPLAY = "replay"


class ProjectSection(_Section):
    """`[project]`: what is audited."""

    root: Path = Field(default=Path(), description="the audited repository")
    include: tuple[str, ...] = Field(default=(), description="globs; empty = everything")
    exclude: tuple[str, ...] = Field(default=(), description="globs, added to the built-in list")


class RedisSection(_Section):
    """`[redis]`: the server; `start` and `stop` are used in managed mode only."""

    url: SecretStr | None = Field(default=None, description="redis://, rediss://, unix://")
    start: str | None = Field(default=None, description='a command, or "embedded"')
    stop: str | None = Field(default=None, description="a command; not needed for embedded")
    start_timeout: Duration = Field(default=20.0, description="until it answers PING")


class ServicesSection(_Section):
    """`[services]`: the audited processes."""

    start: str | None = Field(default=None, description="a command, managed mode only")
    stop: str | None = Field(default=None, description="a command; else the process group is ended")
    expected: tuple[str, ...] = Field(default=(), description="names; else learned from the output")
    ready_pattern: str | None = Field(default=None, description="a regular expression (re2)")
    ready_timeout: Duration = Field(default=30.0, description="until each service is ready")
    list: tuple[ServiceSpec, ...] = Field(default=(), description="what proves that each lives")


class LogSourceSection(LogSource):
    """One `[[logs.sources]]` entry."""

    @model_validator(mode="after")
    def _exactly_one(self) -> LogSourceSection:
        given = [self.path, self.docker, self.journald, self.kubectl]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of path, docker, journald, kubectl")
        if "captured" in self.model_fields_set:
            raise ValueError("`captured` is set by a session itself; remove it")
        return self


class LogsSection(_Section):
    """`[logs]`."""

    sources: tuple[LogSourceSection, ...] = ()


class SessionSection(_Section):
    """`[session]`: the clocks."""

    mode: Mode | None = Field(default=None, description="else it follows from the configuration")
    duration: Duration = Field(default=600.0, gt=0, description="of the window")
    poll_interval: Duration = Field(default=15.0, gt=0)
    heartbeat: Duration = Field(default=120.0, gt=0, description="for a window of 10 minutes")
    flush_grace: Duration = Field(default=10.0, description="for the agents, after STOP")
    drain: Duration = Field(default=15.0, description="for the services, after their stop")


class LlmSection(_Section):
    """`[llm]`: the language model's part; this version works with rules only."""

    enabled: Literal["auto"] | bool = "auto"
    max_cost_usd: float = Field(default=2.0, ge=0)


class OutputSection(_Section):
    """`[output]`."""

    workspace: Path = Path("monitor-session")
    state_db: Path = Path(".state/orchestration.db")

    @property
    def state_folder(self) -> Path:
        """Where locks and keys lie: the database's folder where that is ours alone, else `.state` in it.

        A folder of ours is ignored by git as a whole, so it must not be one that holds something else.
        """
        parent = self.state_db.parent
        return parent if parent.name == ".state" else parent / ".state"


class Config(_Section):
    """`streamgauge.toml`."""

    project: ProjectSection = ProjectSection()
    redis: RedisSection = RedisSection()
    services: ServicesSection = ServicesSection()
    logs: LogsSection = LogsSection()
    session: SessionSection = SessionSection()
    thresholds: Limits = Limits()
    expect: tuple[Expectation, ...] = ()
    llm: LlmSection = LlmSection()
    output: OutputSection = OutputSection()
    fail_on: str = Field(default="high", pattern=r"^(new:)?(critical|high|medium|low|info|never)$")

    @property
    def judgement(self) -> Judgement:
        """Limits and intent for the rules."""
        return Judgement(limits=self.thresholds, expect=self.expect)
