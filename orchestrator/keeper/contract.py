"""What session and keeper say to each other: a job at the start, then a wish and a state, each a file of one writer.

The session writes the wish (what should be), the keeper the state (what is). Both are whole files, replaced by
rename, so neither side ever waits for the other, and a new attempt of either goes on where the last one stood.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from tools.sources.logs import captured
from tools.workspace import Workspace, write_atomically

_T = TypeVar("_T", bound=Struct)

ABANDONED_AFTER_S = 60.0
"""Specification 1: so long after a kill -9 of the session its services go on, for a resume to find them."""


CODE_UNKNOWN = -1000
"""The exit code of a command that ended while no keeper was there to be told."""


class Identity(Struct, frozen=True, array_like=True):
    """A process: its pid and when it began, as `began_of` measures it. Never a name."""

    pid: int
    began: float


class Leftover(Struct, frozen=True):
    """A process that outlived its stop; `command` is masked and shortened, `below` the same of its descendants."""

    pid: int
    command: str
    below: tuple[str, ...] = ()

    def lines(self) -> str:
        """It and its descendants for people, a line each."""
        return "\n".join((f"pid {self.pid}: {self.command}", *(f"  {text}" for text in self.below)))


class CommandSpec(Struct, frozen=True, kw_only=True):
    """One start command. A text goes through `/bin/sh -c`, as the user wrote it; a list is argv.

    `service` is whose lines those without a prefix are; None where several services share the output.
    """

    name: str
    command: str | list[bytes]
    folder: bytes
    environment: Mapping[str, str] = {}
    service: str | None = None


class SideSpec(Struct, frozen=True, kw_only=True):
    """What is started and stopped together: the services, or the server. `stop` is a command or None.

    With `polite` the group first gets SIGINT, then SIGTERM, as development tools expect it; else SIGTERM alone.
    """

    commands: tuple[CommandSpec, ...]
    stop: str | None
    folder: bytes
    drain_s: float
    polite: bool = True


class KeeperJob(Struct, frozen=True, kw_only=True):
    """The keeper's instructions, on its standard input: they hold secrets (environment, mask key).

    `environment` is the session's own, for the commands; paths and variables are bytes, for they may be no text.
    `abandoned_after_s`: so long without a living session everything is stopped.
    """

    session_id: str
    workspace: bytes
    attempt: int
    services: SideSpec
    redis: SideSpec | None
    environment: tuple[tuple[bytes, bytes], ...]
    named: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = {}
    ready_pattern: str | None = None
    mask_key: str | None = None
    abandoned_after_s: float = ABANDONED_AFTER_S
    cgroup: bool = True


class Wish(Struct, frozen=True, kw_only=True):
    """What the session wants. `owner` is the session's process; `daemons` are pids that belong to the server.

    `end` = `leave`: stop in order what runs, then go; `kill`: the same without asking anybody.
    """

    number: int
    owner: Identity
    services: bool = False
    redis: bool = False
    daemons: tuple[Identity, ...] = ()
    end: Literal["no", "leave", "kill"] = "no"


class Side(Struct, kw_only=True):
    """Services or server as the keeper sees them.

    `roots` are the start commands' processes by name, `exit_codes` how those that have ended did; `stopped_why` is
    `asked`, `abandoned` (the session was killed and nobody went on with it) or `killed`. `running` counts living
    processes. The status is `running` before the first command is: a new attempt starts what has no root yet.
    """

    status: Literal["idle", "running", "stopping", "stopped"] = "idle"
    roots: dict[str, Identity] = {}
    exit_codes: dict[str, int] = {}
    failures: dict[str, str] = {}
    running: int = 0
    leftovers: tuple[Leftover, ...] = ()
    unkillable: tuple[Leftover, ...] = ()
    stop_code: int | None = None
    stopped_why: Literal["asked", "abandoned", "killed"] | None = None
    stopped_ms: int | None = None

    @property
    def rests(self) -> bool:
        """Whether it was stopped, or never started: a wish may be taken back before the keeper comes to it."""
        return self.status in {"idle", "stopped"}


class Lost(Struct, frozen=True, kw_only=True):
    """Output that could not be kept: `bytes` of it, since `from_ms`, and why."""

    output: str
    bytes: int
    from_ms: int
    why: str


class KeeperState(Struct, kw_only=True):
    """What is. `wish` is the number of the newest wish that was seen; `session_lost_ms` when its owner died."""

    keeper: Identity
    attempt: int
    wish: int = 0
    services: Side = msgspec.field(default_factory=Side)
    redis: Side = msgspec.field(default_factory=Side)
    names: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()
    session_lost_ms: int | None = None
    cgroup: bool = False


class KeeperFiles:
    """Where the two sides meet: below `recording/keeper/` of the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.root
        self.folder = workspace.path("recording", "keeper")
        self.wish = self.folder / "wish.json"
        self.state = self.folder / "state.json"
        self.progress = self.folder / "progress.json"
        self.lock = self.folder / "lock"
        self.log = self.folder / "keeper.log"

    def spool(self, name: str) -> Path:
        """The raw output of a command, 0600; it goes with the session, for it holds secrets."""
        return self.folder / f"{name}.raw"

    def offsets(self, log: Path) -> Path:
        """Where each line of a captured log lay in the raw output."""
        return captured.file_of(self._root, log)

    def holder(self) -> Identity | None:
        """The keeper at work: whoever holds the lock. Never told by a keeper that is only about to begin."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                return msgspec.json.decode(os.pread(descriptor, 200, 0), type=Identity)
            except msgspec.MsgspecError:
                return Identity(0, 0.0)
        else:
            return None
        finally:
            os.close(descriptor)

    def read_wish(self) -> Wish | None:
        """The newest wish; None where there is none yet."""
        return _read(self.wish, Wish)

    def read_state(self) -> KeeperState | None:
        """The newest state; None where no keeper was ever at work."""
        return _read(self.state, KeeperState)

    def write_wish(self, wish: Wish) -> None:
        """Replace the wish. Raises OSError."""
        write_atomically(self.wish, msgspec.json.encode(wish))

    def write_state(self, state: KeeperState) -> None:
        """Replace the state. Raises OSError."""
        write_atomically(self.state, msgspec.json.encode(state))


def _read(path: Path, type_: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except (OSError, msgspec.MsgspecError):
        return None
