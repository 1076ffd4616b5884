"""A control group (version 2) of a session's own, where the system lets us make one: what is in it never escapes.

Without one the keeper knows its processes by ancestry, mark and process group. No limit is ever set here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_OWN = Path("/proc/self/cgroup")


class Cgroup:
    """One group below the keeper's own. Every method is quiet about a system that refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, name: str) -> Cgroup | None:
        """The group of that name below our own, made where it is missing; None where it may not be."""
        own = own_group()
        if own is None:
            return None
        path = own / name
        try:
            path.mkdir(exist_ok=True)
        except OSError:
            return None
        return cls(path) if os.access(path / "cgroup.procs", os.W_OK) else None

    def enter(self) -> bool:
        """Move the calling process into it, so that what it starts begins there; whether that went."""
        try:
            (self.path / "cgroup.procs").write_text("0", encoding="ascii")
        except OSError:
            return False
        return True

    def pids(self) -> Iterator[int]:
        """The processes in it and in the groups that they made below it."""
        for file in (self.path / "cgroup.procs", *self.path.glob("*/**/cgroup.procs")):
            with suppress(OSError, ValueError):
                yield from map(int, file.read_text(encoding="ascii").split())

    def remove(self) -> None:
        """Remove it and what is below; one that still holds a process stays."""
        for folder in sorted(self.path.glob("**/"), key=lambda found: -len(found.parts)):
            with suppress(OSError):
                folder.rmdir()


def name_of(mark: str, part: str) -> str:
    """The name of a session's group."""
    return f"streamgauge-{mark}-{part}"


def left_by(mark: str) -> list[Cgroup]:
    """The groups of a session that are there still."""
    home = own_group()
    return [] if home is None else [Cgroup(path) for path in sorted(home.glob(name_of(mark, "*")))]


def own_group() -> Path | None:
    """The folder of the group that the calling process is in; None without version 2."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8").splitlines()
        lines = _OWN.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    roots = [fields[1] for fields in map(str.split, mounts) if len(fields) > 2 and fields[2] == "cgroup2"]
    own = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    if not roots or not own:
        return None
    return Path(roots[0]) / own[0].lstrip("/")
