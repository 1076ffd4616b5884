"""What a project's own files tell about its server, its services and its logs: material for `init`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from orchestrator.config.detect import COMPOSE_FILES, redis_url

_BYTES_MAX = 1_000_000
_LOGS_MAX = 50
_LOG_GLOBS = ("logs/*.log", "log/*.log", "*/logs/*.log", "*.log")
_SERVERS = ("redis", "valkey")
_MANAGERS = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lockb", "bun"))
_SCRIPTS = {
    "redis_start": "dev:redis:memory",
    "redis_stop": "dev:redis:stop",
    "services_start": "dev:all",
    "services_stop": "dev:stop",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service that a compose file publishes a port of."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file, or a glob with service "*"; `path` is relative to the project."""

    service: str
    path: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found; `notes` say where. `redis_url` never holds credentials."""

    redis_url: str | None = None
    redis_start: str | None = None
    redis_stop: str | None = None
    services_start: str | None = None
    services_stop: str | None = None
    expected: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    logs: tuple[LogFile, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Draft:
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def survey(root: Path, environ: Mapping[str, str]) -> Survey:
    """Look at the files in `root`; what cannot be read or understood is passed over."""
    draft = _Draft()
    _look_at_address(draft, root, environ)
    _look_at_compose(draft, root)
    _look_at_scripts(draft, root)
    _look_at_procfile(draft, root)
    draft.values["logs"] = tuple(_log_files(root))
    if draft.values["logs"]:
        draft.notes.append(f"Log files: {', '.join(item.path for item in draft.values['logs'])}.")
    return Survey(**draft.values, notes=tuple(draft.notes))


def _look_at_address(draft: _Draft, root: Path, environ: Mapping[str, str]) -> None:
    found = redis_url(environ, root)
    if found is None:
        return
    url, origin = found
    try:
        parts = urlsplit(url)
        secret = parts.username is not None or parts.password is not None or bool(parts.query)
    except ValueError:
        return
    if secret:
        draft.notes.append(
            f"redis.url is left out because {origin} holds credentials: set REDIS_URL in the environment of a run."
        )
    elif parts.scheme in {"redis", "rediss", "unix"}:
        draft.values["redis_url"] = url
        draft.notes.append(f"The server's address is from {origin}.")


def _look_at_compose(draft: _Draft, root: Path) -> None:
    file = next((root / name for name in COMPOSE_FILES if (root / name).is_file()), None)
    text = None if file is None else _read(file)
    if file is None or text is None:
        return
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        return
    own: list[str] = []
    for name, body in services.items():
        port = _published(body)
        if _is_server(body):
            if port is not None and "redis_url" not in draft.values:
                draft.values["redis_url"] = f"redis://127.0.0.1:{port}/0"
        elif isinstance(body, dict) and "build" in body:
            own.append(str(name))
            if port is not None:
                draft.values["services"] = (*draft.values.get("services", ()), Service(str(name), port))
    draft.values["expected"] = tuple(own)
    draft.notes.append(f"Services and ports are from {file.name}.")


def _is_server(body: object) -> bool:
    image = body.get("image") if isinstance(body, dict) else None
    name = str(image or "").rsplit("/", 1)[-1].partition(":")[0]
    return any(server in name for server in _SERVERS) and "exporter" not in name


def _published(body: object) -> int | None:
    """The first port that is published with a plain number."""
    ports = body.get("ports") if isinstance(body, dict) else None
    for entry in ports if isinstance(ports, list) else ():
        if isinstance(entry, dict):
            number = str(entry.get("published", ""))
        else:
            parts = str(entry).partition("/")[0].rsplit(":", 1)
            number = parts[0].rsplit(":", 1)[-1] if len(parts) == 2 else ""
        if number.isdecimal() and 0 < int(number) < 65536:
            return int(number)
    return None


def _look_at_scripts(draft: _Draft, root: Path) -> None:
    text = _read(root / "package.json")
    if text is None:
        return
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    scripts = data.get("scripts") if isinstance(data, dict) else None
    if not isinstance(scripts, dict):
        return
    manager = next((name for lock, name in _MANAGERS if (root / lock).is_file()), "npm")
    found = {key: f"{manager} run {name}" for key, name in _SCRIPTS.items() if name in scripts}
    if found:
        draft.values |= found
        draft.notes.append("Start and stop commands are scripts of package.json.")
        if "redis_start" in found:
            draft.values.setdefault("redis_url", "redis://127.0.0.1:6379/0")


def _look_at_procfile(draft: _Draft, root: Path) -> None:
    text = _read(root / "Procfile")
    if text is None or draft.values.get("expected"):
        return
    heads = (line.partition(":") for line in text.splitlines() if not line.lstrip().startswith("#"))
    names = tuple(
        name.strip() for name, colon, command in heads if colon and command.strip() and name.strip()
    )
    if names:
        draft.values["expected"] = names
        draft.notes.append("Names of services are from Procfile.")


def _log_files(root: Path) -> Iterator[LogFile]:
    """One entry a file; where a folder holds several, one entry for all of them."""
    for pattern in _LOG_GLOBS:
        by_folder: dict[Path, list[Path]] = {}
        for file in islice(sorted(root.glob(pattern)), _LOGS_MAX):
            if "node_modules" not in file.parts and file.is_file():
                by_folder.setdefault(file.parent, []).append(file)
        for folder, files in by_folder.items():
            if len(files) == 1:
                yield LogFile(files[0].stem, files[0].relative_to(root).as_posix())
            else:
                yield LogFile("*", (folder.relative_to(root) / "*.log").as_posix())


def _read(file: Path) -> str | None:
    try:
        if file.stat().st_size > _BYTES_MAX:
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
