"""The ignore file: findings that the owners accept, each with a reason and a last day."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from orchestrator.config import toml_lines
from tools.errors import ConfigError
from tools.findings.model import Priority, Severity
from tools.synthesis.sessions.accepting import Acceptance

FILE_NAME = "streamgauge-ignore.toml"
"""Beside streamgauge.toml, in the audited project."""
_TABLE = "ignore"
_KEYS = ("fingerprint", "reason", "expires", "level")
_LEVELS = tuple(level.value for level in (*Severity, *Priority))
_FINGERPRINT = re.compile(r"v1:[0-9a-f]{20}")
_EXAMPLE = 'Write fingerprint = "v1:…" (as `streamgauge findings ID` shows it), reason = "…" and expires = 2030-12-31'


def read(root: Path) -> tuple[Acceptance, ...]:
    """The entries of the project's ignore file; none where there is none. Raises ConfigError for all that is wrong."""
    path = root / FILE_NAME
    try:
        # As editors on Windows write it, with a mark at its beginning.
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read ({error})", remedy="Make it readable, or remove it.", file=str(path)
        ) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply", remedy="Correct it.", file=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is no TOML: {error}", remedy="Correct it.", file=str(path)) from error
    lines = toml_lines.find(text)
    errors = list(_problems(path, data, lines))
    if errors:
        raise ConfigError.of_all(errors)
    return tuple(
        Acceptance(
            fingerprint=entry["fingerprint"],
            reason=" ".join(entry["reason"].split()),
            expires=entry["expires"],
            place=f"{FILE_NAME}:{lines.get((_TABLE, number), 1)}",
            level=entry.get("level"),
        )
        for number, entry in enumerate(data.get(_TABLE, []))
    )


def _problems(
    path: Path, data: dict[str, object], lines: dict[toml_lines.Path, int]
) -> Iterator[ConfigError]:
    def error(problem: str, *key: str | int) -> ConfigError:
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
        line = lines.get(key) or lines.get(key[:-1])
        return ConfigError(problem, remedy=f"{_EXAMPLE}.", file=str(path), line=line, key=name)

    for name in data:
        if name != _TABLE:
            yield error("is no key of the ignore file; each entry begins with [[ignore]]", name)
    entries = data.get(_TABLE, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield error("is no list of entries; each begins with [[ignore]]", _TABLE)
        return
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for key in entry.keys() - set(_KEYS):
            yield error("is no key of an entry", _TABLE, number, key)
        yield from (error(problem, _TABLE, number, key) for key, problem in _wrong(entry))
        first = seen.setdefault(str(entry.get("fingerprint")), number)
        if first != number:
            yield error(f"is accepted by ignore[{first}] too; keep one", _TABLE, number, "fingerprint")


def _wrong(entry: dict[str, object]) -> Iterator[tuple[str, str]]:
    fingerprint, reason, expires, level = (entry.get(key) for key in _KEYS)
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        yield "fingerprint", "is missing" if fingerprint is None else "is no fingerprint"
    if not isinstance(reason, str) or not reason.strip():
        yield "reason", "is missing: an accepted finding needs one"
    if not isinstance(expires, date) or isinstance(expires, datetime):
        yield "expires", "is missing: nothing is accepted for ever" if expires is None else "is no date"
    if "level" in entry and level not in _LEVELS:
        yield "level", f"is no severity or priority; leave it out, or give one of {', '.join(_LEVELS)}"
