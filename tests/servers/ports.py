"""TCP ports for servers of tests, out of the range from which the kernel gives ports to connections.

A port that was bound to 0 and closed again comes from that range, and a connection of a test beside this one may be
given it before the server listens. Each worker of a parallel run has ports of its own.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator

BUS_OFFSET = 10_000
"""From the port of a cluster's node to the port of its bus (Redis' cluster specification)."""

_FIRST, _LAST = 11_000, 21_999
"""With the offset they stay below 32,768, where Linux's own range begins."""

_STEP = 2
"""A program that is given a port may take the next one, too: the fleet's gateway does."""


def free_port() -> int:
    """A port of loopback that nobody listens on, nor on the one after it; no other call in this run gets either."""
    return _next(1)


def free_pair() -> int:
    """The same for a node of a cluster, with the port of its bus."""
    return _next(BUS_OFFSET)


def _next(offset: int) -> int:
    return next(port for port in _ours if all(map(_is_free, (port, port + 1, port + offset))))


def _own_ports() -> Iterator[int]:
    """Round and round through this worker's part, from anywhere: another run may go on beside this one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    part = range(_FIRST, _LAST, _STEP)[worker::workers]
    start = random.SystemRandom().randrange(len(part))
    return itertools.cycle([*part[start:], *part[:start]])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_ours = _own_ports()
