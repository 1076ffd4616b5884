"""One healthy service of a made-up system: it publishes to some streams, reads others, and logs what it does.

`python -m benchmarks.service URL FOLDER NUMBER SERVICES STREAMS`: number NUMBER of SERVICES, which share STREAMS.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from benchmarks import dataset
from benchmarks.server import patient_client

MESSAGES_PER_S = 10
KEPT_ENTRIES = 1_000
_BATCH = 100


def stream_of(number: int) -> str:
    """The key of one of the shared streams."""
    return f"shop.events.{number:03d}"


def main() -> None:
    """Work until killed."""
    url, folder, number, services, streams = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])
    name = f"service-{number}"
    client = patient_client(url, decode_responses=True, client_name=name)
    written = [stream_of(one) for one in range(streams) if one % services == number]
    read = [stream_of(one) for one in range(streams) if one % services == (number + 1) % services]
    for stream in read:
        client.xgroup_create(stream, name, id="0", mkstream=True)
    (folder / f"{name}.pid").write_text(str(os.getpid()), encoding="ascii")
    chance = random.Random(dataset.SEED + number)
    with (folder / f"{name}.log").open("a", buffering=1, encoding="utf-8") as log:
        for _ in _ticks(1 / MESSAGES_PER_S):
            stream = chance.choice(written)
            entry = client.xadd(stream, dataset.body(chance), maxlen=KEPT_ENTRIES, approximate=True)
            _say(log, name, f"published {entry} to {stream}")
            _consume(client, name, read, log)


def _consume(client: Any, name: str, streams: list[str], log: TextIO) -> None:
    wanted = dict.fromkeys(streams, ">")
    for stream, entries in client.xreadgroup(name, f"{name}-1", wanted, count=_BATCH, block=50) or ():
        client.xack(stream, name, *(entry for entry, _ in entries))
        _say(log, name, f"handled {len(entries)} of {stream}")


def _ticks(every_s: float) -> Iterator[None]:
    due = time.monotonic()
    while True:
        yield
        due = max(due + every_s, time.monotonic())
        time.sleep(due - time.monotonic() if due > time.monotonic() else 0)


def _say(log: TextIO, name: str, text: str) -> None:
    log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} INFO {name}: {text}\n")


if __name__ == "__main__":
    main()
