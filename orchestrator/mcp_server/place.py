"""Which session an MCP client asks about: the one that the workspace holds at the moment of the call.

A client starts its server before a session begins and keeps it while one session follows another, so nothing of a
session is kept longer than the session is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agents.hand_in import Place
from orchestrator.config.loopback import on_loopback
from orchestrator.config.mode import address_of
from orchestrator.config.model import Config
from tools import masking
from tools.clock import Clock
from tools.errors import FunctionRefused, StreamgaugeError, UsageError
from tools.functions.contract import Desk
from tools.functions.redis_desk import RedisDesk
from tools.sources import session_facts
from tools.sources.redis.deployment import Databases
from tools.sources.redis.target import parse
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace, workspace_at

Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server was started with. `config` is read anew for each session; it raises UsageError."""

    folder: Path
    state_folder: Path
    config: Callable[[], Config]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Known:
    """One session and the desk over it."""

    mark: Mark
    facts: SessionFacts
    desk: Desk

    def place(self) -> Place:
        """Where claims about it are handed in."""
        return Place(self.desk.workspace, self.desk.project_root, self.desk.clock)


@dataclass
class SessionPlace:
    """Finds the session and keeps its desk while it is there. Threads may ask at once."""

    settings: Settings
    _known: Known | None = field(default=None, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def current(self) -> Known:
        """The session that the workspace holds now. Raises FunctionRefused where it holds none."""
        with self._turn:
            workspace = workspace_at(self.settings.folder)
            mark = _mark(workspace)
            if mark is None:
                raise self._nothing()
            if self._known is None or self._known.mark != mark:
                self._forget()
                self._known = self._open(workspace, mark)
            return self._known

    def close(self) -> None:
        """Close what is open."""
        with self._turn:
            self._forget()

    def _forget(self) -> None:
        known, self._known = self._known, None
        if known is not None and known.desk.redis is not None:
            known.desk.redis.close("The session that this was about is gone.")

    def _open(self, workspace: Workspace, mark: Mark) -> Known:
        try:
            facts = session_facts.read(workspace)
        except (OSError, msgspec.MsgspecError) as error:
            raise self._nothing() from error
        _use_key(self.settings.state_folder)
        return Known(mark, facts, self._desk(workspace, facts))

    def _desk(self, workspace: Workspace, facts: SessionFacts) -> Desk:
        clock = self.settings.clock
        root, address = self._root(facts), self._address(facts)
        redis: RedisDesk | None = None
        if address is not None:
            redis = RedisDesk(address[0], clock, address[1])
        return Desk(workspace, root, redis, clock)

    def _root(self, facts: SessionFacts) -> Path:
        """The audited project: the configuration's, or one beside the workspace. Raises FunctionRefused.

        Its files are read, and the folder that names it may be anybody's.
        """
        root = Path(facts.project_root)
        homes = [self.settings.folder.parent]
        with suppress(StreamgaugeError, OSError):
            homes.append(self.settings.config().project.root)
        try:
            if any(root.resolve().is_relative_to(home.resolve()) for home in homes):
                return root
        except (OSError, RuntimeError, ValueError):  # links in a circle, NUL
            pass
        raise FunctionRefused(
            f"The session audits {facts.project_root}, which is not the project here. Begin the server with "
            "`streamgauge mcp --project` and that folder, if it is yours."
        )

    def _address(self, facts: SessionFacts) -> tuple[str, Databases] | None:
        """The audited server: by the configuration where it names the session's, which holds no credentials.

        Else (a demo, other flags) by the session's own word, on this machine only: the folder may be anybody's.
        """
        if facts.redis is None:
            return None
        try:
            section = self.settings.config().redis
            url = None if section.url is None else section.url.get_secret_value()
            if url is not None and masking.mask(str(address_of(url))) == facts.redis:
                return url, section.databases
            plain = f"redis://{facts.redis}/0"
            return (plain, None) if on_loopback(parse(plain).hosts[0].name) else None
        except (StreamgaugeError, OSError, LookupError):
            return None

    def _nothing(self) -> FunctionRefused:
        return FunctionRefused(
            f"{self.settings.folder} holds no session yet. Begin one with `streamgauge run` or "
            "`streamgauge session start`, or name another folder with `streamgauge mcp --workspace`."
        )


def _mark(workspace: Workspace) -> Mark | None:
    """What tells one session's folder from another's; None where there is none."""
    try:
        status = workspace.session_id_file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _use_key(state_folder: Path) -> None:
    """Mask as the session does, with the project's key where it is. Raises FunctionRefused."""
    path = state_folder / "mask.key"
    try:
        masking.use_key(masking.load_key(path) if path.exists() else None)
    except (OSError, UsageError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FunctionRefused(
            f"The masking key {path} cannot be read: {reason}. Make it readable."
        ) from error
