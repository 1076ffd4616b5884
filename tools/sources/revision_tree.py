"""The files of a revision in a private folder, as an audit of it would find them.

The folder gets what git stores and nothing that git would do on a checkout. What git ignores in the working tree
(an `.env` of this machine) is no part of any revision, so it is the same on both sides: it is copied.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.errors import UsageError
from tools.sources.change import ChangeBase
from tools.sources.code.walk import FILE_BYTES_MAX, FILES_MAX, is_never_entered, walk
from tools.sources.git import Blob, Repository, TreeEntry

_FILES = frozenset({b"100644", b"100755", b"100664"})
_LINK = b"120000"
_PREFIX, _LOCK = "streamgauge-base-", "lock"
_YOUNG_S = 60.0
"""A folder of this age may belong to a session that is just about to lock it."""
_ENTRIES_MAX = 4 * FILES_MAX
_LINK_BYTES_MAX = 4096


@contextmanager
def tree_of(root: Path, base: ChangeBase, include: Sequence[str], exclude: Sequence[str]) -> Iterator[Path]:
    """A folder with the files of the base; only the user may enter it, and it is gone afterwards.

    It is called like the project, since the name of a project's folder may be the name of its service.
    Raises UsageError.
    """
    repository = Repository(root)
    try:
        with (
            TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as private,
            _held(Path(private)),
        ):
            _remove_left(Path(private))
            folder = Path(private) / (repository.root.name or "project")
            folder.mkdir()
            _extract(repository, base.commit, folder)
            _copy_ignored(repository, folder, include, (*exclude, *globs(base.not_compared)))
            yield folder
    except OSError as error:
        where = error.filename or "a temporary folder"
        raise UsageError(
            f"The files to compare with cannot be written: {where}: {error.strerror or error}."
        ) from error


@contextmanager
def _held(private: Path) -> Iterator[None]:
    """Tell other sessions that this folder is in use; the lock ends with the process, however that ends."""
    with (private / _LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_left(private: Path) -> None:
    """Remove the folders of sessions that were killed: they hold source code."""
    now = private.lstat()
    for old in private.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            status = old.lstat()
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == now.st_uid
            if ours and now.st_mtime - status.st_mtime > _YOUNG_S:
                with (old / _LOCK).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(old, ignore_errors=True)


def globs(folders: Sequence[str]) -> tuple[str, ...]:
    """Globs that match everything below these folders, whatever characters they hold."""
    literal = ("".join(f"[{char}]" if char in "*?[" else char for char in folder) for folder in folders)
    return tuple(f"{folder}/**" for folder in literal)


def _extract(repository: Repository, commit: str, folder: Path) -> None:
    absent = repository.left_out()
    entries = [
        entry for entry in repository.tree(commit) if entry.path not in absent and _is_plain(entry.path)
    ]
    if len(entries) > _ENTRIES_MAX:
        raise UsageError(
            f"The revision has more than {_ENTRIES_MAX} files. Narrow the project with --project."
        )
    files = [entry for entry in entries if entry.mode in _FILES]
    for entry, blob in zip(files, repository.blobs(files, FILE_BYTES_MAX), strict=True):
        _write(folder, entry, blob)
    # Links come last, so that no file is ever written through one.
    links = [entry for entry in entries if entry.mode == _LINK]
    for entry, blob in zip(links, repository.blobs(links, _LINK_BYTES_MAX), strict=True):
        _link(folder, entry, blob.data)


def _write(folder: Path, entry: TreeEntry, blob: Blob) -> None:
    path = folder / os.fsdecode(entry.path)
    with suppress(
        FileExistsError, NotADirectoryError
    ):  # a tree made by hand may name a file and a folder alike
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(blob.data)
            file.truncate(blob.size)  # of a file that is too long to be read its size alone is needed


def _link(folder: Path, entry: TreeEntry, data: bytes) -> None:
    """Make a link that stays inside; one that leads out is followed by nobody."""
    path, target = folder / os.fsdecode(entry.path), os.fsdecode(data)
    if not data or "\0" in target or Path(target).is_absolute():
        return
    inside = os.path.normpath(path.parent / target)
    if Path(inside).is_relative_to(folder):
        with suppress(FileExistsError, NotADirectoryError, OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)


def _is_plain(path: bytes) -> bool:
    """Whether a path stays below the folder, is none of git's own, and no audit leaves it out.

    A tree made by hand may hold any name.
    """
    parts = path.split(b"/")
    if b"\0" in path or any(is_never_entered(os.fsdecode(part)) for part in parts[:-1]):
        return False
    return all(part not in {b"", b".", b".."} and part.lower() != b".git" for part in parts)


def _copy_ignored(
    repository: Repository, folder: Path, include: Sequence[str], exclude: Sequence[str]
) -> None:
    candidates: list[bytes] = []
    for file in walk(repository.root, include, exclude):
        relative = file.full.relative_to(repository.root)
        plain = file.full.parent.resolve() == file.full.parent and not file.full.is_symlink()
        if plain and not os.path.lexists(folder / relative) and file.size <= FILE_BYTES_MAX:
            candidates.append(os.fsencode(relative))
    for path in repository.ignored(candidates):
        target = folder / os.fsdecode(path)
        with suppress(FileNotFoundError, FileExistsError, NotADirectoryError):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository.root / os.fsdecode(path), target)
            target.chmod(stat.S_IRUSR | stat.S_IWUSR)
