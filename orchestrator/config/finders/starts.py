"""What one kind of file tells about starting a project, and what all its readers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import re2

BYTES_MAX = 1_000_000
_NAME_MAX = 64
_UNUSUAL = re2.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `start` is its own command, `folder` (where it runs) is relative to the project."""

    name: str
    port: int | None = None
    start: str | None = None
    folder: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Starts:
    """What a file tells. `passed_over` are sentences about what could not be used, without the file's own text.

    `patient`: starting may take long, because something is built or fetched first. `runs` are the texts of scripts
    that the commands run.
    """

    file: str
    services_start: str | None = None
    services_stop: str | None = None
    services: tuple[Service, ...] = ()
    expected: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    env_file: str | None = None
    redis_start: str | None = None
    redis_stop: str | None = None
    redis_port: int | None = None
    redis_service: str | None = None
    patient: bool = False
    runs: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def has_start(self) -> bool:
        """Whether it says how services are started."""
        return self.services_start is not None or any(service.start for service in self.services)

    def commands(self) -> tuple[str, ...]:
        """Every start command of services, and what these run."""
        own = tuple(service.start for service in self.services if service.start is not None)
        return (*(() if self.services_start is None else (self.services_start,)), *own, *self.runs)


def plain_name(text: str) -> str | None:
    """`text` as a service's name: letters, digits, `.`, `_`, `-`; None where nothing usable is left."""
    name = _UNUSUAL.sub("-", text).strip("-._")
    return name if name and len(name) <= _NAME_MAX else None


def read_text(file: Path) -> str | None:
    """A text file of a sane size; None where it is not there or not readable."""
    try:
        if not file.is_file() or file.stat().st_size > BYTES_MAX:
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return None
