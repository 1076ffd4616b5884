"""Log files in a project: sources for a session that attaches to what runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tools.workspace import Workspace

_FILES_MAX = 50
_PATH_MAX = 200
_GLOBS = ("logs/*.log", "log/*.log", "*/logs/*.log", "*.log")
_OF_TOOLS = (
    "npm-debug",
    "yarn-debug",
    "yarn-error",
    "lerna-debug",
    "pnpm-debug",
    ".pnpm-debug",
    "firebase-debug",
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file, or a glob with service "*"; `path` is relative to the project."""

    service: str
    path: str


def find(root: Path) -> Iterator[LogFile]:
    """One entry a file; where a folder holds several, one entry for all of them."""
    for pattern in _GLOBS:
        by_folder: dict[Path, list[Path]] = {}
        for file in islice(sorted(root.glob(pattern)), _FILES_MAX):
            if _is_source(root, file):
                by_folder.setdefault(file.parent, []).append(file)
        for folder, files in by_folder.items():
            if len(files) == 1:
                yield LogFile(files[0].stem, files[0].relative_to(root).as_posix())
            else:
                yield LogFile("*", (folder.relative_to(root) / "*.log").as_posix())


def _is_source(root: Path, file: Path) -> bool:
    """A file of a service; a path with odd characters would not survive being a glob."""
    path = file.relative_to(root).as_posix()
    plain = path.isprintable() and not set(path) & set("*?[]") and len(path) <= _PATH_MAX
    if Workspace(file.parent.parent).session_id_file.exists():
        return False  # what an earlier session of ours kept of the services' lines
    return (
        plain and not file.name.startswith(_OF_TOOLS) and "node_modules" not in file.parts and file.is_file()
    )
