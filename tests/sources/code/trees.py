"""Small source trees on disk."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from tools.sources.code.index import build_index
from tools.sources.records import CodeIndex, CodeKind, CodeUse

NOW_MS = 1_750_000_000_000


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below `root`, indentation taken off."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def index_of(root: Path, files: dict[str, str]) -> CodeIndex:
    """The index of these files."""
    return build_index(write(root, files), (), (), NOW_MS)


def uses(index: CodeIndex, kind: CodeKind) -> list[CodeUse]:
    """The uses of one kind."""
    return [use for use in index.uses if use.kind is kind]


def streams(index: CodeIndex, kind: CodeKind) -> set[str | None]:
    """The resolved stream names of one kind."""
    return {use.stream.value if use.stream else None for use in uses(index, kind)}
