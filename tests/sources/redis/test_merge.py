"""Polls made one: what is added up, what the whole is like, and what is kept of clients."""

from __future__ import annotations

from msgspec.structs import replace

from tools.sources.records import ClientState, Poll, PollCost, ServerState, StreamInfo, StreamState
from tools.sources.redis.merge import Piece, merged, together, without

SERVER = ServerState(
    flavour="valkey", version="9.1", run_id="a", used_memory=10, maxmemory=100, connected_clients=2, aof_enabled=True,
    rdb_enabled=True, evicted_keys=1, uptime_s=50,
)  # fmt: skip
CLIENT = ClientState(name="w", command="xreadgroup", blocked=True, age_s=9, idle_s=5)


def poll(**changes: object) -> Poll:
    cost = PollCost(server_us=5, round_trips=2, wall_ms=1.5)
    made = Poll(number=1, at_ms=1_000, server=SERVER, streams=(), calls={"xadd": 2}, cost=cost, quiet=True)
    return replace(made, **changes)


def test_figures_are_sums_and_settings_hold_where_they_hold_everywhere() -> None:
    other = replace(
        SERVER, run_id="b", used_memory=5, maxmemory=50, aof_enabled=False, rdb_enabled=None, uptime_s=7
    )
    found = together([SERVER, other])
    assert (found.run_id, found.used_memory, found.maxmemory, found.uptime_s) == ("a+b", 15, 150, 7)
    assert (found.connected_clients, found.evicted_keys, found.role) == (4, 2, "master")
    assert (found.aof_enabled, found.rdb_enabled) == (False, None)
    assert together([SERVER, replace(SERVER, maxmemory=0)]).maxmemory == 0
    assert together([SERVER, replace(SERVER, uptime_s=None)]).uptime_s is None
    assert together([SERVER]) is SERVER


def test_calls_and_costs_are_added_up_and_quiet_means_all() -> None:
    pieces = [
        Piece(poll(), first=True, clients=None),
        Piece(
            poll(at_ms=1_002, quiet=False, after_gap=True, calls={"xadd": 1, "xack": 3}),
            first=True,
            clients=None,
        ),
        Piece(poll(calls={"xadd": 100}), first=False, clients=None),
    ]
    states = [StreamState(name=name, info=StreamInfo(length=0)) for name in ("b", "a")]
    found = merged(7, pieces, states)
    assert (found.number, found.at_ms, found.quiet, found.after_gap) == (7, 1_000, False, True)
    assert found.calls == {"xack": 3, "xadd": 3}  # another database of the same server counts the same calls
    assert found.cost == PollCost(server_us=15, round_trips=6, wall_ms=4.5)
    assert [state.name for state in found.streams] == ["a", "b"]
    assert found.clients is None


def test_clients_of_all_nodes_are_there_whenever_one_listed_its_own() -> None:
    old = replace(CLIENT, name="v")
    pieces = [
        Piece(poll(clients=(CLIENT,)), first=True, clients=(CLIENT,)),
        Piece(poll(), first=True, clients=(old,)),
    ]
    assert merged(1, pieces, ()).clients == (old, CLIENT)


def test_what_we_sent_ourselves_is_taken_out_under_the_name_the_server_has() -> None:
    assert without({"xinfo|stream": 4, "info": 2, "xadd": 1}, {"xinfo|stream": 4, "info": 1}) == {
        "info": 1,
        "xadd": 1,
    }
    assert without({"xinfo": 4}, {"xinfo|stream": 3, "xinfo|groups": 2}) == {}
