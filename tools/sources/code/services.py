"""Which service a file belongs to: compose build contexts, folders that are built alone, folder conventions."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping

_CONVENTIONS = ("services", "apps", "packages", "microservices", "workers", "cmd")
_OF_PARTS = frozenset({"packages"})
"""Folders of which a part counts only where it is built or started alone."""
_NOT_SERVICES = frozenset(
    {"shared", "common", "lib", "libs", "core", "utils", "types", "config", "contracts", "sdk", "proto"}
)
_MARKS = frozenset(
    {"Dockerfile", "package.json", "pyproject.toml", "requirements.txt", "go.mod", "main.go", "main.py"}
)
"""Files of a folder that is built or started alone."""
_DEPTH_MAX = 3
_SIBLINGS_MIN = 2


class ServiceMap:
    """Folder → service, longest folder first. `whole` names the one service of a project without folders."""

    def __init__(self, paths: Iterable[str], folders: Mapping[str, str], whole: str | None) -> None:
        self._folders = dict(folders)
        every = list(paths)
        marked = {posixpath.dirname(path) for path in every if posixpath.basename(path) in _MARKS}
        for folder in sorted(_built_alone(marked)):
            if not any(_nested(folder, known) for known in self._folders):
                self._folders[folder] = posixpath.basename(folder)
        for deepest in sorted({posixpath.dirname(path) for path in every}):
            parts = [*deepest.split("/"), ""]
            for place, part in enumerate(parts[:-2]):
                name, folder = parts[place + 1], "/".join(parts[: place + 2])
                if part not in _CONVENTIONS or name in _NOT_SERVICES or name.startswith("."):
                    continue
                inside = any(folder.startswith(f"{known}/") for known in self._folders)
                if folder in marked or not (inside or part in _OF_PARTS):
                    self._folders.setdefault(folder, name)
                    break
        self._whole = whole if not self._folders else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every service, sorted."""
        found = set(self._folders.values()) | ({self._whole} if self._whole else set())
        return tuple(sorted(found))

    def of(self, path: str) -> str | None:
        """The service of a file; None for what several share."""
        folder = posixpath.dirname(path)
        while folder:
            if folder in self._folders:
                return self._folders[folder]
            folder = posixpath.dirname(folder)
        return self._whole


def _built_alone(marked: Iterable[str]) -> list[str]:
    """Marked folders that lie beside others: one alone is the project itself."""
    siblings: dict[str, list[str]] = defaultdict(list)
    for folder in marked:
        parent, name = posixpath.split(folder)
        if (
            folder
            and folder.count("/") < _DEPTH_MAX
            and name not in _NOT_SERVICES
            and name not in _CONVENTIONS
        ):
            siblings[parent].append(folder)
    return [folder for found in siblings.values() if len(found) >= _SIBLINGS_MIN for folder in found]


def _nested(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
