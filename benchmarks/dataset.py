"""Streams to look at, made from a seed: the same at every run but for the server's own entry ids."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SEED = 20_261_128
_COMMANDS_PER_TRIP = 5_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How many of what. Each group has read `pending` entries by each consumer and acknowledged none."""

    streams: int = 10_000
    groups: int = 2
    consumers: int = 1
    pending: int = 2
    entries: int = 20
    caught_up: bool = False
    """Whether every group has read and acknowledged the rest; with `pending` 0 nothing is wrong then."""

    def __str__(self) -> str:
        return (
            f"{self.streams:,} streams × {self.groups} groups × {self.consumers} consumers × "
            f"{self.pending} pending entries, {self.entries} entries each"
        )


def stream_names(shape: Shape) -> list[str]:
    """The keys, in order."""
    return [f"svc:orders:{number:05d}:events" for number in range(shape.streams)]


def group_names(shape: Shape) -> list[str]:
    """The groups of every stream."""
    return [f"group-{number}" for number in range(shape.groups)]


def load(client: Any, shape: Shape) -> None:
    """Empty the server and fill it, in pipelines of redis-py."""
    chance = random.Random(SEED)
    client.flushall()
    pipe = client.pipeline(transaction=False)
    for name in stream_names(shape):
        for _ in range(shape.entries):
            pipe.xadd(name, body(chance))
        for group in group_names(shape):
            pipe.xgroup_create(name, group, 0)
            for number in range(shape.consumers):
                if shape.pending:
                    pipe.xreadgroup(group, f"{group}-worker-{number}", {name: ">"}, count=shape.pending)
                else:
                    pipe.xgroup_createconsumer(name, group, f"{group}-worker-{number}")
        # A stream is always sent whole: its entries are then of one moment.
        if len(pipe) >= _COMMANDS_PER_TRIP:
            pipe.execute()
    pipe.execute()
    if shape.caught_up:
        _read_the_rest(client, shape)


def _read_the_rest(client: Any, shape: Shape) -> None:
    pipe = client.pipeline(transaction=False)
    for name in stream_names(shape):
        for group in group_names(shape):
            pipe.xreadgroup(group, f"{group}-worker-0", {name: ">"}, noack=True)
        if len(pipe) >= _COMMANDS_PER_TRIP // max(shape.entries, 1):
            pipe.execute()
    pipe.execute()


def body(chance: random.Random) -> dict[str, str]:
    """One message: an id, a type and a payload of 100 to 200 characters."""
    return {
        "correlationId": f"{chance.getrandbits(128):032x}",
        "type": chance.choice(("OrderCreated", "OrderPaid", "OrderShipped")),
        "payload": f"{chance.getrandbits(400):x}".ljust(chance.randint(100, 200), "x"),
    }
