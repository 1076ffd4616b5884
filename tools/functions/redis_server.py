"""The audited server itself: one section of INFO, and the clients that read streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tools.clock import iso
from tools.functions.contract import (
    CONFIG,
    SCOUT,
    STREAMS,
    Arguments,
    Desk,
    Item,
    Page,
    PagedArguments,
    ToolFunction,
)
from tools.functions.redis_desk import Asking, refused
from tools.sources.records import ClientState
from tools.sources.redis import clients
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import as_bytes
from tools.sources.redis.server import parse_info

_CLIENTS = 50
CLIENTS_EVERY_S = 60.0
"""CLIENT LIST of 2,000 clients blocks a server for 2 to 3 ms, so a list is kept for this long."""


class InfoArguments(Arguments):
    """Which section."""

    section: Literal[
        "server", "clients", "memory", "persistence", "stats", "replication", "cpu", "commandstats",
        "errorstats", "keyspace",
    ] = Field(description="One section of INFO; keyspace counts the keys of each database.")  # fmt: skip


def info(desk: Desk, arguments: InfoArguments) -> Mapping[str, object]:
    """One section, of each primary."""
    with desk.server().asking() as asking:
        servers: dict[str, object] = {}
        for part in asking.parts():
            address = part.client.address.rpartition("/")[0]
            if address not in servers:
                servers[address] = parse_info(as_bytes(asking.one(part, "INFO", arguments.section)))
        return {
            "section": arguments.section,
            "at": iso(desk.clock.now_ms()),
            "servers": servers,
            "cost": asking.cost(),
        }


def listed_clients(desk: Desk, arguments: PagedArguments) -> Page:
    """Clients whose last command was about streams."""
    server = desk.server()
    with server.asking() as asking:
        if server.clients is None or desk.clock.monotonic() - server.clients_at >= CLIENTS_EVERY_S:
            server.clients = (iso(desk.clock.now_ms()), _ask(asking))
            server.clients_at = desk.clock.monotonic()
        at, found = server.clients
        facts = {"at": at, "clients": len(found), "cost": asking.cost()}
    start = arguments.number()
    size = arguments.size(_CLIENTS)
    items = tuple(
        Item(_client(address, client), str(start + number))
        for number, (address, client) in enumerate(found[start : start + size], start=1)
    )
    return Page(items, facts, items[-1].cursor if items and len(found) > start + size else None)


def _ask(asking: Asking) -> tuple[tuple[str, ClientState], ...]:
    found: dict[str, tuple[ClientState, ...]] = {}
    for part in asking.parts():
        address = part.client.address.rpartition("/")[0]
        if address in found:
            continue
        reply = asking.ask(part, ("CLIENT", "LIST"))[0]
        if isinstance(reply, ReplyError):
            raise refused("CLIENT LIST", reply)
        found[address] = clients.parse(as_bytes(reply), part.client.connection_id)
    return tuple((address, client) for address, each in found.items() for client in each)


def _client(address: str, client: ClientState) -> dict[str, object]:
    return {
        "server": address,
        "name": client.name,
        "lastCommand": client.command,
        "blocked": client.blocked,
        "ageS": client.age_s,
        "idleS": client.idle_s,
        "library": client.library,
    }


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "redis_info",
        "One section of the server's INFO now, of every primary: version, memory, persistence, replication, keys of each "
        "database, calls and time of each command. Costs one INFO. Not told: settings (CONFIG), other sections.",
        InfoArguments,
        frozenset({STREAMS, CONFIG, SCOUT}),
        info,
    ),
    ToolFunction(
        "redis_clients",
        "Clients whose last command was about streams: name, command, whether blocked in a read, age, idle time, library. "
        "Costs one CLIENT LIST, at most once in 60 s; until then the same list is given. Not told: which stream a "
        "client reads.",
        PagedArguments,
        frozenset({STREAMS}),
        listed_clients,
    ),
)
