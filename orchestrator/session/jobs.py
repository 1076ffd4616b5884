"""From configuration to a watcher's instructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from pydantic import SecretStr

from agents.job import ChangeJob, LogSource, MergedSpec, RedisTarget, ServiceSpec, WatcherJob, Window
from orchestrator.config.model import Config, Mode, RedisSection
from tools.findings.model import AgentId
from tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Instructions:
    """What all watchers of a session are told.

    `began_ms` is when the session did; `captured` are the services whose output we write ourselves. With
    `services_ended` nothing is said of their processes: that they are gone is our own doing.
    """

    config: Config
    mode: Mode
    session_id: str
    workspace: Workspace
    window: Window
    began_ms: int
    captured: tuple[str, ...]
    root_pids: tuple[int, ...]
    mask_key: bytes | None
    services_ended: bool = False
    change: ChangeJob | None = None
    log_templates: tuple[tuple[str, str], ...] = ()


def job(agent: AgentId | None, given: Instructions) -> WatcherJob:
    """The job of an agent, or (None) of the indexer; its attempt is set when it is started."""
    config = given.config
    static = given.mode is Mode.STATIC
    url = None if static else config.redis.url
    return WatcherJob(
        agent="INDEXER" if agent is None else agent,
        attempt=0,
        session_id=given.session_id,
        mode=cast("Literal['managed', 'attach', 'static']", given.mode.value),
        workspace=given.workspace.root,
        project_root=config.project.root,
        include=config.project.include,
        exclude=config.project.exclude,
        redis=None if url is None else redis_target(url, config.redis),
        logs=() if static else log_sources(given),
        log_templates=given.log_templates,
        merged=MergedSpec(
            enabled=config.logs.merged,
            size_bytes=config.logs.merged_size_mb * 1024 * 1024,
            keep=config.logs.merged_keep,
        ),
        logs_since_ms=given.began_ms if given.mode is Mode.MANAGED else None,
        services=() if given.services_ended else services(given),
        root_pids=() if given.services_ended else given.root_pids,
        judgement=config.judgement,
        window=given.window,
        mask_key=None if given.mask_key is None else SecretStr(given.mask_key.hex()),
        code_cache=config.output.state_folder / "code-index",
        change=given.change,
    )


def redis_target(url: SecretStr, section: RedisSection) -> RedisTarget:
    """What of the section watchers are told."""
    return RedisTarget(
        url=url, databases=section.databases, cpu_share=section.cpu_share, samples=section.samples
    )


def log_sources(given: Instructions) -> tuple[LogSource, ...]:
    """The configured sources, and the files of the output that we capture."""
    configured = [LogSource(**source.model_dump()) for source in given.config.logs.sources]
    captured = [
        LogSource(service=name, path=str(given.workspace.service_log(name)), captured=True)
        for name in given.captured
    ]
    return (*configured, *captured)


def services(given: Instructions) -> tuple[ServiceSpec, ...]:
    """Every known service: the configured, the expected, the learned, in this order."""
    specs = {entry.name: entry.spec() for entry in given.config.services.list}
    named = (
        *given.config.services.expected,
        *given.captured,
        *(source.service for source in given.config.logs.sources if source.service != "*"),
    )
    return tuple((specs | {name: ServiceSpec(name=name) for name in named if name not in specs}).values())
