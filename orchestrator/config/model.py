"""The whole configuration as one frozen model. It holds values, never clients.

Loading (file, environment, flags, errors with file, key and line) is `orchestrator/config/load.py`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from agents.job import LogSource, ServiceSpec
from orchestrator.config.llm import LlmSection
from orchestrator.config.loopback import on_loopback
from orchestrator.config.nightly import NightlySection
from orchestrator.config.watch import WatchSection
from tools.detectors.expected_lines import ExpectedLines
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.quantities import Duration
from tools.sources.logs import commands
from tools.sources.redis.deployment import DATABASES_MAX, Databases

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# No blanks, control characters or backslashes: parsers differ over what such an address names.
_PLAIN_URL = re.compile(r"[!-\[\]-~]+")


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character; remove it")
    return text


Command = Annotated[str, AfterValidator(_no_nul)]
"""A command line of the user's own, for `/bin/sh -c`."""


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
    """`[redis]`: the server, or what its address stands for; `start` and `stop` are used in managed mode only."""

    url: SecretStr | None = Field(
        default=None,
        description="redis://, rediss://, unix://; redis+sentinel://, redis+cluster:// (and rediss+)",
    )
    databases: Databases = Field(
        default=None, description='"all" or a list of numbers; else the database of the url alone'
    )
    start: Command | None = Field(default=None, description='a command, or "embedded"')
    stop: Command | None = Field(default=None, description="a command; not needed for embedded")
    start_timeout: Duration = Field(default=20.0, description="until it answers PING")
    cpu_share: float = Field(
        default=0.015,
        gt=0,
        le=1,
        description="of one core of the server; polls that take more come less often",
    )
    samples: bool = Field(default=True, description="read a few stream entries for their ids and field names")

    @field_validator("databases", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        if value is None or value == "all":
            return value
        numbers = value if isinstance(value, list | tuple) else []
        if not numbers or not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError('is neither "all" nor a list of database numbers; write it like [0, 3]')
        if len(numbers) > DATABASES_MAX:
            raise ValueError(f"names more than {DATABASES_MAX} databases; name fewer")
        return tuple(numbers)


class ServiceEntry(ServiceSpec):
    """One `[[services.list]]` entry: what proves that the service lives, and how it alone is started.

    `start` is used in managed mode only; `folder` (default: the project's root) and `env` belong to it. The
    service is ready once `ready_http` answers with a status below 500, and once `ready_stream` has the
    consumer group `ready_group`, where they are given; with `ready_alive` one that says nothing is not waited for
    longer than `ready_timeout`. `env` may hold secrets: watchers are told `spec()`.
    """

    name: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    start: Command | None = Field(default=None, min_length=1, description="its command, managed mode only")
    folder: Path | None = Field(default=None, description="where it runs; else the project's root")
    env: dict[str, str] = Field(default={}, repr=False, description="variables of its command")
    ready_http: str | None = Field(default=None, description="http(s):// on this machine, answers below 500")
    ready_stream: str | None = Field(default=None, min_length=1, description="ready once it has ready_group")
    ready_group: str | None = Field(default=None, min_length=1, description="a consumer group")
    ready_alive: bool = Field(default=False, description="at ready_timeout, a start that still runs is ready")

    @field_validator("env")
    @classmethod
    def _variables(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(_VARIABLE.fullmatch(name) for name in value):
            raise ValueError("a name is no variable's; use letters, digits and _")
        if any("\0" in text for text in value.values()):
            raise ValueError("a value holds a NUL; remove it")
        return value

    @field_validator("ready_http")
    @classmethod
    def _on_this_machine(cls, value: str | None) -> str | None:
        remedy = "write it like http://127.0.0.1:3001/health"
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError(f"is not a valid url; {remedy}") from None
        if parts.scheme not in {"http", "https"} or port == 0 or not _PLAIN_URL.fullmatch(value):
            raise ValueError(f"is no http:// or https:// url; {remedy}")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"holds credentials; {remedy}")
        if not on_loopback(host):
            raise ValueError(f"is not on this machine; {remedy}")
        return value

    @model_validator(mode="after")
    def _what_belongs_together(self) -> ServiceEntry:
        if (self.ready_stream is None) != (self.ready_group is None):
            raise ValueError("ready_stream and ready_group belong together; give both or none")
        if self.start is None and (self.env or self.folder is not None or self.ready_alive):
            raise ValueError(
                "folder, env and ready_alive belong to a start command; give start, or remove them"
            )
        return self

    def spec(self) -> ServiceSpec:
        """What a watcher may know of it: neither commands nor variables."""
        return ServiceSpec(**{key: getattr(self, key) for key in ServiceSpec.model_fields})


class ServicesSection(_Section):
    """`[services]`: the audited processes. A start command for all and one per entry may both be given."""

    start: Command | None = Field(default=None, description="a command, managed mode only")
    stop: Command | None = Field(default=None, description="a command; else the process group is ended")
    env_file: Path | None = Field(default=None, description="a .env for the start commands' environment")
    expected: tuple[str, ...] = Field(default=(), description="names; else learned from the output")
    prefixes: dict[str, str] = Field(default={}, description="prefix in the merged output = service name")
    ready_pattern: str | None = Field(default=None, description="a regular expression (re2)")
    ready_timeout: Duration = Field(default=30.0, description="until each service is ready")
    list: tuple[ServiceEntry, ...] = Field(default=(), description="what proves that each lives")

    @field_validator("prefixes")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(prefix and name for prefix, name in value.items()):
            raise ValueError('a prefix or a name is empty; write it like {"0" = "gateway"}')
        return value

    @property
    def has_start(self) -> bool:
        """Whether anything says how a service is started."""
        return self.start is not None or any(entry.start is not None for entry in self.list)


class LogSourceSection(LogSource):
    """One `[[logs.sources]]` entry."""

    @model_validator(mode="after")
    def _exactly_one(self) -> LogSourceSection:
        given = [self.path, self.docker, self.journald, self.kubectl]
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of path, docker, journald, kubectl")
        if "captured" in self.model_fields_set:
            raise ValueError("`captured` is set by a session itself; remove it")
        log = commands.named(self)
        problem = None if log is None else log.problem
        if log is not None and problem is not None:
            raise ValueError(f"{log.kind}: {problem}")
        return self


class LogsSection(_Section):
    """`[logs]`."""

    sources: tuple[LogSourceSection, ...] = ()
    expected: tuple[ExpectedLines, ...] = ()
    merged: bool = Field(default=True, description="write logs/merged.log: all services' lines in one file")
    merged_size_mb: int = Field(default=64, ge=1, description="at which merged.log is rotated, in MB")
    merged_keep: int = Field(default=3, ge=0, le=100, description="rotated files of it that are kept")


class SessionSection(_Section):
    """`[session]`: the clocks."""

    mode: Mode | None = Field(default=None, description="else it follows from the configuration")
    duration: Duration = Field(default=600.0, gt=0, description="of the window")
    poll_interval: Duration = Field(default=15.0, gt=0)
    heartbeat: Duration = Field(default=120.0, gt=0, description="for a window of 10 minutes")
    flush_grace: Duration = Field(default=10.0, description="for the agents, after STOP")
    hold: Duration = Field(
        default=0.0, description="after the window, for investigators beside the session (MCP)"
    )
    drain: Duration = Field(default=15.0, description="for the services, after their stop")
    keep_alive: Duration = Field(
        default=60.0, description="of services whose session was killed, for --resume"
    )


class OutputSection(_Section):
    """`[output]`."""

    workspace: Path = Path("monitor-session")
    state_db: Path = Path(".state/orchestration.db")
    archive: bool = True
    """Archive a session at its end. The next one does it in any case before it takes the workspace."""

    @property
    def state_folder(self) -> Path:
        """Where locks and keys lie: the database's folder where that is ours alone, else `.state` in it.

        A folder of ours is ignored by git as a whole, so it must not be one that holds something else.
        """
        parent = self.state_db.parent
        return parent if parent.name == ".state" else parent / ".state"


class StoreSection(_Section):
    """`[store]`: what sessions left, in the database `output.state_db`."""

    enabled: bool = True
    """Whether a session is taken over when it is over."""
    keep_days: int = Field(default=7, ge=1)
    """Older samples, events, findings and alerts go; errors that nobody resolved, runs and archives stay."""


class AlertsSection(_Section):
    """`[alerts]`: who is told of what a session found."""

    file: Path | None = None
    """The rules; without them nobody is told anything."""
    shadow: bool = False
    """Print what would be sent, and send nothing."""


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
    store: StoreSection = StoreSection()
    alerts: AlertsSection = AlertsSection()
    nightly: NightlySection = NightlySection()
    watch: WatchSection = WatchSection()
    fail_on: str = Field(default="high", pattern=r"^(new:)?(critical|high|medium|low|info|never)$")

    @property
    def judgement(self) -> Judgement:
        """Limits and intent for the rules."""
        return Judgement(limits=self.thresholds, expect=self.expect, expected_lines=self.logs.expected)
