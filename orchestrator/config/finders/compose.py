"""A compose file: the server and the services that are built from the project, under a project name of our own.

A name of our own keeps a run from stopping the containers that the user has started. Services that are not built here
(databases and the like) start where a service depends on them. Untried against a real daemon.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import re2
import yaml

from orchestrator.config.finders.starts import Service, Starts, plain_name, read_text
from tools.sources.project_yaml import entries, mapping_of, merged, scalar, sequence_of

FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_SERVER_PORT = 6379
_SERVERS = ("redis", "valkey")
_NO_SERVERS = ("exporter", "sentinel", "commander", "insight", "cluster", "admin")
_VARIABLE = re2.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}?")
_PORT = re2.compile(r"(?:(\[[0-9a-fA-F:]+\]|[0-9.]+|localhost):)?(\d{1,5}):(\d{1,5})(?:/tcp)?")
_HERE = frozenset({None, "", "0.0.0.0", "127.0.0.1", "localhost", "[::]", "[::1]"})  # noqa: S104 - compared, not bound
_SOCKETS = (
    "/var/run/docker.sock",
    "{XDG_RUNTIME_DIR}/docker.sock",
    "{HOME}/.docker/run/docker.sock",
    "{HOME}/.docker/desktop/docker.sock",
)


def find(root: Path, environ: Mapping[str, str], values: Mapping[str, str | None]) -> Starts | None:
    """What the compose file tells; None where there is none. `values` (of `.env`) fill `${NAME}` in ports."""
    file = next((name for name in FILES if (root / name).is_file()), None)
    if file is None:
        return None
    text = read_text(root / file)
    if text is None:
        return Starts(file, passed_over=(f"{file} is not readable text.",))
    try:
        nodes = list(entries(mapping_of(yaml.compose(text), "services")))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        return Starts(file, passed_over=(f"{file} is not valid YAML{line}.",))
    known = {**{key: value for key, value in values.items() if value is not None}, **environ}
    bodies = {name: merged(body) for key, body in nodes if (name := scalar(key)) and plain_name(name) == name}
    content = _Content(
        file,
        servers={name: _port(body, known) for name, body in bodies.items() if _is_server(body)},
        own={name: _port(bodies[name], known) for name in _own(bodies)},
    )
    return _starts(root, content, environ)


@dataclass(frozen=True, slots=True)
class _Content:
    """Servers and services of the project itself by name, each with the port that is published for it."""

    file: str
    servers: Mapping[str, int | None]
    own: Mapping[str, int | None]

    @property
    def server(self) -> str | None:
        """The first that can be looked at."""
        return next((name for name, port in self.servers.items() if port is not None), None)


def _starts(root: Path, content: _Content, environ: Mapping[str, str]) -> Starts:
    server = content.server
    passed_over = tuple(_obstacles(content, environ))
    compose = f"docker compose -p {project_name(root)}"
    names = " ".join(shlex.quote(name) for name in content.own)
    services, redis = bool(names) and not passed_over, server is not None and not passed_over
    return Starts(
        content.file,
        services_start=f"{compose} up --no-color {names}" if services else None,
        services_stop=f"{compose} stop {names}" if services else None,
        services=tuple(Service(name, port=port) for name, port in content.own.items() if port is not None),
        expected=tuple(content.own),
        redis_start=f"{compose} up -d --wait {shlex.quote(server or '')}" if redis else None,
        redis_stop=f"{compose} down" if redis else None,
        redis_port=content.servers.get(server or ""),
        redis_service=server,
        patient=redis,
        passed_over=passed_over,
    )


def project_name(root: Path) -> str:
    """The compose project of our containers: the same for every run in this folder."""
    return f"streamgauge-{hashlib.sha256(str(root.resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _obstacles(content: _Content, environ: Mapping[str, str]) -> Iterator[str]:
    """Why nothing can be started by the file."""
    file = content.file
    if content.server is None:
        if content.servers:
            yield f"The server in {file} publishes no port, so it cannot be looked at from here."
        elif content.own:
            yield f"{file} has no Redis or Valkey service."
    elif shutil.which("docker", path=environ.get("PATH", "")) is None:
        yield f"{file} is not used: docker is not on PATH."
    elif not _daemon_may_answer(environ):
        yield f"{file} is not used: docker is on PATH, but no daemon's socket is there."


def _daemon_may_answer(environ: Mapping[str, str]) -> bool:
    """Whether a daemon is named, or one of its usual sockets is there. Nothing is asked."""
    if environ.get("DOCKER_HOST") or environ.get("DOCKER_CONTEXT"):
        return True
    home = environ.get("HOME", "")
    config = read_text(Path(environ.get("DOCKER_CONFIG") or f"{home}/.docker") / "config.json")
    try:
        context = json.loads(config).get("currentContext") if config else None
    except (ValueError, AttributeError, RecursionError):
        context = None
    if context not in {None, "", "default"}:
        return True
    places = {"HOME": home, "XDG_RUNTIME_DIR": environ.get("XDG_RUNTIME_DIR", "")}
    return any(Path(socket.format(**places)).exists() for socket in _SOCKETS)


def _own(bodies: Mapping[str, Mapping[str, yaml.Node]]) -> tuple[str, ...]:
    """Services built from the project that a plain `up` starts and that go on running."""
    once = {
        name
        for body in bodies.values()
        for key, wanted in entries(body.get("depends_on"))
        if scalar(merged(wanted).get("condition")) == "service_completed_successfully"
        if (name := scalar(key)) is not None
    }
    return tuple(
        name
        for name, body in bodies.items()
        if "build" in body
        and not sequence_of(body.get("profiles"))
        and name not in once
        and not _is_server(body)
    )


def _is_server(body: Mapping[str, yaml.Node]) -> bool:
    image = (scalar(body.get("image")) or "").rsplit("/", 1)[-1].partition(":")[0]
    return any(word in image for word in _SERVERS) and not any(word in image for word in _NO_SERVERS)


def _port(body: Mapping[str, yaml.Node], known: Mapping[str, str]) -> int | None:
    """The port of this machine that is published for a service: the server's own if there are several."""
    found: dict[int, int] = {}
    for item in sequence_of(body.get("ports")):
        short = scalar(item)
        if short is None:
            parts = merged(item)
            short = f"{scalar(parts.get('published')) or ''}:{scalar(parts.get('target')) or ''}"
        match = _PORT.fullmatch(_filled(short, known).strip())
        if match is not None and match.group(1) in _HERE and 0 < int(match.group(2)) < 65536:
            found.setdefault(int(match.group(3)), int(match.group(2)))
    return found.get(_SERVER_PORT, next(iter(found.values()), None))


def _filled(text: str, known: Mapping[str, str]) -> str:
    parts: list[str] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        parts += [text[end : match.start()], known.get(match.group(1)) or match.group(2) or ""]
        end = match.end()
    return "".join([*parts, text[end:]])
