"""Section 3 of the report as data: streams and their groups at the last poll, and who writes and reads them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tools.synthesis.health import Health
from tools.synthesis.wiring import By


class GroupPace(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a group's stream got and what the group was given between two polls of `streams/polls.jsonl`, in messages."""

    added_per_minute: float
    given_per_minute: float
    added: int
    """By `entries-added` of the two polls."""
    given: int
    """What was added, less what the lag grew by."""
    from_poll: int
    to_poll: int
    span_ms: int
    gist: str
    """The same in words, to follow a title that names the group."""
    says: str
    """In a sentence of its own, with where it leads and the polls that tell it."""


class GroupHealth(Struct, frozen=True, kw_only=True, rename="camel"):
    """One group at the last poll."""

    name: str
    consumers: int
    pending: int
    lag: int | None
    lag_source: str | None
    oldest_pending_ms: int | None
    pace: GroupPace | None = None
    """Of a group that lags; None also where it cannot be told."""


class StreamHealth(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 3: one stream at the last poll against the baseline."""

    stream: str
    length: int
    pending: int
    lag: int | None
    lag_is_bound: bool
    oldest_pending_ms: int | None
    status: Health
    verdict: str
    finding_ids: tuple[str, ...]
    baseline: StreamBaseline | None
    worse: tuple[str, ...]
    """What got worse since the baseline: `length 10 → 400`, `pending …`, `lag …`, `new`."""
    forecast: str | None
    groups: tuple[GroupHealth, ...]


class StreamBaseline(Struct, frozen=True, kw_only=True, rename="camel"):
    """The stream's figures when the window began. `lag` is None where that of a group was not counted, or not to its end."""

    length: int
    pending: int
    lag: int | None


class TopologyEdge(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who writes to or reads from a stream; `group` only for reads."""

    service: str
    stream: str
    direction: Literal["writes", "reads"]
    group: str | None = None
    by: By = "code"
    """`seen`: no code says it; the service's log lines name messages of the stream."""
