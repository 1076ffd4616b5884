"""`.env` files and REDIS_URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv.main import DotEnv

_BYTES_MAX = 1_000_000


def redis_url(environ: Mapping[str, str], folder: Path | None) -> tuple[str, str] | None:
    """REDIS_URL from the environment, else from the `.env` of `folder`; and the words for where it stood."""
    if environ.get("REDIS_URL"):
        return environ["REDIS_URL"], "REDIS_URL"
    if folder is None:
        return None
    value = dotenv_values(folder / ".env").get("REDIS_URL")
    return (value, "REDIS_URL in .env") if value else None


def dotenv_values(file: Path) -> Mapping[str, str | None]:
    """What a `.env` file sets, without expanding variables; empty where it is not there or not readable."""
    try:
        if not file.is_file() or file.stat().st_size > _BYTES_MAX:
            return {}
        return dict(DotEnv(file, encoding="utf-8", interpolate=False).dict())
    except (OSError, UnicodeDecodeError, ValueError):
        return {}
