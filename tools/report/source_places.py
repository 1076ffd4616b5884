"""Places in the audited project as SARIF wants them: paths from the repository's root, lines with their columns."""

from __future__ import annotations

import posixpath
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tools.report.sarif_model import ArtifactLocation, Region
from tools.sources.code.walk import FILE_BYTES_MAX

ROOT_ID = "%SRCROOT%"
"""By custom, the root of the repository; what it is on this machine is nobody's business."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, relative to the project's root, and a line of it."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"

    @classmethod
    def parse(cls, text: str, known: AbstractSet[str] = frozenset()) -> Place:
        """`path:line` or a path; one that is `known` is a path, whatever it ends with."""
        path, colon, line = text.rpartition(":")
        if text in known or not colon or not path or not (line.isascii() and line.isdigit()) or int(line) < 1:
            return cls(text)
        return cls(path, int(line))


@dataclass(frozen=True, slots=True)
class Places:
    """Turns places of one project into locations. `prefix` is the project's folder inside its repository."""

    root: Path
    prefix: str
    _lines: dict[str, tuple[int, ...] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> Places:
        """The places of a project: the repository is the nearest folder above that holds `.git`."""
        whole = _resolved(root)
        top = next((folder for folder in (whole, *whole.parents) if (folder / ".git").exists()), whole)
        return cls(whole, whole.relative_to(top).as_posix() if whole != top else "")

    def artifact(self, path: str) -> ArtifactLocation:
        """The file behind symbolic links, as a path that no character of its name leads elsewhere."""
        relative = posixpath.join(self.prefix, self._real(path))
        return ArtifactLocation(uri=quote(relative.encode("utf-8", "surrogateescape")), uri_base_id=ROOT_ID)

    def region(self, place: Place) -> Region:
        """The whole line; the file's first where none is named. Its end only where the file still has that line."""
        line = place.line or 1
        lengths = self._lengths(place.path)
        if lengths is None or line > len(lengths):
            return Region(start_line=line, start_column=1, end_line=line)
        return Region(start_line=line, start_column=1, end_line=line, end_column=lengths[line - 1] + 1)

    def _real(self, path: str) -> str:
        real = _resolved(self.root / path)
        return real.relative_to(self.root).as_posix() if real.is_relative_to(self.root) else path

    def _lengths(self, path: str) -> tuple[int, ...] | None:
        """Of each line, its length in UTF-16 units; None where the file cannot be read or is outside the project."""
        if path not in self._lines:
            self._lines[path] = self._measure(path)
        return self._lines[path]

    def _measure(self, path: str) -> tuple[int, ...] | None:
        real = _resolved(self.root / path)
        try:
            if (
                not real.is_relative_to(self.root)
                or not real.is_file()
                or real.stat().st_size > FILE_BYTES_MAX
            ):
                return None
            text = real.read_bytes().decode("utf-8", "replace")
        except (OSError, ValueError):
            return None
        lines = text.replace("\r\n", "\n").split("\n")
        return tuple(len(line.encode("utf-16-le")) // 2 for line in lines)


def _resolved(path: Path) -> Path:
    """Behind symbolic links; links in a circle and names that no file can have stay as they are."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path
