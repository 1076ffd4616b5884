"""How connections of ours are opened: how long they wait, and what they are called at the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypedDict, Unpack

from tools.errors import SourceUnavailable
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.replies import as_bytes
from tools.sources.redis.server import parse_info


@dataclass(frozen=True, slots=True)
class Access:
    """Times in seconds; `name` is what CLIENT LIST shows."""

    connect_timeout_s: float = 2.0
    command_timeout_s: float = 5.0
    name: str = "streamgauge"

    def client(self, url: str) -> ReadOnlyClient:
        """A client that opens at its first call. Raises UsageError where the URL is not one."""
        return ReadOnlyClient(url, **self._options)

    def primary(self, url: str, candidates: Callable[[], Iterable[str]]) -> PrimaryClient:
        """A client of whichever of the candidates is a primary; `url` is that of a server before any is known."""
        return PrimaryClient(url, candidates, **self._options)

    @property
    def _options(self) -> _Options:
        return {
            "connect_timeout_s": self.connect_timeout_s,
            "command_timeout_s": self.command_timeout_s,
            "name": self.name,
        }


class _Options(TypedDict):
    connect_timeout_s: float
    command_timeout_s: float
    name: str


class PrimaryClient(ReadOnlyClient):
    """Asks who the primary is at every connection, and takes nothing else for it."""

    def __init__(
        self, url: str, candidates: Callable[[], Iterable[str]], **options: Unpack[_Options]
    ) -> None:
        super().__init__(url, **options)
        self._candidates = candidates

    def open(self) -> None:
        """Open a connection to the first candidate that is a primary. Raises SourceUnavailable."""
        if self._open:
            return
        first: SourceUnavailable | None = None
        for url in self._candidates():
            self.point(url)
            try:
                super().open()
                self._require_primary()
            except SourceUnavailable as error:
                self.close()
                first = first or error
            else:
                return
        if first is not None:
            raise first

    def _require_primary(self) -> None:
        if parse_info(as_bytes(self.call("INFO", "replication"))).get("role") != "master":
            raise demoted(self.address)


def demoted(address: str) -> SourceUnavailable:
    """What is said where a replica answers in a primary's place."""
    why = "it is named as the primary, but it is a replica: a failover goes on, or was not told everywhere"
    fix = "The next look asks again; if this lasts, look into the failover."
    return SourceUnavailable(f"Redis at {address}", why, fix)
