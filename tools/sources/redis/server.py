"""INFO: who the server is, and the figures of one moment."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tools.errors import SourceUnavailable
from tools.sources.records import ServerState
from tools.sources.redis.commandstats import Calls, parse
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import as_bytes, as_list

SECTIONS = ("commandstats", "server", "clients", "memory", "persistence", "stats", "replication", "keyspace")
"""Asked one by one: several sections in one INFO need 7.0. commandstats is first: later ones are not in it."""


SEVERAL_SECTIONS = (7, 0)
"""The first version whose INFO answers several sections at once; Valkey began at 7.2."""


class ServerReading(Struct, frozen=True, kw_only=True):
    """The server at one moment, with what a sweep needs and records do not hold.

    `keys` are those of the database we look at; `other_keys` maps the other databases to theirs.
    `key_losses` counts expired and evicted keys since the server started.
    """

    state: ServerState
    stats: dict[str, Calls]
    keys: int
    other_keys: dict[int, int]
    key_losses: int
    cluster: bool


class Glance(Struct, frozen=True, kw_only=True):
    """What one INFO tells of whether anything moved. `key_losses` and `role` are None before 7.0."""

    stats: dict[str, Calls]
    key_losses: int | None
    role: str | None


def glance(client: ReadOnlyClient, version: str) -> Glance:
    """One INFO: the command counters, and from 7.0 on more with them. Raises SourceUnavailable."""
    several = version_of(version) >= SEVERAL_SECTIONS
    command = ("INFO", "commandstats", "stats", "replication") if several else ("INFO", "commandstats")
    info = parse_info(as_bytes(client.call(*command)))
    losses = _losses(info) if "expired_keys" in info else None
    return Glance(stats=parse(info), key_losses=losses, role=info.get("role"))


def read(client: ReadOnlyClient, database: int = 0) -> ServerReading:
    """Ask INFO, in one round trip. Raises SourceUnavailable."""
    sections: dict[str, dict[str, str]] = {}
    replies = client.pipeline([*(("INFO", name) for name in SECTIONS), ("CONFIG", "GET", "save")])
    for name, reply in zip(SECTIONS, replies, strict=False):
        if isinstance(reply, ReplyError):
            raise SourceUnavailable(f"Redis at {client.address}: INFO", reply.text, "Allow the user +info.")
        sections[name] = parse_info(as_bytes(reply))
    merged: dict[str, str] = {}
    for name in SECTIONS[1:]:
        merged |= sections[name]
    keys = keyspace(sections["keyspace"])
    return ServerReading(
        state=_state(merged, replies[-1]),
        stats=parse(sections["commandstats"]),
        keys=keys.pop(database, 0),
        other_keys=keys,
        key_losses=_losses(merged),
        cluster=merged.get("redis_mode", merged.get("server_mode")) == "cluster",
    )


def parse_info(reply: bytes) -> dict[str, str]:
    """The `key:value` lines of an INFO reply."""
    lines = reply.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(":")[::2] for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def version_of(version: str) -> tuple[int, ...]:
    """`7.0.15` as numbers that compare; () where the text is none."""
    parts: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def _state(info: Mapping[str, str], save: object) -> ServerState:
    flavour, version = identity(info)
    schedule = as_list(save)  # [b"save", b"3600 1 …"]; managed servers do not tell
    return ServerState(
        flavour=flavour,
        version=version,
        role=info.get("role", "master"),
        run_id=info.get("run_id", ""),
        used_memory=_integer(info, "used_memory"),
        maxmemory=_integer(info, "maxmemory"),
        maxmemory_policy=info.get("maxmemory_policy", "noeviction"),
        connected_clients=_integer(info, "connected_clients"),
        aof_enabled=info["aof_enabled"] == "1" if "aof_enabled" in info else None,
        rdb_enabled=bool(schedule[1]) if len(schedule) > 1 else None,
        evicted_keys=_integer(info, "evicted_keys"),
        uptime_s=_integer(info, "uptime_in_seconds") if "uptime_in_seconds" in info else None,
    )


def identity(info: Mapping[str, str]) -> tuple[str, str]:
    """Flavour (`redis`, `valkey`, `dragonfly`) and version, from INFO server."""
    if "valkey_version" in info or info.get("server_name") == "valkey":
        return "valkey", info.get("valkey_version", info.get("redis_version", ""))
    if "dragonfly_version" in info:
        return "dragonfly", info["dragonfly_version"].removeprefix("df-").removeprefix("v")
    return "redis", info.get("redis_version", "")


def _losses(info: Mapping[str, str]) -> int:
    return _integer(info, "expired_keys") + _integer(info, "evicted_keys")


def _integer(info: Mapping[str, str], key: str) -> int:
    value = info.get(key, "")
    return int(value) if value.isdigit() else 0


def keyspace(section: Mapping[str, str]) -> dict[int, int]:
    """Keys of each database that has any, from INFO keyspace."""
    found = {}
    for name, value in section.items():
        number, first = name.removeprefix("db"), value.partition(",")[0].removeprefix("keys=")
        if name.startswith("db") and number.isdigit() and first.isdigit():
            found[int(number)] = int(first)
    return found
