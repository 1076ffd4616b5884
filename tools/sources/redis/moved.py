"""Streams of a cluster that a look did not find where they were: on another node, on their way, or gone.

While a slot moves, each of its keys is on one of two nodes: on the old one, or on the new one, which shows it only
to a question that begins with ASKING.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.clock import Clock
from tools.sources.records import GroupState, ServerState, StreamState
from tools.sources.redis import cluster, lag, replies
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.target import Host

_HOPS = 2
"""A node that was asked on an old map names the right one."""


@dataclass
class Found:
    """Where streams are, by raw name: there for every question, or on their way to a node."""

    there: dict[bytes, Host] = field(default_factory=dict)
    coming: dict[bytes, Host] = field(default_factory=dict)


def find(deployment: Deployment, clock: Clock, raws: Iterable[bytes], database: int) -> Found:
    """Ask the owner of each, by the slot map as it is known. Raises SourceUnavailable."""
    found, asking = Found(), dict[bytes, Host]()
    for raw in raws:
        slot = cluster.slot_of(raw)
        owner = next((primary.host for primary in deployment.primaries if primary.holds(slot)), None)
        if owner is not None:
            asking[raw] = owner
    for _ in range(_HOPS):
        asking = _ask(deployment, clock, asking, database, found)
    return found


def _ask(
    deployment: Deployment, clock: Clock, asking: Mapping[bytes, Host], database: int, found: Found
) -> dict[bytes, Host]:
    """One question for each; returns those that were sent on to another node."""
    sent_on: dict[bytes, Host] = {}
    for host in dict.fromkeys(asking.values()):
        raws = [raw for raw, owner in asking.items() if owner == host]
        pacer = Pacer(deployment.client(cluster.Primary(host), database), clock)
        for raw, reply in zip(raws, pacer.run(("TYPE", raw) for raw in raws), strict=True):
            pointed = cluster.redirection(reply)
            if replies.as_bytes(reply) == b"stream":
                found.there[raw] = host
            elif pointed is not None and pointed[0] == "ASK":
                found.coming[raw] = pointed[1]
            elif pointed is not None:
                sent_on[raw] = pointed[1]
    return sent_on


def look(
    deployment: Deployment, host: Host, raws: Mapping[bytes, str], database: int, server: ServerState
) -> tuple[StreamState, ...]:
    """What a node tells of streams that are on their way to it: length and groups; consumers and entries are not read.

    `raws` maps raw names to texts. Raises SourceUnavailable.
    """
    client = deployment.client(cluster.Primary(host), database)
    made = []
    for raw, name in raws.items():
        _, stream, _, groups = client.pipeline(
            [("ASKING",), ("XINFO", "STREAM", raw), ("ASKING",), ("XINFO", "GROUPS", raw)]
        )
        if isinstance(stream, ReplyError) or isinstance(groups, ReplyError):
            continue
        info, _, _ = replies.stream_info(stream)
        states = tuple(
            GroupState(
                info=group,
                lag=lag.derive(info, group, honest=lag.is_honest(server), memory=lag.GroupMemory()),
                pending_complete=group.pending == 0,
            )
            for _, group in replies.groups(groups)
        )
        made.append(StreamState(name=name, info=info, groups=states, database=database))
    return tuple(made)
