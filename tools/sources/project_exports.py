"""What a JavaScript package says that others of its workspace get of it: its entry, and parts by name."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator


def entry(folder: str, entry: object) -> str:
    """The file that a package says it begins with; its folder where that is built first."""
    if not isinstance(entry, str) or any(part in entry for part in ("dist", "build", "lib/")):
        return folder
    return posixpath.normpath(posixpath.join(folder, entry))


def exports(said: object) -> Iterator[tuple[str, str]]:
    """Part of a package (empty: the package) → file, of what it exports by name."""
    if isinstance(said, str):
        yield "", said
    for part, target in said.items() if isinstance(said, dict) else ():
        file = _exported(target)
        if file is not None and "*" not in part:
            yield part.removeprefix(".").removeprefix("/"), file


def _exported(target: object) -> str | None:
    """The file of an export, whatever the conditions that lead to it."""
    while isinstance(target, dict):
        target = next(
            (target[key] for key in ("source", "import", "default", "require") if key in target), None
        )
    return target if isinstance(target, str) else None
