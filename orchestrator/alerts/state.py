"""What was told to whom: frozen, small, kept between sessions, so that a restart neither repeats nor forgets."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.alerts.episodes import Episode
from orchestrator.alerts.rules import Kind
from tools.findings.model import Severity


class Told(Struct, frozen=True):
    """An episode that a group's receiver knows of, and how bad it was then."""

    key: str
    rank: int
    at_ms: int
    momentary: bool = False


class Group(Struct, frozen=True, kw_only=True):
    """Episodes that go to one receiver together.

    `first_ms` is when the first of them came, `last_ms` when the receiver was told last (None: never), `number` how
    often. `thread` is the channel's own name of the first message. `failures` and `retry_ms` are of a delivery that
    failed.
    """

    key: str
    place: str
    receiver: str
    values: tuple[tuple[str, str], ...]
    first_ms: int
    last_ms: int | None = None
    told: tuple[Told, ...] = ()
    number: int = 0
    thread: str = ""
    failures: int = 0
    retry_ms: int = 0


class Sent(Struct, frozen=True):
    """One message to a receiver; `summary` for one that only says that others wait."""

    receiver: str
    at_ms: int
    summary: bool = False


class AlertState(Struct, frozen=True, kw_only=True):
    """All of it. `held` are reasons that the ledger has already: group, episode, reason."""

    groups: tuple[Group, ...] = ()
    sent: tuple[Sent, ...] = ()
    held: tuple[tuple[str, str, str], ...] = ()


class Item(Struct, frozen=True):
    """One thing to tell: what became of an episode."""

    kind: Kind
    episode: Episode


class Notification(Struct, frozen=True, kw_only=True):
    """One message that is due. `after` is its group once it is delivered.

    `id` is the same however often it is tried; `dedup_key` is that of the group. `lasting` are episodes that the
    receiver knows of already. `over` says that nothing of the group fires any more. `waiting` is how many groups
    wait, in a message that only says so.
    """

    id: str
    dedup_key: str
    receiver: str
    values: tuple[tuple[str, str], ...]
    items: tuple[Item, ...]
    lasting: tuple[Episode, ...]
    severity: Severity
    over: bool
    reminder: bool
    next_ms: int | None
    after: Group | None
    notes: tuple[str, ...] = ()
    waiting: int = 0


class Kept(Struct, frozen=True, kw_only=True):
    """A line of the ledger: what a receiver was not told, and why."""

    receiver: str
    group: str
    episode: str
    severity: Severity
    title: str
    reason: str


class Decision(Struct, frozen=True, kw_only=True):
    """What is due now, the worst first; what was kept back, newly; when to ask again (None: when something changes)."""

    state: AlertState
    due: tuple[Notification, ...]
    ledger: tuple[Kept, ...]
    next_ms: int | None
