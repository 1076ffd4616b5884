"""What is audited where nothing is configured: the settings that the project's own files tell, each with its origin."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.config.finders.logs import LogFile
from orchestrator.config.finders.starts import Service
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.model import LogSourceSection, LogsSection, Mode
from orchestrator.config.origin import Origin
from orchestrator.config.survey import Survey, look
from tools.errors import UsageError
from tools.masking import mask

_NAMES_SHOWN = 8
_PATIENCE = "2m"
"""For the server and for the services where something is built or fetched first."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Settings that were found: (dotted name, value, origin); `lines` tell them to the user.

    `logs` are sources for a session that attaches: in a managed one the captured output holds the same lines.
    """

    settings: tuple[tuple[str, object, Origin], ...] = ()
    lines: tuple[str, ...] = ()
    logs: tuple[LogSourceSection, ...] = ()
    passed_over: tuple[str, ...] = field(default=())


def detect(root: Path, environ: Mapping[str, str], *, starts: bool) -> Detected:
    """Look at the project in `root`; start commands only with `starts`."""
    found, given = look(root, environ)
    lines: list[str] = []
    settings: list[tuple[str, object, Origin]] = []
    url = found.redis_url if given is None else given.url
    if url is not None and (given is not None or starts):
        origin = found.origins.get("redis.url", "")
        settings.append(("redis.url", url, Origin(name=origin)))
        lines.append(f"the server's address, from {origin}")
    if starts and found.has_start:
        settings += _starts(root, found)
        lines += _lines(found)
    elif starts and found.redis_start is not None:
        settings += _server(found)
    logs = tuple(_source(root, log) for log in found.logs)
    passed_over = found.passed_over if starts else ()
    lines += [f"not used: {sentence}" for sentence in passed_over] if settings else []
    return Detected(tuple(settings), tuple(lines), logs, passed_over)


def with_logs(loaded: LoadedConfig) -> LoadedConfig:
    """The same for a session that attaches: the log files that were found are its sources."""
    if not loaded.logs:
        return loaded
    config = loaded.config.model_copy(update={"logs": LogsSection(sources=loaded.logs)})
    lines = tuple(f"log files: {source.path}" for source in loaded.logs)
    return replace(loaded, config=config, detected=(*loaded.detected, *lines), logs=())


def ensure_something(loaded: LoadedConfig, cwd: Path) -> None:
    """Raise UsageError where nothing says what to audit: a demo is never audited silently."""
    config = loaded.config
    if loaded.file is not None or config.redis.url is not None or config.session.mode is not None:
        return
    folder = config.project.root
    shown = mask(str(folder)) if folder != cwd else "this folder"
    seen = "".join(f" {sentence}" for sentence in loaded.passed_over)
    raise UsageError(
        f"Nothing says what to audit. Looked in {shown} for streamgauge.toml, [tool.streamgauge] in "
        "pyproject.toml, the scripts dev:all and dev:redis:memory of package.json, a compose file, a Procfile, "
        "workspaces of npm, pnpm or yarn with dev scripts and REDIS_URL in .env, and in the environment for "
        f"REDIS_URL and STREAMGAUGE_REDIS_URL.{seen} Write a configuration with `streamgauge init`, give "
        "--redis-url, audit the code alone with `--mode static`, or try the bundled example with "
        "`streamgauge run --demo`."
    )


def wants_starts(mode: object, *, address_is_given: bool) -> bool:
    """Whether start commands are looked for: not for what only looks, nor where an address says what to look at."""
    if mode in {Mode.ATTACH.value, Mode.STATIC.value, Mode.REPLAY.value}:
        return False
    return mode == Mode.MANAGED.value or not address_is_given


def _starts(root: Path, found: Survey) -> Iterator[tuple[str, object, Origin]]:
    yield from _server(found)
    origin = Origin(file=found.origins["services.start"])
    for key, value in (
        ("services.start", found.services_start),
        ("services.stop", found.services_stop),
        ("services.env_file", None if found.env_file is None else str(root / found.env_file)),
        # Known by their prefix, not expected: who never says that it is ready must not end the session.
        ("services.prefixes", {name: name for name in found.expected} | dict(found.prefixes) or None),
        ("services.list", [_entry(root, service) for service in found.services] or None),
        ("services.ready_timeout", _PATIENCE if found.patient else None),
    ):
        if value is not None:
            yield key, value, origin


def _server(found: Survey) -> Iterator[tuple[str, object, Origin]]:
    origin = Origin(name=found.origins.get("redis.start", ""))
    for key, value in (
        ("redis.start", found.redis_start),
        ("redis.stop", found.redis_stop),
        ("redis.start_timeout", _PATIENCE if found.patient else None),
    ):
        if value is not None:
            yield key, value, origin


def _entry(root: Path, service: Service) -> dict[str, object]:
    """A `[[services.list]]` table."""
    given = {
        "name": service.name,
        "port": service.port,
        "start": service.start,
        "folder": None if service.folder is None else str(root / service.folder),
        "env": dict(service.env) if service.start is not None and service.env else None,
        "ready_alive": True if service.start is not None and service.port is None else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _source(root: Path, log: LogFile) -> LogSourceSection:
    return LogSourceSection(service=log.service, path=f"{glob.escape(str(root))}/{log.path}")


def _lines(found: Survey) -> Iterator[str]:
    """What would be started, for the head of a run and for a plan."""
    yield (
        f"the server's start, from {found.origins['redis.start']}: {mask(found.redis_start or '')}"
        if (found.redis_start is not None)
        else "no start of the server"
    )
    file = found.origins["services.start"]
    if found.services_start is not None:
        yield f"the services' start, from {file}: {mask(found.services_start)}"
    own = [service.name for service in found.services if service.start is not None]
    if own:
        shown = ", ".join(own[:_NAMES_SHOWN]) + (
            f" and {len(own) - _NAMES_SHOWN} more" if own[_NAMES_SHOWN:] else ""
        )
        yield f"a start command for each of {len(own)} services, from {file}: {shown}"
    if found.env_file is not None:
        yield f"variables of the start commands, from {found.env_file}"
