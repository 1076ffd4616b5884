"""Every primary and database that an address stands for, and the clients to them.

A node that turns out to be one of a cluster stands for all of it. Behind Sentinels there is one primary, whoever
that is at the moment. Which primaries a cluster has is asked again when `refresh` is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal, Self

from tools.errors import SourceUnavailable
from tools.masking import mask
from tools.sources.redis import cluster
from tools.sources.redis.access import Access
from tools.sources.redis.cluster import Primary
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import as_bytes
from tools.sources.redis.sentinel import Sentinels
from tools.sources.redis.server import keyspace, parse_info
from tools.sources.redis.target import Host, Kind, parse

Databases = Literal["all"] | tuple[int, ...] | None
"""Which databases are looked at: those named, all that hold keys, or (None) the address's own."""

DATABASES_MAX = 64
"""Of one server: each needs a connection of its own."""


class Deployment:
    """What an address stands for. Nothing is asked before `refresh`. Raises UsageError where the URL is not one."""

    def __init__(self, url: str, databases: Databases = None, access: Access | None = None) -> None:
        self.target = parse(url)
        self.asked_databases = databases
        self.is_cluster = self.target.kind is Kind.CLUSTER
        self.refused: str | None = None
        """The server's words where the user may not ask for the slot map: then one node stands for all."""
        self._access = access or Access()
        self._sentinels = Sentinels(self.target, self._access) if self.target.kind is Kind.SENTINEL else None
        self._clients: dict[tuple[Host | None, int], ReadOnlyClient] = {}
        self._beyond: dict[Host | None, tuple[int, ...]] = {}
        self._primaries: tuple[Primary, ...] = () if self.is_cluster else (Primary(),)
        self._mode_known_at = 0
        self._server_address = "" if self.is_cluster else self.client(Primary()).address

    @property
    def what(self) -> str:
        """What is audited, without credentials: the beginning of the texts about it."""
        if self.is_cluster:
            return mask(f"Redis cluster at {','.join(map(str, self.target.hosts))}")
        if self._sentinels is not None:
            return f"Redis service {self.target}"
        return f"Redis at {self._server_address}"

    @property
    def primaries(self) -> tuple[Primary, ...]:
        """Those known now; () before the first `refresh` of a cluster."""
        return self._primaries

    @property
    def names_nodes(self) -> bool:
        """Whether who is looked at is worth telling: the address does not say it."""
        return self.is_cluster or self._sentinels is not None

    def client(self, primary: Primary, database: int | None = None) -> ReadOnlyClient:
        """The client for one database of a primary (else the address's), the same at every call; not yet open."""
        number = self.target.database if database is None else database
        key = primary.host, number
        if key not in self._clients:
            url = self.target.url(primary.host, number)
            self._clients[key] = (
                self._access.client(url)
                if self._sentinels is None
                else self._access.primary(url, partial(self._sentinels.urls, number))
            )
        return self._clients[key]

    def refresh(self) -> None:
        """Ask which primaries there are, where that can change. Raises SourceUnavailable where nobody can be asked."""
        if self._sentinels is not None:
            return
        if not self.is_cluster:
            self._learn_mode()
        if self.is_cluster:
            self._take(self._ask_cluster())

    def databases(self, primary: Primary) -> tuple[int, ...]:
        """The databases of a primary to look at, in order. Raises SourceUnavailable."""
        if self.asked_databases is None:
            return (self.target.database,)
        if self.asked_databases != "all":
            return tuple(sorted(set(self.asked_databases)))
        client = self.client(primary)
        reply = client.call("INFO", "keyspace")
        found = keyspace(parse_info(as_bytes(reply)))
        others = sorted(found.keys() - {self.target.database})
        self._beyond[primary.host] = tuple(others[DATABASES_MAX - 1 :])
        return tuple(sorted((self.target.database, *others[: DATABASES_MAX - 1])))

    def beyond(self, primary: Primary) -> tuple[int, ...]:
        """The databases with keys that were too many when `databases` was asked last."""
        return self._beyond.get(primary.host, ())

    def each(self) -> Iterator[tuple[Primary, ReadOnlyClient]]:
        """Every primary, asked for now, and its client. Raises SourceUnavailable where nobody can be asked."""
        self.refresh()
        for primary in self._primaries:
            yield primary, self.client(primary)

    def silent(self) -> SourceUnavailable | None:
        """Why what is audited does not answer, or the first part of it that does not; None where all does."""
        try:
            for _, client in self.each():
                client.call("PING")
        except SourceUnavailable as error:
            return error
        return None

    def sentinels(self) -> Sentinels | None:
        """Those of the address, if it names any."""
        return self._sentinels

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _learn_mode(self) -> None:
        """Asked once for each connection: another server may answer at the same address."""
        client = self.client(Primary())
        client.open()
        if client.opened != self._mode_known_at:
            self._mode_known_at = client.opened
            self.is_cluster = cluster.is_cluster(client)

    def _ask_cluster(self) -> tuple[Primary, ...]:
        """The slot map of the first node that tells it: those known, then those of the address."""
        first: SourceUnavailable | None = None
        named = (None,) if self.target.kind is Kind.SERVER else self.target.hosts
        for host in dict.fromkeys([*(known.host for known in self._primaries), *named]):
            client = self.client(Primary(host))
            asked = host or next(iter(self.target.hosts), None)
            try:
                found = cluster.primaries(client, asked)
                if isinstance(found, ReplyError):
                    self.refused = found.text
                    return (Primary(host),)
            except SourceUnavailable as error:
                first = first or error
            else:
                self.refused = None
                return found
        assert first is not None
        raise SourceUnavailable(self.what, f"no node of the cluster tells its slots ({first.why})", first.fix)

    def _take(self, found: tuple[Primary, ...]) -> None:
        """Keep the connections to those that are still there."""
        hosts = {primary.host for primary in found}
        for key in [key for key in self._clients if key[0] not in hosts]:
            self._clients.pop(key).close()
        self._primaries = found
