"""The files of the audited project: what is read at all, and what rules may speak of.

Symbolic links are followed only while they stay inside the root; a folder is entered once.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import re2

from tools.sources.code import gitignore

FILE_BYTES_MAX = 1_000_000
FILES_MAX = 50_000
LINE_CHARS_MAX = 5_000
"""A first line longer than this marks a minified file."""

_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", ".venv", "venv", "dist", "build", "__pycache__", "monitor-session",
        ".state", ".archive", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox", ".next", ".nuxt",
        "site-packages", "vendor", "third_party", "bower_components", "coverage", ".terraform", "target", ".idea",
    }
)  # fmt: skip
_OUT_OF_SCOPE_FOLDERS = frozenset(
    {
        "test", "tests", "__tests__", "__mocks__", "spec", "specs", "e2e", "fixtures", "testdata", "docs", "doc",
        "generated", "__generated__", "gen", "stubs", "typings", "benchmarks", "bench", "migrations", "stories",
    }
)  # fmt: skip
_OUT_OF_SCOPE_FILE = re2.compile(
    r"(?:test_.*|.*_test|conftest|.*_pb2|.*_pb2_grpc|.*\.(?:test|spec|d|min|generated|stories|bundle))\.\w+|.*\.pyi"
)
_GENERATED = re2.compile(r"(?i)@generated|code generated .* do not edit|auto-?generated")
_ENV_FILE = re2.compile(r"\.?env(?:[.-][\w.-]+)?|[\w-]+\.env")
_CODE_ENDINGS = (".py", ".ts", ".js", ".mjs", ".cjs", ".tsx", ".go", ".rb", ".sh", ".md", ".json", ".d.ts")


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file. `path` is relative to the root and `/` separated; `full` is where to read it."""

    path: str
    full: Path
    size: int

    @property
    def name(self) -> str:
        """The file's name."""
        return posixpath.basename(self.path)


def walk(root: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Iterator[ProjectFile]:
    """Every file of the project, in the order of paths, at most `FILES_MAX`.

    Env files are read although they are ignored: they are what runs. Raises NotADirectoryError where the
    root is no folder.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is not a folder")
    wanted = [matcher for matcher in map(gitignore.glob, include) if matcher is not None]
    unwanted = [matcher for matcher in map(gitignore.glob, exclude) if matcher is not None]
    count = 0
    for file in _walk(root, root.resolve(), "", [], set()):
        if wanted and not any(matcher.fullmatch(file.path) for matcher in wanted):
            continue
        if any(matcher.fullmatch(file.path) for matcher in unwanted):
            continue
        yield file
        count += 1
        if count >= FILES_MAX:
            return


def is_never_entered(name: str) -> bool:
    """Whether folders of this name are left out of every project: what tools make or fetch."""
    return name in _FOLDERS


def _walk(
    folder: Path, root: Path, relative: str, ignores: list[gitignore.IgnoreFile], entered: set[Path]
) -> Iterator[ProjectFile]:
    resolved = folder.resolve()
    if resolved in entered or not resolved.is_relative_to(root):
        return
    entered.add(resolved)
    own = folder / ".gitignore"
    if own.is_file():
        text = own.read_text(encoding="utf-8", errors="replace")[:FILE_BYTES_MAX]
        ignores = [*ignores, gitignore.parse(relative, text)]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        # A name may be any bytes; what is no UTF-8 is shown escaped, or nothing could be written of the whole project.
        name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        path = posixpath.join(relative, name)
        if entry.is_dir():
            if not is_never_entered(entry.name) and not gitignore.ignored(path, True, ignores):
                yield from _walk(Path(entry.path), root, path, ignores, entered)
        elif is_env_file(name) or not gitignore.ignored(path, False, ignores):
            found = _file(entry, path, root)
            if found is not None:
                yield found


def _file(entry: os.DirEntry[str], path: str, root: Path) -> ProjectFile | None:
    try:
        if not entry.is_file() or (
            entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root)
        ):
            return None
        return ProjectFile(path, Path(entry.path), entry.stat().st_size)
    except OSError:
        return None


def read_text(file: ProjectFile) -> str | None:
    """The text of a file; None for one that is too big, binary or minified. Raises OSError."""
    if file.size > FILE_BYTES_MAX:
        return None
    data = file.full.read_bytes()
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "replace")
    return None if len(text) > LINE_CHARS_MAX and text.count("\n") * LINE_CHARS_MAX < len(text) else text


def is_env_file(name: str) -> bool:
    """Whether a file's name says that it holds environment variables (`.env`, `.env.local`, `env.example`)."""
    return _ENV_FILE.fullmatch(name) is not None and not name.endswith(_CODE_ENDINGS)


def in_scope(path: str, text: str) -> bool:
    """Whether rules may speak of a source file: not tests, declarations, generated or vendored code, docs."""
    *folders, name = path.split("/")
    if _OUT_OF_SCOPE_FOLDERS & set(folders) or _OUT_OF_SCOPE_FILE.fullmatch(name):
        return False
    return _GENERATED.search(text[:600]) is None
