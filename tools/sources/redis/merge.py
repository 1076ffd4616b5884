"""Polls of several nodes or databases, made one. Pure.

Figures of servers are added up (memory, its limit, clients, evictions), so that they stay comparable with the limit of
the whole; 0 for the limit where one node has none. A setting counts as on where it is on at every node. The age is the
youngest node's, the run id all of theirs in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tools.sources.records import ClientState, Poll, PollCost, ServerState, StreamState


@dataclass(frozen=True, slots=True)
class Piece:
    """The poll of one database of one node. `first`: of the databases of its node the one that speaks for the server.

    `clients` are the newest known, whenever they were listed.
    """

    poll: Poll
    first: bool
    clients: tuple[ClientState, ...] | None


def merged(number: int, pieces: Sequence[Piece], streams: Iterable[StreamState]) -> Poll:
    """One poll of at least one piece, with these streams. Round trips, server time and wall time are sums."""
    speaking = [piece for piece in pieces if piece.first] or list(pieces)
    calls: Counter[str] = Counter()
    for piece in speaking:
        calls.update(piece.poll.calls)
    late: Counter[str] = Counter()
    for piece in pieces:
        late.update(piece.poll.late_calls)
    first = pieces[0].poll
    return Poll(
        number=number,
        at_ms=first.at_ms,
        server=together([piece.poll.server for piece in speaking]),
        streams=tuple(sorted(streams, key=lambda state: state.name)),
        calls=dict(sorted(calls.items())),
        clients=_clients(speaking),
        cost=_cost([piece.poll.cost for piece in pieces]),
        quiet=all(piece.poll.quiet for piece in pieces),
        after_gap=any(piece.poll.after_gap for piece in pieces),
        source=first.source,
        until_ms=max(piece.poll.until_ms for piece in pieces),
        late_calls=dict(sorted(late.items())),
        clients_ms=max(piece.poll.clients_ms for piece in pieces),
    )


def without(calls: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Calls less those of our own, which servers before 7.0 count without their subcommand."""
    left = dict(calls)
    for name, count in own.items():
        known = name if name in left else name.partition("|")[0]
        if known in left:
            left[known] -= count
    return {name: count for name, count in left.items() if count > 0}


def together(states: Sequence[ServerState]) -> ServerState:
    """The servers of several nodes as one."""
    first = states[0]
    if len(states) == 1:
        return first
    ages = [state.uptime_s for state in states if state.uptime_s is not None]
    limits = [state.maxmemory for state in states]
    return replace(
        first,
        role="master" if all(state.role == "master" for state in states) else "mixed",
        run_id="+".join(state.run_id for state in states),
        used_memory=sum(state.used_memory for state in states),
        maxmemory=sum(limits) if all(limits) else 0,
        connected_clients=sum(state.connected_clients for state in states),
        aof_enabled=_everywhere([state.aof_enabled for state in states]),
        rdb_enabled=_everywhere([state.rdb_enabled for state in states]),
        evicted_keys=sum(state.evicted_keys for state in states),
        uptime_s=min(ages) if len(ages) == len(states) else None,
    )


def _everywhere(settings: Sequence[bool | None]) -> bool | None:
    if any(setting is False for setting in settings):
        return False
    return None if any(setting is None for setting in settings) else True


def _clients(pieces: Sequence[Piece]) -> tuple[ClientState, ...] | None:
    """All nodes' clients, where any node listed them at this poll; those of the others as they were last."""
    if all(piece.poll.clients is None for piece in pieces):
        return None
    found = [client for piece in pieces for client in piece.clients or ()]
    return tuple(
        sorted(found, key=lambda client: (client.name, client.command, -client.age_s, client.idle_s))
    )


def _cost(costs: Sequence[PollCost]) -> PollCost:
    return PollCost(
        server_us=sum(cost.server_us for cost in costs),
        round_trips=sum(cost.round_trips for cost in costs),
        wall_ms=round(sum(cost.wall_ms for cost in costs), 3),
    )
