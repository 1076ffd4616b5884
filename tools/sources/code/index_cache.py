"""Indexes of earlier sessions, by what the files said: where nothing changed, nothing is parsed again.

They lie beside the state of sessions and hold what an index in a workspace holds: masked.
The name of one is a digest of every file's path and content, the settings, the masking key and our own code, so a
change of any of them is another index. A cache that cannot be read or written is as good as none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from tools.errors import SourceUnavailable
from tools.sources.code.index import build_index, read_index, write_index
from tools.sources.code.walk import ProjectFile, read_source, walk
from tools.sources.records import CodeIndex

KEPT_MAX = 16
KEPT_BYTES_MAX = 64_000_000
_ENDING = ".json.gz"
_OWN_CODE = Path(__file__).resolve().parents[2]
"""`tools`: whatever a change of it would make of the same files."""


def cached_index(
    folder: Path, root: Path, globs: tuple[Sequence[str], Sequence[str]], secret: str, now_ms: int
) -> CodeIndex:
    """The index of a project, out of the cache or made; `globs` are what to include and exclude.

    Raises NotADirectoryError; content never raises.
    """
    include, exclude = globs
    key = _key(walk(root, include, exclude), root.resolve().name, globs, secret)
    file = None if key is None else folder / f"{key}{_ENDING}"
    found = None if file is None else _read(file)
    if found is not None:
        return replace(found, gaps=tuple(replace(gap, at_ms=now_ms) for gap in found.gaps))
    made = build_index(root, include, exclude, now_ms)
    if file is not None:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_index(file, made)
            file.chmod(0o600)
            _trim(folder)
    return made


def _key(
    files: Iterable[ProjectFile], name: str, globs: tuple[Sequence[str], Sequence[str]], secret: str
) -> str | None:
    """The digest; None where a file cannot be read, for what that leaves out is no answer to keep."""
    digest = hashlib.sha256()
    for part in (_own_code(), name, secret, repr(tuple(map(tuple, globs)))):
        digest.update(hashlib.sha256(part.encode("utf-8", "backslashreplace")).digest())
    for file in files:
        try:
            data = read_source(file)
        except OSError:
            return None
        digest.update(hashlib.sha256(file.path.encode("utf-8", "backslashreplace")).digest())
        digest.update(hashlib.sha256(data).digest() if data is not None else b"left out")
    return digest.hexdigest()


@cache
def _own_code() -> str:
    digest = hashlib.sha256()
    for file in sorted(_OWN_CODE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(file: Path) -> CodeIndex | None:
    try:
        found = read_index(file)
        os.utime(file)
    except (OSError, SourceUnavailable):
        return None
    return found


def _trim(folder: Path) -> None:
    """Keep the newest, within both limits."""
    kept = sorted(folder.glob(f"*{_ENDING}"), key=lambda file: file.stat().st_mtime, reverse=True)
    size = 0
    for place, file in enumerate(kept):
        size += file.stat().st_size
        if place >= KEPT_MAX or (place and size > KEPT_BYTES_MAX):
            file.unlink(missing_ok=True)
