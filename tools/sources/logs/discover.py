"""Which files are log sources: globs looked at again while the session runs, and the service of each file."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import re2

from tools.sources.logs import rotated

FILES_MAX = 500
"""Descriptors are held open; more files than this are a gap."""

_DATE = re2.compile(r"[-_.]?\d{4}[-_]?\d\d[-_]?\d\d.*$")
_OUTPUT = re2.compile(r"[-_.](?:out|err|error|stdout|stderr|combined|current)$")


class SourceSpec(Protocol):
    """Where lines of a service come from; exactly one of path, docker, journald, kubectl is set."""

    @property
    def service(self) -> str:
        """Its name; "*" takes it from the file's stem."""
        ...

    @property
    def path(self) -> str | None:
        """A file or a glob."""
        ...

    @property
    def docker(self) -> str | None:
        """A container."""
        ...

    @property
    def journald(self) -> str | None:
        """A unit."""
        ...

    @property
    def kubectl(self) -> str | None:
        """A pod."""
        ...

    @property
    def captured(self) -> bool:
        """Whether the session writes this file itself."""
        ...


class LogFile(NamedTuple):
    """One file to follow."""

    path: Path
    service: str
    captured: bool


def find(specs: Iterable[SourceSpec], project_root: Path) -> list[LogFile]:
    """The files that are there now, each once, older generations left out; sorted by path within a source."""
    found: dict[Path, LogFile] = {}
    for spec in specs:
        if spec.path is None:
            continue
        for path in _matches(spec, project_root):
            service = service_of(path) if spec.service == "*" else spec.service
            found.setdefault(path, LogFile(path, service, spec.captured))
    return list(found.values())


@lru_cache(maxsize=FILES_MAX)
def service_of(path: Path) -> str:
    """The service that a file's name stands for: `orders-2025-06-01.log` and `orders-error.log` are orders."""
    stem = _DATE.sub("", path.name) or path.name
    for ending in (".log", ".txt", ".json", ".log"):
        stem = stem.removesuffix(ending)
    plain = _OUTPUT.sub("", stem)
    return plain or stem or path.name


def _matches(spec: SourceSpec, project_root: Path) -> Sequence[Path]:
    assert spec.path is not None
    pattern = Path(spec.path) if spec.captured else project_root / spec.path
    if not glob.has_magic(str(pattern)):
        return [pattern]
    # They are looked for every second: comparing texts costs little, making paths a lot.
    files = [name for name in sorted(glob.glob(str(pattern), recursive=True)) if os.path.isfile(name)]  # noqa: PTH113, PTH207 - absolute patterns
    # A sibling `app.log.1` of `app.log` is an older generation, followed with it.
    names = set(files)
    return [_path(name) for name in files if not _is_older(name, names)]


@lru_cache(maxsize=FILES_MAX)
def _path(name: str) -> Path:
    return Path(name)


def _is_older(path: str, names: set[str]) -> bool:
    if path.endswith((".gz", ".zst", ".bz2", ".xz")):
        return True
    folder, slash, own = path.rpartition(os.sep)
    name = own
    while "." in name or "-" in name:
        name = name[: max(name.rfind("."), name.rfind("-"))]
        if f"{folder}{slash}{name}" in names and rotated.is_generation(own, name):
            return True
    return False
