"""What a flow is: its steps, its flags, and the figures over all flows."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Action = Literal[
    "published",
    "delivered",
    "consumed",
    "pending",
    "failed",
    "unlisted",
    "acked",
    "removed",
    "trimmed",
    "seen",
]
"""`unlisted`: left the pending list, acknowledged or not. `removed`: left the stream, trimmed or deleted."""
Flag = Literal["published-never-consumed", "consumed-never-acked", "producer-only"]
Origin = Literal["log", "sample", "poll"]

ORDER: dict[str, int] = {
    "published": 0, "seen": 1, "delivered": 2, "consumed": 3, "pending": 4, "failed": 5, "unlisted": 6, "acked": 7, "removed": 8, "trimmed": 9,
}  # fmt: skip
"""Of steps at the same moment, the one that must come first."""

STEPS_MAX = 40
"""Steps kept of one flow."""
FLOWS_MAX = 50_000
"""Flows followed of each kind; lines and entries of later ones are counted only."""
SHOWN_MAX = 20
GRACE_MS = 30_000
"""What happened this shortly before the end may still go on: as long as a message may be pending (STUCK_MESSAGE)."""


class Step(Struct, frozen=True, kw_only=True, rename="camel"):
    """One sighting. Times in ms since the epoch.

    `at_ms` is the line's own time, else its arrival; of an entry the time in its id; of what two polls show the
    later poll's time, and `since_ms` the earlier's: it happened in between.
    """

    at_ms: int
    since_ms: int | None = None
    service: str | None
    """Who, by its own log line; of entries and polls the one service that the wiring names, else None."""
    action: Action
    message_id: str | None
    stream: str | None = None
    group: str | None = None
    consumer: str | None = None
    origin: Origin = "log"
    source: str
    """Where it can be read again: `file:line`, `streams/samples.jsonl:line`, `streams/polls.jsonl poll N`."""
    also: tuple[str, ...] = ()
    """Other sources that show the same."""
    detail: str = ""

    @property
    def who(self) -> str:
        """The service; else the group; else a question mark."""
        return self.service or (f"group {self.group}" if self.group else "?")

    @property
    def who_marked(self) -> str:
        """`who`, with a question mark where no line of the service says so: the wiring names it."""
        return f"{self.who}?" if self.inferred else self.who

    @property
    def inferred(self) -> bool:
        """Whether the service is known from the wiring alone."""
        return self.service is not None and self.origin != "log"


class Flow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One correlation id or message id. `late_ms` is the longest wait from a publish to its consume that log lines tell.

    Consumers that log nothing may have taken longer: of those `GroupDelay` gives spans.
    """

    kind: Literal["correlation", "message"]
    key: str
    stream: str | None = None
    """Of a message: ids are unique within a stream only. None where nothing tells the stream."""
    steps: tuple[Step, ...]
    steps_left_out: int = 0
    """Steps in the middle that are not in `steps`."""
    services: tuple[str, ...]
    flags: tuple[Flag, ...]
    late_ms: int | None
    duration_ms: int
    pending_in: tuple[str, ...] = ()
    """`stream/group` where a message was pending at the last poll."""
    messages: tuple[str, ...] = ()
    """Of a correlation id: `stream:id` of its entries, `id` where the stream is not known."""


class GroupDelay(Struct, frozen=True, kw_only=True, rename="camel"):
    """From publish to consume in one group, in ms, over the messages that could be measured.

    `exact` of them by log lines; of the others it is known that it took at least and at most so long, so each
    percentile is two figures; they are equal where all are exact.
    """

    stream: str
    group: str | None
    service: str | None
    messages: int
    exact: int
    p50_ms: tuple[int, int]
    p95_ms: tuple[int, int]
    max_ms: tuple[int, int]


class Flows(Struct, frozen=True, kw_only=True, rename="camel"):
    """All flows in figures; `shown` are the flagged ones first, then the slowest.

    `late_…` are of the `late_measured` messages, and correlation ids without a message, of which log lines tell exactly
    how long publish to consume took.
    """

    correlations: int
    messages: int
    flagged: dict[str, int]
    late_measured: int
    late_p50_ms: int | None
    late_p95_ms: int | None
    late_max_ms: int | None
    shown: tuple[Flow, ...]
    delays: tuple[GroupDelay, ...] = ()
    lines_left_out: int = 0
    entries_sampled: int = 0
    entries_left_out: int = 0
    """Entries that were added in the window and not sampled; at least, where the server does not count them."""
    services_without_ids: tuple[str, ...] = ()
    """Services that log, but no line of which carries a correlation or message id."""
