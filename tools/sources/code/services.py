"""Which service a file belongs to: folder conventions, compose build contexts, workspaces."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

_CONVENTIONS = ("services", "apps", "packages", "microservices", "workers", "cmd")
_NOT_SERVICES = frozenset(
    {"shared", "common", "lib", "libs", "core", "utils", "types", "config", "contracts", "sdk", "proto"}
)


class ServiceMap:
    """Folder → service, longest folder first. `whole` names the one service of a project without folders."""

    def __init__(self, paths: Iterable[str], folders: Mapping[str, str], whole: str | None) -> None:
        self._folders = dict(folders)
        for path in paths:
            parts = path.split("/")
            for place, part in enumerate(parts[:-2]):
                name = parts[place + 1]
                if part in _CONVENTIONS and name not in _NOT_SERVICES and not name.startswith("."):
                    self._folders.setdefault("/".join(parts[: place + 2]), name)
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
