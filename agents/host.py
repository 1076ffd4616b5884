"""What the session lends to its agents, and what they tell it of their findings."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from agents.engine import Engine
from tools.clock import Clock, StopSignal
from tools.sources.records import Gap
from tools.workspace import Workspace


class SeenFinding(Struct, frozen=True, rename="camel"):
    """The few fields of a journal line that the session acts on."""

    finding_id: str
    title: str
    severity: str | None = None
    priority: str | None = None
    origin: str = "measured"
    revision: int = 1


class Host(Protocol):
    """What the session lends to its agents."""

    @property
    def workspace(self) -> Workspace:
        """The session's folder."""
        ...

    @property
    def clock(self) -> Clock:
        """Its clock."""
        ...

    @property
    def engine(self) -> Engine:
        """Starts watchers."""
        ...

    @property
    def ending(self) -> StopSignal:
        """Set when the window is over, for whatever reason."""
        ...

    def event(self, kind: str, **details: object) -> None:
        """Write an event; never raises."""
        ...

    def gap(self, gap: Gap) -> None:
        """Write a gap; never raises."""
        ...

    def seen(self, agent: str, finding: SeenFinding) -> None:
        """Told of every new line of a findings journal."""
        ...

    def restarted(self, agent: str, attempt: int, reason: str) -> None:
        """Told of every restart."""
        ...
