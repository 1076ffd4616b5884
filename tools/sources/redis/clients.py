"""CLIENT LIST: who reads streams, and who is blocked in a read.

`cmd` is a client's last command only and names no stream, so this is a hint and never proof. 2,000 clients block
the server for 2 to 3 ms: ask once a minute at most.
"""

from __future__ import annotations

from collections.abc import Iterable

from tools.sources.records import ClientState
from tools.sources.redis.names import display

STREAM_COMMANDS = frozenset(
    {"xread", "xreadgroup", "xadd", "xack", "xclaim", "xautoclaim", "xackdel", "xdel"}
)
"""Last commands that make a client worth a record."""

_OWN_NAME = "streamgauge"


def parse(reply: bytes, own_id: int | None) -> tuple[ClientState, ...]:
    """Clients whose last command was about streams; our own connections are left out."""
    found = []
    for line in reply.splitlines():
        fields = dict(part.partition(b"=")[::2] for part in line.split(b" "))
        command = fields.get(b"cmd", b"").decode("ascii", "replace").lower()
        name = fields.get(b"name", b"")
        if command not in STREAM_COMMANDS or _is_ours(fields, name, own_id):
            continue
        found.append(
            ClientState(
                name=display(name),
                command=command,
                blocked=b"b" in fields.get(b"flags", b""),
                age_s=_seconds(fields, b"age"),
                idle_s=_seconds(fields, b"idle"),
                library=display(fields.get(b"lib-name", b"")),
            )
        )
    return tuple(
        sorted(found, key=lambda client: (client.name, client.command, -client.age_s, client.idle_s))
    )


def waits_since(found: Iterable[ClientState], now_ms: int) -> int | None:
    """When the last of those that wait in XREADGROUP now began to, ms since epoch; None where none does."""
    began = [
        now_ms - client.idle_s * 1000 for client in found if client.blocked and client.command == "xreadgroup"
    ]
    return max(began, default=None)


def _is_ours(fields: dict[bytes, bytes], name: bytes, own_id: int | None) -> bool:
    return fields.get(b"id") == str(own_id).encode() or name.decode("ascii", "replace").startswith(_OWN_NAME)


def _seconds(fields: dict[bytes, bytes], key: bytes) -> int:
    value = fields.get(key, b"")
    return int(value) if value.isdigit() else 0
