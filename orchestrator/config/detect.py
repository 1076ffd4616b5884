"""What can be known without a configuration: an address in the environment, and what lies in the project.

In this version only an address is used as it is; everything else is named, and `init` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv.main import DotEnv

from orchestrator.config.origin import Origin
from tools.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.config.load import LoadedConfig

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_ENV_BYTES_MAX = 1_000_000


def redis_url(environ: Mapping[str, str], folder: Path | None) -> tuple[str, Origin] | None:
    """REDIS_URL from the environment, else from the `.env` of `folder`; and where it stood."""
    if environ.get("REDIS_URL"):
        return environ["REDIS_URL"], Origin(name="REDIS_URL")
    if folder is None:
        return None
    value = dotenv_values(folder / ".env").get("REDIS_URL")
    return (value, Origin(name="REDIS_URL in .env")) if value else None


def dotenv_values(file: Path) -> Mapping[str, str | None]:
    """What a `.env` file sets, without expanding variables; empty where it is not there or not readable."""
    try:
        if file.stat().st_size > _ENV_BYTES_MAX:
            return {}
        return dict(DotEnv(file, encoding="utf-8", interpolate=False).dict())
    except (OSError, UnicodeDecodeError):
        return {}


def ensure_something(loaded: LoadedConfig, cwd: Path) -> None:
    """Raise UsageError where nothing says what to audit: a demo is never audited silently."""
    config = loaded.config
    if loaded.file is not None or config.redis.url is not None or config.session.mode is not None:
        return
    folder = config.project.root
    shown = folder if folder != cwd else "this folder"
    seen = present(folder)
    found = f" There is {', '.join(seen)}: `streamgauge init` makes a configuration of it." if seen else ""
    raise UsageError(
        f"Nothing says what to audit. Looked in {shown} for streamgauge.toml, [tool.streamgauge] in "
        f"pyproject.toml and REDIS_URL in .env, and in the environment for REDIS_URL and STREAMGAUGE_REDIS_URL."
        f"{found} Write a configuration with `streamgauge init`, give --redis-url, audit the code alone with "
        "`--mode static`, or try the bundled example with `streamgauge run --demo`."
    )


def present(folder: Path) -> tuple[str, ...]:
    """Names of files in `folder` from which a configuration can be made."""
    names = (*COMPOSE_FILES, "Procfile", "package.json")
    return tuple(name for name in names if (folder / name).is_file())
