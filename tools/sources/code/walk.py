"""The files of the audited project: what is read at all, and what rules may speak of.

Symbolic links are followed only while they stay inside the root; a folder is entered once.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
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
_TELLING = ("test", "_pb2", ".pyi")
"""Each name that the pattern above matches holds one of these, or a second dot."""
_GENERATED = re2.compile(rb"(?i)@generated|code generated .* do not edit|auto-?generated")
_HEAD_BYTES = 600
_ENV_FILE = re2.compile(r"\.?env(?:[.-][\w.-]+)?|[\w-]+\.env")
_CODE_ENDINGS = (".py", ".ts", ".js", ".mjs", ".cjs", ".tsx", ".go", ".rb", ".sh", ".md", ".json", ".d.ts")


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file. `path` is relative to the root and `/` separated; `at` is where to read it."""

    path: str
    at: str | Path
    size: int

    @property
    def full(self) -> Path:
        """Where to read it, as a path: made when asked for, for of most files nobody does."""
        return Path(self.at)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def ending(self) -> str:
        """What its name ends in, with the dot; "" where it has none."""
        return posixpath.splitext(self.name)[1]


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
    whole = root.resolve()
    for file in _walk(_Folder(root, whole, ""), whole, [], set()):
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


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder as it was come upon, where it really lies, and its path in the project."""

    at: Path
    resolved: Path
    relative: str


def _walk(
    start: _Folder, root: Path, ignores: list[gitignore.IgnoreFile], entered: set[Path]
) -> Iterator[ProjectFile]:
    """Depth first, without recursion: every file would be handed up through all folders above it."""
    open_ones = [_entries(start, root, ignores, entered)]
    while open_ones:
        for found in open_ones[-1]:
            if isinstance(found, ProjectFile):
                yield found
            else:
                open_ones.append(_entries(found[0], root, found[1], entered))
                break
        else:
            open_ones.pop()


def _entries(
    folder: _Folder, root: Path, ignores: list[gitignore.IgnoreFile], entered: set[Path]
) -> Iterator[ProjectFile | tuple[_Folder, list[gitignore.IgnoreFile]]]:
    """The files of a folder, and the folders in it with what is ignored there, in the order of names."""
    if folder.resolved in entered or not folder.resolved.is_relative_to(root):
        return
    entered.add(folder.resolved)
    try:
        entries = sorted(os.scandir(folder.at), key=attrgetter("name"))
    except OSError:
        return
    own = folder.at / ".gitignore"
    if any(entry.name == ".gitignore" for entry in entries) and own.is_file():
        text = own.read_text(encoding="utf-8", errors="replace")[:FILE_BYTES_MAX]
        ignores = [*ignores, gitignore.parse(folder.relative, text)]
    for entry in entries:
        # A name may be any bytes; what is no UTF-8 is shown escaped, or nothing could be written of the whole project.
        name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        path = f"{folder.relative}/{name}" if folder.relative else name
        if _is_folder(entry):
            if not is_never_entered(entry.name) and not gitignore.ignored(path, True, ignores):
                at = Path(entry.path)
                resolved = at.resolve() if entry.is_symlink() else folder.resolved / entry.name
                yield _Folder(at, resolved, path), ignores
        elif is_env_file(name) or not gitignore.ignored(path, False, ignores):
            found = _file(entry, path, root)
            if found is not None:
                yield found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads to itself is none, and no end of the walk."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file(entry: os.DirEntry[str], path: str, root: Path) -> ProjectFile | None:
    try:
        if not entry.is_file() or (
            entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root)
        ):
            return None
        return ProjectFile(path, entry.path, entry.stat().st_size)
    except OSError:
        return None


def read_text(file: ProjectFile) -> str | None:
    """The text of a file; None for one that is too big, binary or minified. Raises OSError."""
    data = read_source(file)
    return None if data is None else data.decode("utf-8", "replace")


def read_source(file: ProjectFile) -> bytes | None:
    """The bytes of a text file; None for one that is too big, binary or minified. Raises OSError."""
    if file.size > FILE_BYTES_MAX:
        return None
    with open(file.at, "rb", buffering=0) as opened:  # noqa: PTH123 - a Path of each of thousands costs as much as reading
        data = opened.readall()
    is_minified = len(data) > LINE_CHARS_MAX and data.count(b"\n") * LINE_CHARS_MAX < len(data)
    return None if b"\0" in data or is_minified else data


def is_env_file(name: str) -> bool:
    """Whether a file's name says that it holds environment variables (`.env`, `.env.local`, `env.example`)."""
    return not name.endswith(_CODE_ENDINGS) and _ENV_FILE.fullmatch(name) is not None


def in_scope(path: str, head: bytes) -> bool:
    """Whether rules may speak of a source file: not tests, declarations, generated or vendored code, docs.

    `head` is how the file begins.
    """
    *folders, name = path.split("/")
    # Most names and heads hold nothing of what the patterns ask for; a call of one costs more than to see that.
    telling = name.count(".") > 1 or any(word in name for word in _TELLING)
    if not _OUT_OF_SCOPE_FOLDERS.isdisjoint(folders) or (telling and _OUT_OF_SCOPE_FILE.fullmatch(name)):
        return False
    head = head[:_HEAD_BYTES].lower()
    return b"generated" not in head or _GENERATED.search(head) is None
