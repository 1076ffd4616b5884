"""How far a group got at its last read: what tells a reader that works in batches from one that falls behind.

Both are seen with entries that wait. The first reached the end of its stream when it last read, and what waits was
added since; the second left entries behind. A group's newest successful read is its most recently active consumer's.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tools.sources.records import ConsumerInfo, entry_key, entry_time_ms
from tools.sources.redis import replies
from tools.sources.redis.allowlist import question
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError

CLOCK_SLACK_MS = 200
"""A last entry that much newer than the read which gave it: then its id is no time of this server's clock."""

Key = tuple[bytes, bytes]


class Reach(Struct, frozen=True):
    """The newest read of a group that gave it entries. Times in ms, by the server's clock."""

    delivered: str
    read_ms: int

    @property
    def age_ms(self) -> int:
        """How old the last entry was when it was given."""
        return max(self.read_ms - (entry_time_ms(self.delivered) or 0), 0)

    def left_behind(self, waiting: str, newest: str) -> bool:
        """Whether entries were left at that read, of which `waiting` was seen to wait first and `newest` last.

        True where nothing tells: ids that are no times, or a read in between that took a part of them.
        """
        reached, added_ms = entry_key(self.delivered), entry_time_ms(waiting)
        if reached >= entry_key(newest):
            return False
        return reached >= entry_key(waiting) or added_ms is None or added_ms < self.read_ms


def read(pacer: Pacer, keys: Sequence[Key], sizes: Sequence[int]) -> dict[Key, Reach]:
    """The reach of each group that can be told; three light commands a group, sent together.

    `sizes` guess the bytes of the replies for each. Raises SourceUnavailable.
    """
    questions = [
        question(
            ("TIME",),
            ("XINFO", "GROUPS", stream),
            ("XINFO", "CONSUMERS", stream, group),
            reply_bytes=size,
        )
        for (stream, group), size in zip(keys, sizes, strict=True)
    ]
    answers = pacer.run(questions)
    found = {}
    for number, key in enumerate(keys):
        now, groups, consumers = answers[3 * number : 3 * number + 3]
        if any(isinstance(answer, ReplyError) for answer in (now, groups, consumers)):
            continue
        reach = _reach(now, groups, consumers, key[1])
        if reach is not None:
            found[key] = reach
    return found


def _reach(now: object, groups: object, consumers: object, name: bytes) -> Reach | None:
    delivered = next((info.last_delivered_id for raw, info in replies.groups(groups) if raw == name), None)
    ago_ms = _read_ago_ms(replies.consumers(consumers))
    given_ms = None if delivered is None else entry_time_ms(delivered)
    parts = [replies.as_int(part) for part in replies.as_list(now)[:2]]
    seconds, micros = parts if len(parts) == 2 else (None, None)
    if delivered is None or given_ms is None or ago_ms is None or seconds is None or micros is None:
        return None
    now_ms = seconds * 1000 + micros // 1000
    reach = Reach(delivered, now_ms - ago_ms)
    return reach if given_ms <= reach.read_ms + CLOCK_SLACK_MS else None


def _read_ago_ms(consumers: Sequence[ConsumerInfo]) -> int | None:
    """How long ago one of them got something; None where that cannot be told.

    Before 7.2 `idle` counts from that read. With NOACK `inactive` stays at -1, as it does for a consumer that never got
    an entry: where it is so for all, the newest attempt to read is the best there is, for it was given what waited.
    """
    given = [item.idle if item.inactive is None else item.inactive for item in consumers]
    return min([ms for ms in given if ms >= 0] or [item.idle for item in consumers], default=None)
