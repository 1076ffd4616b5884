"""Live traffic on some of many streams: entries are added, read by every group and acknowledged.

`python -m benchmarks.traffic URL STREAMS GROUPS LIVE RATE`: RATE messages a second over the first LIVE streams.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any

from benchmarks import dataset
from benchmarks.server import patient_client

_BURSTS_PER_S = 10


def main() -> None:
    """Go on until killed."""
    url, streams, groups, live, rate = sys.argv[1], *map(int, sys.argv[2:6])
    client = patient_client(url, client_name="traffic")
    shape = dataset.Shape(streams=streams, groups=groups)
    names = dataset.stream_names(shape)[:live]
    chance = random.Random(dataset.SEED)
    due = time.monotonic()
    while True:
        touched = [chance.choice(names) for _ in range(max(1, rate // _BURSTS_PER_S))]
        pipe = client.pipeline(transaction=False)
        for name in touched:
            pipe.xadd(name, dataset.body(chance), maxlen=1_000, approximate=True)
        pipe.execute()
        for group in dataset.group_names(shape):
            _handle(client, group, sorted(set(touched)))
        due = max(due + 1 / _BURSTS_PER_S, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def _handle(client: Any, group: str, names: list[str]) -> None:
    """What a group's worker does: take what is new, acknowledge it."""
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.xreadgroup(group, f"{group}-worker-0", {name: ">"}, count=100)
    taken = pipe.execute()
    for name, reply in zip(names, taken, strict=True):
        if reply:
            pipe.xack(name, group, *(entry for entry, _ in reply[0][1]))
    pipe.execute()


if __name__ == "__main__":
    main()
