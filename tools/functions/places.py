"""Files that functions may read: inside the audited project or the workspace, and no others.

A path is followed to where it really lies; from the root on every step is opened by name without following a link, so
that what is exchanged in between leads nowhere else. Pipes and devices are not opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import re2

from tools.errors import FunctionRefused
from tools.functions.patterns import encodable
from tools.sources.code.walk import is_never_entered

_HOLDS_KEYS = re2.compile(
    r"(?i)(?:id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg)"
    r"|\.(?:pgpass|netrc|htpasswd|git-credentials|dockercfg|vault-token))"
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_project_file(root: Path, path: str) -> BinaryIO:
    """A file of the audited project, open for reading. Raises FunctionRefused, OSError."""
    _check(path, path)
    return _opened(root.resolve(), path, keys_too=False)


def open_inside(root: Path, path: str) -> BinaryIO:
    """A regular file below a folder of our own, open for reading. Raises FunctionRefused, OSError."""
    return _opened(root.resolve(), path, keys_too=True)


def _opened(root: Path, path: str, *, keys_too: bool) -> BinaryIO:
    parts = _resolved(root, path).relative_to(root).parts
    if not keys_too:
        _check("/".join(parts), path)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        opened = os.open(parts[-1], _FILE, dir_fd=descriptor)
    except OSError as error:
        raise FunctionRefused(f"{_shown(path)} cannot be read ({error.strerror}).") from error
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise FunctionRefused(f"{_shown(path)} is no file.")
    return os.fdopen(opened, "rb")


def holds_keys(name: str) -> bool:
    """Whether a file's name says that it is there for keys or passwords."""
    return _HOLDS_KEYS.fullmatch(encodable(name)) is not None


def _check(path: str, asked: str) -> None:
    """Files of the project that are never shown."""
    *folders, name = path.split("/")
    if any(is_never_entered(folder) for folder in folders):
        raise FunctionRefused(f"{_shown(asked)} lies in a folder that tools make or fetch: it is not read.")
    if holds_keys(name):
        raise FunctionRefused(f"{_shown(asked)} holds keys or passwords by its name: it is not shown.")


def _resolved(root: Path, path: str) -> Path:
    if not path or "\0" in path or path.startswith(("/", "~")) or ".." in path.split("/"):
        raise FunctionRefused(
            f"{_shown(path)} is no path inside the project: give one relative to its root, without '..'."
        )
    try:
        found = (root / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise FunctionRefused(f"There is no file {_shown(path)}.") from error
    if not found.is_relative_to(root) or found == root:
        raise FunctionRefused(f"{_shown(path)} leads out of the project: it is not read.")
    return found


def _shown(path: str) -> str:
    return f"'{path[:120]}{'…' if len(path) > 120 else ''}'"
