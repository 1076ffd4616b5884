"""Start and stop commands that are scripts of package.json: `dev:redis:memory`, `dev:all` and their stops."""

from __future__ import annotations

from pathlib import Path

import re2

from orchestrator.config.finders import workspaces
from orchestrator.config.finders.package import FILE, Package, manager, reached
from orchestrator.config.finders.starts import Starts

REDIS_START, REDIS_STOP = "dev:redis:memory", "dev:redis:stop"
SERVICES_START, SERVICES_STOP = "dev:all", "dev:stop"
_PORT = re2.compile(r"--port[ =](\d{1,5})\b")


def find(root: Path, package: Package, members: tuple[Package, ...]) -> Starts:
    """What the scripts tell; empty where none of the four is there."""
    program = manager(root)

    def command(script: str) -> str | None:
        return f"{program} run {script}" if script in package.scripts else None

    start = command(SERVICES_START)
    port = _PORT.search(package.scripts.get(REDIS_START, ""))
    return Starts(
        FILE,
        services_start=start,
        services_stop=command(SERVICES_STOP),
        prefixes={} if start is None else workspaces.prefixes(SERVICES_START, package, members),
        runs=reached(SERVICES_START, package.scripts),
        redis_start=command(REDIS_START),
        redis_stop=command(REDIS_STOP),
        redis_port=int(port.group(1)) if port is not None and 0 < int(port.group(1)) < 65536 else None,
    )
