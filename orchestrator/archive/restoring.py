"""An archive becomes a workspace again: every file checked while it is written, the folder there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from orchestrator.archive.bag import Bag
from orchestrator.archive.form import name_of
from tools.errors import UsageError

_ROOM_BYTES = 16 << 20
"""Left free on the disk."""


def restore(path: Path, target: Path) -> int:
    """Unpack an archive to a folder that is empty or not there; how many files it has.

    Raises ArchiveRefused where a file is not what was archived (nothing is left then), UsageError.
    """
    target = target.absolute()
    with Bag(path) as bag:
        temporary = target.parent / f".{target.name}.tmp.{os.getpid()}"
        try:
            if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
                raise UsageError(f"{target} is not an empty folder. Name another with --to.")
            target.parent.mkdir(parents=True, exist_ok=True)
            _sweep(target)
            temporary.mkdir()
            try:
                with _held(temporary):
                    _fill(bag, temporary)
                    temporary.rename(target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            raise UsageError(
                f"{target} cannot be written: {error.strerror or error}. Name another with --to."
            ) from error
        return len(bag.files)


def _sweep(target: Path) -> None:
    """Remove what killed processes left of this target: their pid is gone, and the kernel let go of the folder's lock."""
    half = re.compile(rf"\.{re.escape(target.name)}\.tmp\.([1-9][0-9]{{0,8}})")
    for path in target.parent.iterdir():
        match = half.fullmatch(path.name)
        if match is None or psutil.pid_exists(int(match[1])):
            continue
        # Whoever restores in another container has a pid that is not known here, and holds the lock.
        with suppress(OSError), _held(path) as held:
            if held:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock for as long as this process lives; False where it is held, or no folder there has locks.

    Raises OSError where it is no folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        held = False
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        yield held
    finally:
        os.close(descriptor)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """A copy of the archived session to read, gone when the context ends. Raises ArchiveRefused, UsageError."""
    with Bag(path) as bag:
        try:
            folder = tempfile.TemporaryDirectory(prefix="streamgauge-", ignore_cleanup_errors=True)
        except OSError as error:
            raise UsageError(f"No copy of {path.name} can be made: {error}. Set TMPDIR elsewhere.") from error
        with folder as name:
            copy = Path(name).resolve() / name_of(path)
            try:
                copy.mkdir()
                _fill(bag, copy)
            except OSError as error:
                raise UsageError(
                    f"No copy of {path.name} can be made in {copy.parent}: {error.strerror or error}. "
                    "Make room there, or set TMPDIR elsewhere."
                ) from error
            yield copy


def _fill(bag: Bag, folder: Path) -> None:
    """Write the session's files into an empty folder that is ours. Raises ArchiveRefused, UsageError, OSError."""
    wanted = sum(bag.files.values())
    if wanted + _ROOM_BYTES > shutil.disk_usage(folder).free:
        raise UsageError(f"{folder.parent} has no room for {wanted:,} bytes. Name another place with --to.")
    for name, pieces in bag.each(bag.files):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as target:
            for piece in pieces:
                target.write(piece)
        os.utime(file, (bag.modified_s(name), bag.modified_s(name)))
