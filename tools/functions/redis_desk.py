"""The audited server as functions reach it: opened when first wanted, read-only, paced, one question at a time.

What a name of a recording stands for on the server is found again here: names are shown escaped and masked, and end in
`@dbN` where they are another database's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import re2

from tools.clock import Clock
from tools.errors import FunctionRefused
from tools.sources.records import ClientState, database_suffix, plain_name
from tools.sources.redis.access import Access
from tools.sources.redis.allowlist import Command
from tools.sources.redis.cluster import Primary, slot_of
from tools.sources.redis.deployment import Databases, Deployment
from tools.sources.redis.names import display
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReadOnlyClient, Reply, ReplyError
from tools.sources.redis.replies import as_bytes

ACCESS = Access(connect_timeout_s=2.0, command_timeout_s=5.0, name="streamgauge-functions")
_TURN_S = 10.0
"""A call waits so long for another one that is at the server."""
_ESCAPE = re2.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|\\)")


@dataclass(frozen=True, slots=True)
class Part:
    """One database of one primary, with what asking it has cost so far."""

    client: ReadOnlyClient
    pacer: Pacer
    primary: Primary
    database: int


class Asking:
    """One call's questions, to whichever part of the deployment they are for."""

    def __init__(
        self, parts: Callable[[], Sequence[Part]], known: Iterable[Part], clock: Clock, own_database: int
    ) -> None:
        self._parts, self._clock, self._own = parts, clock, own_database
        self._known = tuple(known)  # kept alive, so that no other client gets the id of one of theirs
        self._before = {id(part.client): _spent(part) for part in self._known}
        self._now: Sequence[Part] = ()
        self._began = clock.monotonic()

    def parts(self) -> Sequence[Part]:
        """Every database of every primary. Raises SourceUnavailable."""
        self._now = self._now or self._parts()
        return self._now

    def ask(self, part: Part, *commands: Command) -> list[Reply]:
        """Replies in order, a ReplyError in place of one. Raises CommandRefused, SourceUnavailable."""
        return part.pacer.run(commands)

    def one(self, part: Part, *command: str | bytes | int) -> Reply:
        """One reply. Raises FunctionRefused for what the server refuses, SourceUnavailable."""
        reply = self.ask(part, command)[0]
        if isinstance(reply, ReplyError):
            raise refused(str(command[0]), reply)
        return reply

    def stream(self, name: str) -> tuple[Part, bytes]:
        """Where the stream of that shown name lies, and its raw name. Raises FunctionRefused, SourceUnavailable."""
        for wanted, database in self._readings(name):
            raw = raw_of(wanted)
            for part in self._holders(raw, database):
                kind = as_bytes(self.one(part, "TYPE", raw)).decode("ascii", "replace") or "none"
                if kind == "stream":
                    return part, raw
                if kind != "none":
                    raise FunctionRefused(f"{display(raw)} is a key of type {kind}, not a stream.")
        if "[masked:" in name or "…(+" in name:
            raise _unaskable()
        raise FunctionRefused(
            f"The server has no stream {name!r} now: redis_streams lists those of the recording."
        )

    def cost(self) -> dict[str, object]:
        """What the questions cost: commands, round trips, our guess of the server's time (us), wall time (ms)."""
        commands, round_trips, guessed_us = 0, 0, 0.0
        for part in self._now:
            before = self._before.get(id(part.client), (0, 0, 0.0))
            now = _spent(part)
            commands += now[0] - before[0]
            round_trips += now[1] - before[1]
            guessed_us += now[2] - before[2]
        return {
            "commands": commands,
            "roundTrips": round_trips,
            "serverUsGuessed": round(guessed_us),
            "wallMs": round((self._clock.monotonic() - self._began) * 1000, 1),
        }

    def _readings(self, name: str) -> Iterator[tuple[str, int]]:
        """A name as it stands, and with the mark of a database taken off."""
        yield name, self._own
        plain = plain_name(name)
        if plain != name:
            yield plain, int(name.removeprefix(plain + database_suffix(0)[:-1]))

    def _holders(self, raw: bytes, database: int) -> Iterator[Part]:
        for part in self.parts():
            if part.database == database and (not part.primary.ranges or part.primary.holds(slot_of(raw))):
                yield part


class RedisDesk:
    """The deployment behind an address. Nothing is asked before a function wants it. Raises UsageError for a bad URL."""

    def __init__(self, url: str, clock: Clock, databases: Databases = None, access: Access = ACCESS) -> None:
        self._deployment = Deployment(url, databases, access)
        self._clock = clock
        self._parts: Mapping[int, Part] = {}
        self._turn = threading.Lock()
        self._over = ""
        self.clients: tuple[str, tuple[tuple[str, ClientState], ...]] | None = None
        """The newest list of clients, each with its server's address, and when it was made."""
        self.clients_at = 0.0

    @property
    def what(self) -> str:
        """What is audited, without credentials."""
        return self._deployment.what

    @contextmanager
    def asking(self) -> Iterator[Asking]:
        """A turn at the server: calls go one after another.

        Raises FunctionRefused where another does not end, and once the server is over.
        """
        if self._over:
            raise FunctionRefused(self._over)
        if not self._turn.acquire(timeout=_TURN_S):
            raise FunctionRefused("Another function is still waiting for the server: call again later.")
        try:
            yield Asking(self._all, self._parts.values(), self._clock, self._deployment.target.database)
        finally:
            self._turn.release()

    def close(self, why: str = "") -> None:
        """Close every connection. `why` is the sentence that each later call is answered with."""
        self._over = why
        self._deployment.close()

    def _all(self) -> Sequence[Part]:
        known = self._parts
        found: dict[int, Part] = {}
        for primary, _ in self._deployment.each():
            for database in self._deployment.databases(primary):
                client = self._deployment.client(primary, database)
                part = known.get(id(client))
                if part is None or part.primary != primary:
                    pacer = Pacer(client, self._clock) if part is None else part.pacer
                    part = Part(client, pacer, primary, database)
                found[id(client)] = part
        self._parts = found
        return tuple(found.values())


def _spent(part: Part) -> tuple[int, int, float]:
    return part.client.sent.total(), part.client.round_trips, part.pacer.estimated_us


def refused(command: str, reply: ReplyError) -> FunctionRefused:
    """What a function says where the server refuses a command."""
    if reply.forbidden:
        return FunctionRefused(f"The server does not let this user call {command} ({reply.text}).")
    if reply.gone:
        return FunctionRefused(f"It is not there (any more): {reply.text}.")
    return FunctionRefused(f"The server refused {command}: {reply.text}.")


def raw_of(shown: str) -> bytes:
    """The raw name behind a shown one. Raises FunctionRefused where it was masked or shortened."""
    parts: list[bytes] = []
    start = 0
    for match in _ESCAPE.finditer(shown):
        parts += [shown[start : match.start()].encode("utf-8", "surrogatepass"), _unescaped(match.group(1))]
        start = match.end()
    raw = b"".join([*parts, shown[start:].encode("utf-8", "surrogatepass")])
    for candidate in (raw, shown.encode("utf-8", "surrogatepass")):
        if candidate and display(candidate) == shown:
            return candidate
    if "[masked:" in shown or "…(+" in shown:
        raise _unaskable()
    return shown.encode("utf-8", "surrogatepass")


def _unaskable() -> FunctionRefused:
    return FunctionRefused("This name was masked or shortened, so it cannot be asked for by name.")


def _unescaped(escape: str) -> bytes:
    if escape == "\\":
        return b"\\"
    code = int(escape[1:], 16)
    return bytes([code]) if escape[0] == "x" else chr(code).encode("utf-8", "surrogatepass")
