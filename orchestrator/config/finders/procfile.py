"""A Procfile: one service a line, each with its own command, as foreman starts them."""

from __future__ import annotations

from pathlib import Path

import re2

from orchestrator.config.finders.starts import Service, Starts, plain_name, read_text

FILE = "Procfile"
_LINE = re2.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)[ \t]*:[ \t]*(\S.*)")
_SERVER = re2.compile(r"(?:^|[\s/])(?:redis|valkey)-server\b|\bdocker(?:-compose)?\b.*\b(?:redis|valkey)\b")
_USES_PORT = re2.compile(r"\$PORT\b|\$\{PORT[}:]")
_SERVER_PORT = re2.compile(r"--port[ =](\d{1,5})\b|-p (?:127\.0\.0\.1:)?(\d{1,5}):")
_FIRST_PORT, _STEP = 5000, 100
_COMMAND_MAX = 4000
_SERVICES_MAX = 100
_SERVERS = frozenset({"redis", "valkey"})
_NOT_STARTED = frozenset({"release"})
"""Run once by a platform when it releases; foreman for Node.js and the platforms leave it out of a start."""


def find(root: Path, env_port: str | None = None) -> Starts:
    """What the Procfile tells; empty where there is none. `env_port` is the first port, as `.env` sets it."""
    text = read_text(root / FILE)
    if text is None:
        there = (root / FILE).is_file()
        return Starts(FILE, passed_over=(f"{FILE} is not readable text.",) if there else ())
    first = int(env_port) if env_port and env_port.isdecimal() and int(env_port) < 50_000 else _FIRST_PORT
    services: dict[str, Service] = {}
    bad: list[int] = []
    server: tuple[str, int | None] | None = None
    at = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        name = None if match is None else plain_name(match.group(1))
        if match is None or name is None or not _is_usable(match.group(2)) or name in services:
            bad.append(number)
            continue
        command, port = match.group(2), first + _STEP * at
        at += 1
        if name.lower() in _SERVERS and _SERVER.search(command) is not None:
            server = _server(command, port)
        elif name not in _NOT_STARTED and len(services) < _SERVICES_MAX:
            own = port if _USES_PORT.search(command) is not None else None
            services[name] = Service(name, port=own, start=command, env={"PORT": str(port)})
    return Starts(
        FILE,
        services=tuple(services.values()),
        env_file=".env" if services and (root / ".env").is_file() else None,
        redis_start=None if server is None else server[0],
        redis_port=None if server is None else server[1],
        passed_over=_passed_over(bad),
    )


def _is_usable(command: str) -> bool:
    return len(command) <= _COMMAND_MAX and command.replace("\t", " ").isprintable()


def _server(command: str, port: int) -> tuple[str, int | None]:
    """The server's command and the port that it names."""
    if _USES_PORT.search(command) is not None:
        return f"export PORT={port}; {command}", port
    named = _SERVER_PORT.search(command)
    number = int(named.group(1) or named.group(2)) if named is not None else 0
    return command, number if 0 < number < 65536 else None


def _passed_over(bad: list[int]) -> tuple[str, ...]:
    if not bad:
        return ()
    shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
    return (f"Line {shown} of {FILE} is no `name: command`, or its name was there before.",)
