"""The parts that only a managed session has: the keeper and, by it, services and server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.config.dotenv import dotenv_values
from orchestrator.config.mode import address_of
from orchestrator.config.model import Config, RedisSection
from orchestrator.keeper.client import KeeperClient
from orchestrator.keeper.contract import CommandSpec, KeeperJob, SideSpec
from orchestrator.session.redis_server import COMMAND, EMBEDDED, STOP_S, ManagedRedis
from orchestrator.session.services import KeptServices
from tools.clock import Clock
from tools.errors import UsageError
from tools.masking import fingerprint_key
from tools.sources.redis import embedded
from tools.sources.redis.readonly import ReadOnlyClient
from tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ManagedParts:
    """Keeper, services and server of one session."""

    keeper: KeeperClient
    services: KeptServices
    redis_server: ManagedRedis


def make(
    config: Config,
    session_id: str,
    workspace: Workspace,
    clock: Clock,
    *,
    connect: Callable[[], ReadOnlyClient],
    on_restart: Callable[[int], None] = lambda _: None,
) -> ManagedParts:
    """Nothing is started yet. Raises UsageError where the configuration does not say how."""
    if not config.services.has_start:
        raise UsageError("services.start is not set. Managed mode starts the services with it.")
    env_file = config.services.env_file
    if env_file is not None and not env_file.is_file():
        raise UsageError(
            f"services.env_file: {env_file} is no file. Correct the path, or remove the setting."
        )
    commands = service_commands(config)

    def job(attempt: int) -> KeeperJob:
        return keeper_job(config, session_id, workspace, attempt, os.environ)

    keeper = KeeperClient(workspace, session_id, clock, job, on_restart)
    services = KeptServices(
        session_id=session_id,
        workspace=workspace,
        clock=clock,
        keeper=keeper,
        commands=commands,
        entries=config.services.list,
        named=named(config),
        drain_s=config.session.drain,
        connect=connect,
    )
    return ManagedParts(keeper, services, ManagedRedis(config.redis, clock, keeper))


def named(config: Config) -> tuple[str, ...]:
    """The services that the configuration names."""
    section = config.services
    return tuple(dict.fromkeys((*section.expected, *(entry.name for entry in section.list))))


def service_commands(config: Config) -> tuple[CommandSpec, ...]:
    """Every start command of services, the common one first."""
    section, root = config.services, os.fsencode(config.project.root)
    common = (
        [] if section.start is None else [CommandSpec(name="services", command=section.start, folder=root)]
    )
    own = [
        CommandSpec(
            name=f"service-{number}",
            command=entry.start,
            folder=root if entry.folder is None else os.fsencode(entry.folder),
            environment=entry.env,
            service=entry.name,
        )
        for number, entry in enumerate(section.list)
        if entry.start is not None
    ]
    return (*common, *own)


def keeper_job(
    config: Config, session_id: str, workspace: Workspace, attempt: int, environ: Mapping[str, str]
) -> KeeperJob:
    """The keeper's instructions. Raises UsageError where there is no embedded server."""
    section, root = config.services, os.fsencode(config.project.root)
    declared = {} if section.env_file is None else dotenv_values(section.env_file)
    variables = {name: value for name, value in declared.items() if value is not None}
    variables |= dict(environ) | {"STREAMGAUGE_PYTHON": sys.executable}
    environment = tuple((os.fsencode(name), os.fsencode(value)) for name, value in variables.items())
    key = fingerprint_key()
    return KeeperJob(
        session_id=session_id,
        workspace=os.fsencode(workspace.root),
        attempt=attempt,
        services=SideSpec(
            commands=service_commands(config), stop=section.stop, folder=root, drain_s=config.session.drain
        ),
        redis=redis_side(config.redis, workspace, root, environ),
        environment=environment,
        named=named(config),
        prefixes=section.prefixes,
        ready_pattern=section.ready_pattern,
        mask_key=None if key is None else key.hex(),
        abandoned_after_s=config.session.keep_alive,
    )


def redis_side(
    section: RedisSection, workspace: Workspace, root: bytes, environ: Mapping[str, str]
) -> SideSpec | None:
    """How the server is started and stopped; None where the configuration does not say."""
    if section.start is None or section.url is None:
        return None
    command: str | list[bytes] = section.start
    stop = section.stop
    if section.start == EMBEDDED:
        folder = workspace.path("recording", "redis")
        folder.mkdir(parents=True, exist_ok=True)
        port = address_of(section.url.get_secret_value()).port
        argv = embedded.command(embedded.find_server(environ), port, folder)
        command, stop = [os.fsencode(word) for word in argv], None
    spec = CommandSpec(name=COMMAND, command=command, folder=root)
    return SideSpec(commands=(spec,), stop=stop, folder=root, drain_s=STOP_S, polite=False)
