"""What the conservation ledger is made of: figures with their source, and what cannot be known by name.

    waiting at the start + pending at the start + added = left the pending list + pending + waiting + removed unread

Each figure is exact, or lies between two bounds. Nothing here is a guess: where the server does not tell, the bound
is open and `unknown` says why.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from tools.sources.records import GroupInfo, Lag, StreamInfo, entry_key

Source = Literal["server", "derived", "counted", "bound", "unknown"]
_EMPTY = (2**64, 0)
"""Where the first entry of an empty stream would be: behind every id."""


class Term(Struct, frozen=True, kw_only=True, rename="camel"):
    """One figure, in messages: `least` to `most`; `most` is None where nothing bounds it.

    `server`: the server counts it. `derived`: it follows from what the server counts. `counted`: entry by entry, by
    us. `bound`: between the two figures. `unknown`: nothing tells.
    """

    least: int
    most: int | None
    source: Source

    @property
    def exact(self) -> bool:
        """Whether it is one figure."""
        return self.most == self.least


def exactly(count: int, source: Source) -> Term:
    """A figure without doubt."""
    return Term(least=count, most=count, source=source)


def between(least: int, most: int | None, source: Source = "derived") -> Term:
    """A figure between bounds; `source` is kept where they meet."""
    return Term(least=least, most=most, source=source if least == most else "bound")


class Unknown(StrEnum):
    """Why a figure of the ledger is a bound or open. The value is what the report says."""

    NO_ADDED_COUNT = "the server does not count what is added (entries-added, Redis 7.0)"
    NO_READ_COUNT = (
        "the server does not know how many entries the group was given (entries-read is absent or nil)"
    )
    HIDDEN_LOSS = (
        "entries were removed while the group moved: this server counts what was trimmed ahead of a group as read, or "
        "was not seen in step with it"
    )
    LAG_BOUND = "counting what waits ended at its limit"
    GAP = "the server was not seen for a time"
    NO_COMMANDS = "which commands were sent in a part of the window is not known"
    GROUP_SET = (
        "XGROUP SETID or DESTROY, XSETID or RESTORE was sent: entries may have been skipped or given twice"
    )
    GROUP_BACK = "the group was set back, or made anew: it is counted from then on"
    STREAM_ANEW = "the stream was made anew: it is counted from then on"
    NOT_ACKNOWLEDGED = (
        "messages left the pending list although no XACK was sent: read with NOACK, or their consumer deleted"
    )
    CONSUMERS_DELETED = (
        "XGROUP DELCONSUMER was sent: what was pending for such a consumer left the list unacknowledged"
    )
    GHOSTS_CLAIMED = (
        "XCLAIM or XAUTOCLAIM was sent: from 7.0 on they drop pending ids whose entry is gone, unacknowledged"
    )
    CLAIMED_BY_FORCE = "more became pending than was given out: XCLAIM FORCE, or messages given out once more"


class Point(Struct, frozen=True, kw_only=True, gc=False):
    """One group of one stream at one poll: the server's two replies, and what waits."""

    poll: int
    at_ms: int
    info: StreamInfo
    group: GroupInfo
    lag: Lag | None

    @property
    def delivered(self) -> tuple[int, int]:
        """The last id given to the group."""
        return entry_key(self.group.last_delivered_id)

    @property
    def first(self) -> tuple[int, int]:
        """The first entry that is there; behind every id where there is none."""
        return _EMPTY if self.info.first_entry_id is None else entry_key(self.info.first_entry_id)

    @property
    def generated(self) -> tuple[int, int]:
        """The newest id ever added."""
        return entry_key(self.info.last_generated_id)

    @property
    def in_one_piece(self) -> bool:
        """False where entries were added and given out between the two replies."""
        return self.delivered <= self.generated

    @property
    def waiting(self) -> Term:
        """Entries behind the last delivered id when XINFO STREAM was answered."""
        lag, info, group = self.lag, self.info, self.group
        if lag is None:
            return Term(least=0, most=info.length, source="unknown")
        if lag.source == "server" and info.entries_added is not None and group.entries_read is not None:
            # The server's lag is of the moment of XINFO GROUPS; the length is of a moment before.
            return exactly(max(min(lag.messages, info.entries_added - group.entries_read), 0), "server")
        if lag.source == "bound":
            most = info.length if lag.at_most is None else lag.at_most
            return Term(least=lag.messages, most=most, source="bound")
        return exactly(lag.messages, lag.source)


class LedgerRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """The balance of one group over the window, or since it was made anew. Times in ms since the epoch.

    `acknowledged` is what left the pending list. `removed_unread` is what was trimmed or deleted before the group
    was given it. `off_by` is None where the figures can be made to meet, else by how many messages they cannot.
    """

    stream: str
    group: str
    from_poll: int
    to_poll: int
    from_ms: int
    to_ms: int
    waiting_at_start: Term
    pending_at_start: Term
    added: Term
    acknowledged: Term
    pending: Term
    waiting: Term
    removed_unread: Term
    off_by: int | None = None
    unknown: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every figure is one figure."""
        return self.off_by is None and all(
            term.exact
            for term in (
                self.waiting_at_start,
                self.added,
                self.acknowledged,
                self.waiting,
                self.removed_unread,
            )
        )


class Ledger(Struct, frozen=True, kw_only=True, rename="camel"):
    """`streams/ledger.json`: the rows at one poll, those that lost messages first; `left_out` are not shown."""

    poll: int
    at_ms: int
    rows: tuple[LedgerRow, ...]
    left_out: int = 0
