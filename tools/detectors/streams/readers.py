"""Plain XREAD leaves no trace on a stream; what hints at such readers, and what speaks for blocked ones."""

from __future__ import annotations

from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap
from tools.sources.records import ClientState, CodeKind, Poll


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


def newest_clients(view: StreamView) -> tuple[Poll, tuple[ClientState, ...]] | None:
    """The newest poll at which the clients were listed since the last gap, and they; None where none was."""
    for poll in reversed(view.polls):
        if poll.clients is not None:
            return poll, poll.clients
        if poll.after_gap:
            return None
    return None
