"""Plain XREAD leaves no trace on a stream; what hints at such readers, and what speaks for blocked ones."""

from __future__ import annotations

from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap
from tools.detectors.streams.tracks import Track
from tools.sources.records import ClientState, CodeKind, ConsumerInfo, GroupState, Poll

_SAME_IDLE_MS = 3_000
"""A client and a consumer whose idle times differ by less are taken for the same worker; CLIENT LIST has seconds."""


def may_be_read_plainly(view: StreamView, stream: str, code: CodeMap) -> bool:
    """Whether someone may read this stream by XREAD.

    With the code at hand: it does so, or it has an XREAD whose stream is unknown. Without it: any XREAD on the
    server may be of this stream.
    """
    if code.known and code.any(CodeKind.XREAD):
        if code.uses(CodeKind.XREAD, stream):
            return True
        return code.unresolved(CodeKind.XREAD) > 0 and plain_readers_seen(view)
    return plain_readers_seen(view)


def plain_readers_seen(view: StreamView) -> bool:
    """Whether any client sent XREAD during the polls."""
    return any(
        poll.calls.get("xread", 0) > 0 or any(client.command == "xread" for client in poll.clients or ())
        for poll in view.polls
    )


def group_reads_seen(view: StreamView) -> bool:
    """Whether any client sent XREADGROUP during the polls, whatever it got."""
    return any(
        poll.calls.get("xreadgroup", 0) > 0
        or any(client.command == "xreadgroup" and client.blocked for client in poll.clients or ())
        for poll in view.polls
    )


def newest_clients(view: StreamView) -> tuple[Poll, tuple[ClientState, ...]] | None:
    """The newest poll at which the clients were listed since the last gap, and they; None where none was."""
    for poll in reversed(view.polls):
        if poll.clients is not None:
            return poll, poll.clients
        if poll.after_gap:
            return None
    return None


def lists_attempts(consumers: tuple[ConsumerInfo, ...]) -> bool:
    """Whether the server tells attempts to read from reads (Valkey, Redis 7.2+)."""
    return any(item.inactive is not None for item in consumers)


def blocked_reader(view: StreamView, track: Track, group: GroupState) -> bool:
    """Whether a client blocked in XREADGROUP may be a consumer of this group."""
    found = newest_clients(view)
    if found is None:
        return False
    poll, clients = found
    blocked = [client for client in clients if client.blocked and client.command == "xreadgroup"]
    names = {item.name for item in group.consumers or ()}
    if any(client.name and client.name in names for client in blocked):
        return True
    if not lists_attempts(group.consumers or ()):
        return bool(blocked)  # idle times do not tell a waiting worker from a dead one
    then = _consumers_at(track, poll.number, group.info.name)
    # A look at many streams takes seconds, and the clients are listed at its end.
    slack_ms = _SAME_IDLE_MS + max(poll.until_ms - poll.at_ms, 0)
    return any(abs(client.idle_s * 1000 + 500 - item.idle) <= slack_ms for client in blocked for item in then)


def _consumers_at(track: Track, number: int, name: str) -> tuple[ConsumerInfo, ...]:
    for poll, state in zip(track.polls, track.states, strict=True):
        group = state.group(name)
        if poll.number == number and group is not None:
            return group.consumers or ()
    return ()
