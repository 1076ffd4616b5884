"""The parts of a deployment: one StreamSource for each database of each primary, kept in step with the slot map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.records import ClientState, NodeState, Poll, database_suffix
from tools.sources.redis import cluster
from tools.sources.redis.cluster import Primary
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.names import SharedBook
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import Beside, StreamSource
from tools.sources.redis.target import Host

REFRESH_MS = 60_000
"""So often a cluster's slot map is asked for where nothing hints at a change."""


@dataclass(eq=False)
class Part:
    """One database of one primary. `error` says why it could not be looked at when it was last asked."""

    primary: Primary
    database: int
    client: ReadOnlyClient
    source: StreamSource
    last: Poll | None = None
    clients: tuple[ClientState, ...] | None = None
    clients_ms: int = 0
    """The newest list of clients, and when it was made."""
    error: SourceUnavailable | None = None
    beside: Counter[str] = field(default_factory=Counter)
    """What our connections to the server's other databases had sent when it was polled last."""

    @property
    def what(self) -> str:
        """What a gap calls it."""
        return f"Redis at {self.client.address}"

    @property
    def address(self) -> str:
        """The primary's, without the database."""
        host = self.primary.host
        return self.client.address.rpartition("/")[0] if host is None else str(host)

    def clients_at(self, now_ms: int) -> tuple[ClientState, ...] | None:
        """The clients at a later moment, if none did anything since."""
        by_s = max(0, (now_ms - self.clients_ms) // 1000)
        if self.clients is None or by_s == 0:
            return self.clients
        return tuple(
            replace(client, age_s=client.age_s + by_s, idle_s=client.idle_s + by_s) for client in self.clients
        )

    def lose(self, error: SourceUnavailable) -> None:
        """It could not be looked at: whatever answers there next begins anew."""
        self.error, self.clients = error, None
        self.source.lose()


@dataclass
class Parts:
    """All parts there are now. `lost` names what an earlier process lost and nobody has seen since."""

    deployment: Deployment
    clock: Clock
    source: str
    limits: LookLimits
    lost: Collection[str] = ()
    all: list[Part] = field(default_factory=list)
    vanished: set[str] = field(default_factory=set)
    """Primaries that are none any more, until somebody takes note."""
    unserved: int = 0
    """Slots that no primary holds."""
    missed: bool = False
    """A poll failed before there was any part: the first that is there begins anew."""
    interval_s: float = 0.0
    """How far apart polls come, where they come less often than configured."""
    cursors: Mapping[str, str] | None = None
    """Per stream how far an earlier process sampled its entries; None where samples are not handed over."""
    _books: dict[int, SharedBook] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _refreshed_ms: int | None = None

    def keep_up(self, previous: Poll | None) -> None:
        """Refresh where it is due. Raises SourceUnavailable where nobody can be asked."""
        now = self.clock.now_ms()
        due = self._refreshed_ms is None or now - self._refreshed_ms >= REFRESH_MS
        if due or not self.deployment.is_cluster:
            self.refresh(previous)
        else:
            self._add()

    def expect_change(self) -> None:
        """Something hints at a change: the map is asked for at the next poll."""
        self._refreshed_ms = None

    def refresh(self, previous: Poll | None) -> None:
        """Ask for the primaries; those that are new in another's place begin anew. Raises SourceUnavailable."""
        self.deployment.refresh()
        self._refreshed_ms = self.clock.now_ms()
        primaries = {primary.host: primary for primary in self.deployment.primaries}
        self.unserved = cluster.unserved(primaries.values()) if self._has_map else 0
        if self.deployment.is_cluster:
            named = {node.address for node in (() if previous is None else previous.nodes)}
            known = {str(part.primary.host) for part in self.all if part.primary.host is not None} or named
            self.vanished |= known - {str(host) for host in primaries}
        self.all = [part for part in self.all if part.primary.host in primaries]
        for part in self.all:
            part.primary = primaries[part.primary.host]
        self._add()

    def at(self, host: Host, database: int) -> Part | None:
        """The part of a node that can be asked."""
        return next(
            (
                part
                for part in self.all
                if part.primary.host == host and part.database == database and part.error is None
            ),
            None,
        )

    def book(self, database: int) -> SharedBook:
        """The names of one database, shared by all nodes: a stream that moves keeps its text."""
        own = database == self.deployment.target.database
        suffix = "" if own else database_suffix(database)
        return self._books.setdefault(database, SharedBook(suffix, self._taken))

    def expect_every(self, interval_s: float) -> None:
        """Polls come this far apart, seconds: a pause of a few of them is no gap."""
        self.interval_s = interval_s
        for part in self.all:
            part.source.expect_every(interval_s)

    def keep_names(self, poll: Poll) -> None:
        """Forget the names of what is gone."""
        names = {state.name for state in poll.streams}
        for book in self._books.values():
            book.keep(names)

    def nodes(self, where: Mapping[str, Part]) -> tuple[NodeState, ...]:
        """Each primary once, in the order of its slots; () where the address says who is looked at, and all was seen.

        `where` has the part of each stream.
        """
        if not self.deployment.names_nodes and all(part.error is None for part in self.all):
            return ()
        counts: dict[str, int] = {}
        for part in where.values():
            counts[part.address] = counts.get(part.address, 0) + 1
        nodes: dict[str, NodeState] = {}
        for part in self.all:
            known = nodes.get(part.address)
            never_asked = part.last is None and part.error is None
            if never_asked or (known is not None and (known.server is None or part.error is None)):
                continue
            nodes[part.address] = NodeState(
                address=part.address,
                server=None if part.error is not None or part.last is None else part.last.server,
                slots=part.primary.slots,
                streams=counts.get(part.address, 0),
            )
        return tuple(nodes.values())

    @property
    def _has_map(self) -> bool:
        return self.deployment.is_cluster and self.deployment.refused is None

    def _add(self) -> None:
        """A part for each database of each primary; of a primary that cannot say which, those known already."""
        for primary in self.deployment.primaries:
            there = {part.database for part in self.all if part.primary.host == primary.host}
            try:
                numbers = self.deployment.databases(primary)
            except SourceUnavailable:
                numbers = tuple(sorted(there)) or (self.deployment.target.database,)
            self.all += [self._part(primary, number) for number in numbers if number not in there]
            known = frozenset((*numbers, *self.deployment.beyond(primary)))
            beside = Beside(nodes=self._has_map, databases=known)
            for part in self.all:
                if part.primary.host == primary.host:
                    part.source.beside = beside
        order = {primary.host: at for at, primary in enumerate(self.deployment.primaries)}
        self.all.sort(key=lambda part: (order[part.primary.host], part.database))

    def _part(self, primary: Primary, database: int) -> Part:
        client = self.deployment.client(primary, database)
        was_lost = not {self.deployment.what, f"Redis at {client.address}"}.isdisjoint(self.lost)
        source = StreamSource(
            client,
            self.clock,
            source=self.source,
            limits=self.limits,
            lost=was_lost or self.missed or bool(self.vanished),
            names=self.book(database),
        )
        source.expect_every(self.interval_s)
        if self.cursors is not None:
            source.keep_samples(self.cursors)
        return Part(primary, database, client, source)
