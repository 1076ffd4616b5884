"""Every stream of a database, by SCAN with TYPE: never KEYS, which blocks the server."""

from __future__ import annotations

from tools.errors import SourceUnavailable
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import as_bytes, as_list

SCAN_COUNT = 1000
"""Keys a call looks at: 0.1 to 0.6 ms of server time each; 10,000 would take 1 to 8 ms."""

STREAMS_MAX = 20_000
"""Streams that one audit follows."""

CALLS_MAX = 1_000_000
"""A thousand million keys. A server that never ends its SCAN must not hold us for ever."""


def streams(pacer: Pacer) -> tuple[list[bytes], bool]:
    """Raw names in order, and whether that is all of them (False beyond STREAMS_MAX).

    A full SCAN returns every key that is there throughout. Raises SourceUnavailable.
    """
    found: set[bytes] = set()
    cursor: bytes = b"0"
    for _ in range(CALLS_MAX):
        reply = pacer.batch([("SCAN", cursor, "TYPE", "stream", "COUNT", SCAN_COUNT)])[0]
        if isinstance(reply, ReplyError):
            raise SourceUnavailable(
                f"streams on Redis at {pacer.client.address}", reply.text, "Allow the user +scan and +type."
            )
        parts = as_list(reply)
        cursor = as_bytes(parts[0]) if parts else b"0"
        found.update(as_bytes(name) for name in as_list(parts[1] if len(parts) > 1 else None))
        if len(found) > STREAMS_MAX:
            return sorted(found)[:STREAMS_MAX], False
        if cursor in {b"0", b""}:
            return sorted(found), True
    return sorted(found), False
