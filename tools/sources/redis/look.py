"""What one look knows of a stream and its groups, and what is remembered of a group from look to look."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tools.sources.records import (
    ConsumerInfo,
    GroupInfo,
    GroupState,
    Lag,
    PendingEntry,
    StreamInfo,
    entry_key,
)
from tools.sources.redis import replies
from tools.sources.redis.allowlist import Question
from tools.sources.redis.idling import aged_group
from tools.sources.redis.lag import GroupMemory

STREAM_BYTES, GROUP_BYTES, CONSUMER_BYTES = 400, 150, 90
"""Guesses of what XINFO sends for a stream without its entries, for a group and for a consumer."""

CONSUMERS_MAX = 1_000
"""Consumers of one group that are read: 10,000 cost the server 2 to 3 ms."""

KEPT_BYTES = 2_048
"""Of entries that a stream's replies hold: bigger ones are not kept from look to look."""

Key = tuple[bytes, bytes]
"""A stream and one of its groups, raw."""


class Book(Struct, gc=False):
    """What is remembered of one group."""

    key: Key
    limit: int
    """Its limit of lag, in messages."""
    idle_limit_ms: int
    """For how long none of its consumers may have been seen."""
    memory: GroupMemory = msgspec.field(default_factory=GroupMemory)
    uncounted: int = 0
    """At how many looks in a row its lag had to be counted and was not."""
    details: Question | None = None
    """XINFO CONSUMERS, and XPENDING where its list is short, once they were asked for together."""


class SeenGroup(Struct, gc=False):
    """A group in the light pass, and what was found out about it since. Times in ms."""

    book: Book
    info: GroupInfo
    moved: bool = False
    """Whether it was given something since the last look."""
    counted: bool = False
    """Whether its lag is known as of these answers."""
    lag: Lag | None = None
    late_ms: int | None = None
    """Its time lag by the ids alone."""
    time_lag_ms: int | None = None
    """The same, after what further looks and the group's last read say."""
    waiting: tuple[str, str] | None = None
    """The ids of the first and the last entry that wait, where they are known."""
    consumers: tuple[ConsumerInfo, ...] | None = None
    pending: tuple[PendingEntry, ...] = ()
    complete: bool = True
    read_ms: int | None = None
    """When its consumers and pending entries were read."""
    waited: int = 0
    """At how many looks since then they were not read."""
    due_ms: int | None = None
    """When one of them will pass its limit: they are read anew before that is told."""

    def set_due(self, stuck_idle_ms: int) -> None:
        """Set when a consumer or a pending entry, read just now, would pass its limit if nobody did anything."""
        assert self.read_ms is not None
        least = -1
        for entry in self.pending:  # of tens of thousands of groups a look: no list is made
            left = stuck_idle_ms - entry.idle
            if left >= 0 and (left < least or least < 0):
                least = left
        if self.consumers:
            left = self.book.idle_limit_ms - min([item.idle for item in self.consumers])
            if left >= 0 and (left < least or least < 0):
                least = left
        self.due_ms = None if least < 0 else self.read_ms + least + 1

    def is_idle(self, now_ms: int) -> bool:
        """Whether no consumer was seen for longer than its limit, if none was seen since they were read."""
        if not self.consumers or self.read_ms is None:
            return False
        least = min([item.idle for item in self.consumers])
        return least + now_ms - self.read_ms > self.book.idle_limit_ms

    @property
    def far(self) -> bool:
        """Whether its lag is above its limit."""
        return self.lag is not None and self.lag.messages > self.book.limit

    def state(self, at_ms: int) -> GroupState:
        """The record; where its details were not read now, they are as old as they were at this moment, ms."""
        made = GroupState(
            info=self.info,
            lag=self.lag,
            time_lag_ms=self.time_lag_ms,
            consumers=self.consumers,
            pending=self.pending,
            pending_complete=self.complete,
        )
        since_ms = 0 if not self.waited or self.read_ms is None else max(at_ms - self.read_ms, 0)
        return aged_group(made, since_ms) if since_ms else made


class Seen(Struct, gc=False):
    """A stream in the light pass. `told` is a hash of what the server says of its groups, None for an error.

    `entry_size` and `reply_bytes` are guesses of the bytes of an entry, and of the next two replies.
    """

    raw: bytes
    name: str
    info: StreamInfo
    first: object
    last: object
    """Its first and last entry as the server sent them; None where they are not kept."""
    groups: list[SeenGroup]
    told: int | None
    told_briefly: bool = False
    """Whether it may be standing still, and XINFO GROUPS (with XLEN) shows whatever is added to it."""
    still: bool = False
    """Whether it stood still since it was read."""
    waited: int = 0
    """At how many looks since it was read as a whole it was not."""
    entry_size: int = 0
    reply_bytes: int = 0

    def __post_init__(self) -> None:
        first, last = replies.size_of(self.first), replies.size_of(self.last)
        self.entry_size = max(first, last)
        self.reply_bytes = first + last + STREAM_BYTES + GROUP_BYTES * len(self.groups)

    def is_as(self, reply: object) -> bool:
        """Whether it is as this reply to XINFO STREAM says."""
        info, first, last = replies.stream_info(reply)
        return info == self.info and (self.first is None or (first, last) == (self.first, self.last))

    @property
    def tells(self) -> bool:
        """Whether XINFO GROUPS (with XLEN) shows whatever is added to it."""
        return any(_tells(self.info, group.info) for group in self.groups)

    def stood_still(self) -> None:
        """It was seen again, and nothing about it is new."""
        if not self.still:
            self.still = True
            self.told_briefly = self.tells
        if self.entry_size > KEPT_BYTES:
            self.first = self.last = None


def _tells(info: StreamInfo, group: GroupInfo) -> bool:
    """Whether what the server says of this group, or the length, changes with every entry that is added.

    It reckons the lag as entries added less entries read while the group has read on from an entry that is there
    still, and nothing behind that was deleted (`streamCGLag` of Redis 7.0 and later, and of Valkey). Where that entry
    is trimmed meanwhile, Redis says from 7.4 on how many there are: of the same length, one more than before.
    """
    if info.entries_added is None or group.entries_read is None or group.lag is None or info.length == 0:
        return False
    if group.lag != info.entries_added - group.entries_read:
        return False
    delivered, deleted = entry_key(group.last_delivered_id), entry_key(info.max_deleted_entry_id or "0-0")
    return delivered >= entry_key(info.first_entry_id or "0-0") and (delivered > deleted or deleted == (0, 0))
