"""What a poll says of the servers it looked at, and how names tell their databases apart. Detectors see it by `records`."""

from __future__ import annotations

import re

from msgspec import Struct


def database_suffix(database: int) -> str:
    """What ends the name of a stream of another database than the address names."""
    return f"@db{database}"


def plain_name(stream: str) -> str:
    """The name that code uses for a stream: without the mark of its database (`orders@db3` is `orders`)."""
    plain, at, number = stream.rpartition("@db")
    return plain if at and plain and number.isascii() and number.isdecimal() else stream


def as_typed(advice: str, stream: str) -> str:
    """Advice whose commands name the key itself, and say where, for a stream of another database (`orders@db3`)."""
    key = plain_name(stream)
    if key == stream:
        return advice
    named = rf"\b(X[A-Z]+(?: [A-Z]+)?) {re.escape(stream)}(?![^\s),;.])"
    typed = re.sub(named, lambda found: f"{found[1]} {key}", advice)
    if typed == advice:
        return advice
    return f"{typed} Type SELECT {stream.rpartition('@db')[2]} before: it is another database than the address names."


class ClientState(Struct, frozen=True, kw_only=True):
    """One line of CLIENT LIST that reads streams: what it last did and whether it is blocked in it."""

    name: str
    command: str
    blocked: bool
    age_s: int
    idle_s: int
    library: str = ""


class ServerState(Struct, frozen=True, kw_only=True):
    """The server at one poll; figures of INFO."""

    flavour: str
    version: str
    role: str = "master"
    run_id: str = ""
    used_memory: int = 0
    maxmemory: int = 0
    maxmemory_policy: str = "noeviction"
    connected_clients: int = 0
    aof_enabled: bool | None = None
    rdb_enabled: bool | None = None
    evicted_keys: int = 0
    uptime_s: int | None = None


class NodeState(Struct, frozen=True, kw_only=True):
    """One primary of a deployment at one poll. `server` is None where it could not be looked at."""

    address: str
    server: ServerState | None
    slots: str = ""
    """Of a cluster: the slots it holds (`0-5460,6000`)."""
    streams: int = 0


class PollCost(Struct, frozen=True, kw_only=True):
    """What this poll cost: the server's own time in our commands, round trips, wall time.

    Where several nodes or databases are looked at one after another, each figure is the sum.
    """

    server_us: int
    round_trips: int
    wall_ms: float
