"""`.gitignore` semantics without git: patterns of each folder, later ones win, `!` takes back.

A pattern becomes a re2 expression, so a hostile file costs linear time.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

import re2

from tools.sources.source_lines import lines_of

PATTERNS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: what it matches, whether it takes back, whether it means folders only."""

    matcher: re2._Regexp[str]
    takes_back: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one `.gitignore`; `folder` is where it lies, relative to the root."""

    folder: str
    patterns: tuple[Pattern, ...]


def parse(folder: str, text: str) -> IgnoreFile:
    """The patterns of a file's text; lines that are no pattern are left out."""
    found = [_pattern(line) for line in lines_of(text)[:PATTERNS_MAX]]
    return IgnoreFile(folder, tuple(pattern for pattern in found if pattern is not None))


def ignored(path: str, is_folder: bool, files: Iterable[IgnoreFile]) -> bool:
    """Whether a path (relative to the root, `/` separated) is ignored; `files` from the root inwards."""
    verdict = False
    for file in files:
        inside = posixpath.relpath(path, file.folder) if file.folder else path
        for pattern in file.patterns:
            if pattern.folders_only and not is_folder:
                continue
            if pattern.matcher.fullmatch(inside):
                verdict = not pattern.takes_back
    return verdict


def glob(pattern: str) -> re2._Regexp[str] | None:
    """A glob with `**` as an expression over a whole relative path; None where it is not valid."""
    try:
        return re2.compile(_expression(pattern))
    except re2.error:
        return None


def _pattern(line: str) -> Pattern | None:
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    takes_back = text.startswith("!")
    text = text[1:] if takes_back else text.removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    text = text.lstrip("/")
    if not text:
        return None
    matcher = glob(text if anchored else f"**/{text}")
    return None if matcher is None else Pattern(matcher, takes_back, folders_only)


def _expression(pattern: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            parts.append("(?:[^/]*/)*" if position == 0 or pattern[position - 1] == "/" else "[^/]*/")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inside = rest[1:end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append("[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]")
            position += end + 1
        else:
            parts.append(re2.escape(rest[0]))
            position += 1
    return "".join(parts)
