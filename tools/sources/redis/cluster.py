"""The slot map of a cluster: which primary holds which keys, by CLUSTER SLOTS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from redis.crc import key_slot

from tools.errors import SourceUnavailable
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import as_bytes, as_int, as_list
from tools.sources.redis.server import parse_info
from tools.sources.redis.target import Host, named_host

SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Primary:
    """One primary. `host` is None for the server that an address names itself, or that Sentinels name.

    `ranges` are its slots, both ends included, in order.
    """

    host: Host | None = None
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def slots(self) -> str:
        """`0-5460,6000`; "" outside of a cluster."""
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)

    def holds(self, slot: int) -> bool:
        """Whether a slot is one of its own."""
        return any(first <= slot <= last for first, last in self.ranges)


def is_cluster(client: ReadOnlyClient) -> bool:
    """Whether the server is in cluster mode; False where it does not say. Raises SourceUnavailable."""
    reply = client.pipeline([("INFO", "server")])[0]
    info = {} if isinstance(reply, ReplyError) else parse_info(as_bytes(reply))
    return info.get("redis_mode", info.get("server_mode")) == "cluster"


def primaries(client: ReadOnlyClient, asked: Host | None) -> tuple[Primary, ...] | ReplyError:
    """Every primary that holds slots, as this node knows it, in the order of its first slot.

    The server's refusal where the user may not ask. `asked` stands in where the node does not know its own address. Raises SourceUnavailable.
    """
    found: dict[Host, list[tuple[int, int]]] = {}
    reply = client.pipeline([("CLUSTER", "SLOTS")])[0]
    if isinstance(reply, ReplyError) and reply.forbidden:
        return reply
    for item in as_list(client.call("CLUSTER", "SLOTS") if isinstance(reply, ReplyError) else reply):
        first, last, owner = [*as_list(item), None, None, None][:3]
        host = _host(owner, asked)
        start, end = as_int(first), as_int(last)
        if host is not None and start is not None and end is not None:
            found.setdefault(host, []).append((start, end))
    if not found:
        raise SourceUnavailable(
            f"Redis at {client.address}: CLUSTER SLOTS",
            "no node of the cluster has any slots",
            "Finish making the cluster, or name another node in redis.url.",
        )
    made = (Primary(host, _joined(ranges)) for host, ranges in found.items())
    return tuple(sorted(made, key=lambda primary: primary.ranges))


def unserved(known: Iterable[Primary]) -> int:
    """How many slots nobody holds."""
    return SLOTS - sum(last - first + 1 for primary in known for first, last in primary.ranges)


def slot_of(raw: bytes) -> int:
    """The slot of a key, by its hash tag where it has one."""
    return int(key_slot(raw))


def redirection(reply: object) -> tuple[str, Host] | None:
    """`MOVED` or `ASK` and the node that a redirection names; None for any other reply."""
    if not isinstance(reply, ReplyError) or reply.code not in {"MOVED", "ASK"}:
        return None
    name, _, port = reply.text.split()[-1].rpartition(":")
    host = named_host(name.strip("[]"), int(port)) if port.isascii() and port.isdecimal() else None
    return None if host is None else (reply.code, host)


def _host(owner: object, asked: Host | None) -> Host | None:
    """A node of the reply: an address, a host name, or nothing where the node is to be reached as we did."""
    parts = as_list(owner)
    port = as_int(parts[1]) if len(parts) > 1 else None
    name = as_bytes(parts[0]).decode("utf-8", "replace") if parts else ""
    if name in {"", "?"}:
        name = "" if asked is None else asked.name
    return named_host(name, port or 0)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    ordered = sorted(ranges)
    made = [ordered[0]]
    for before, after in pairwise(ordered):
        if after[0] == before[1] + 1:
            made[-1] = (made[-1][0], after[1])
        else:
            made.append(after)
    return tuple(made)
