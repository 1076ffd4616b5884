"""Exact lag on every server: entries with an id above the group's last delivered one.

The server's own figure may be absent, nil, negative or wrong: on Valkey and on Redis before 7.4 a trim past the
group, or ENTRIESREAD at XGROUP CREATE, makes it lie. Three boundary cases are exact everywhere in O(1); in
between the server is believed only where its figure cannot be wrong for a known reason, the group was seen in step
with it, and nothing has happened since that moves one of the two alone; otherwise the entries are counted, within
bounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tools.sources.records import GroupInfo, Lag, ServerState, StreamInfo, entry_key, entry_time_ms
from tools.sources.redis.allowlist import Command
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import as_bytes, as_list, size_of
from tools.sources.redis.server import version_of

COUNT_ENTRIES_MAX = 10_000
COUNT_BYTES_MAX = 1_000_000
"""Where counting one group ends; beyond it the figure is a bound."""

PAGE_ENTRIES_MAX = 250
PAGE_BYTES = 65_536
"""A page of 250 entries of 200 bytes costs the server about 0.1 ms."""

FIRST_PAGE_ENTRIES, FIRST_PAGE_MAX = 8, 24
"""The first and last entry are all that is known of their sizes: between two small ones may lie documents. Where the
server says how many wait, one page shall do up to the second figure."""

ROUND_BYTES = 1_000_000
"""Pages that are asked for before any of them is added up."""

FIRST_HONEST_REDIS = (7, 4)


STEADY = frozenset(
    {"xack", "xackdel", "xadd", "xautoclaim", "xdel", "xdelex", "xread", "xreadgroup", "xtrim"}
    | {"xgroup|createconsumer", "xgroup|delconsumer", "xinfo", "xlen", "xpending", "xrange", "xrevrange"}
)
"""Stream commands that move a group and what the server counts of it together, or neither. XCLAIM is not among them:
its LASTID moves the group alone, and commandstats does not tell whether it was given."""

MOVERS = frozenset(
    {"copy", "debug", "failover", "move", "rename", "renamenx", "replicaof", "restore", "restore-asking", "slaveof",
     "swapdb"}
)  # fmt: skip
"""Other commands that can put another stream, with groups of the same names, in a stream's place."""


class GroupMemory(Struct):
    """What earlier polls taught about one group. `trusted`: seen at the end with the server agreeing, and followed since."""

    trusted: bool = False
    last_delivered: tuple[int, int] = (0, 0)
    above_since_ms: int | None = None


def is_honest(server: ServerState) -> bool:
    """Whether this server's own lag may be believed at all, under the conditions of `derive`."""
    return server.flavour == "valkey" or (
        server.flavour == "redis" and version_of(server.version) >= FIRST_HONEST_REDIS
    )


def grows_always(server: ServerState) -> bool:
    """Whether the lag that this server tells grows with every entry added, once it is entries added less entries read.

    Redis says from 7.4 on how many entries there are where a trim went past the group: that may be as before.
    """
    return server.flavour == "valkey" or (
        server.flavour == "redis" and version_of(server.version) < FIRST_HONEST_REDIS
    )


def is_steady(moved: Iterable[str]) -> bool:
    """Whether calls of these commands, by their names in commandstats, leave trust as it is."""
    return all(
        name.partition("|")[0] not in MOVERS
        and (not name.startswith("x") or name in STEADY or name.partition("|")[0] in STEADY)
        for name in moved
    )


def distrust(memory: Iterable[GroupMemory]) -> None:
    """Something may have moved groups or counters alone: each group must be seen at its end again."""
    for known in memory:
        known.trusted = False


def derive(info: StreamInfo, group: GroupInfo, *, honest: bool, memory: GroupMemory) -> Lag | None:
    """The lag without reading an entry, or None where it must be counted. Updates `memory`.

    Call `distrust` before, where `is_steady` is not true of what moved since the last look.
    """
    delivered = entry_key(group.last_delivered_id)
    if delivered < memory.last_delivered:
        memory.trusted = False  # XGROUP SETID, or another group of that name
    if entry_key(info.first_entry_id or "0-0") > memory.last_delivered:
        memory.trusted = False  # trimming may have overtaken it: servers count what went as still waiting
    memory.last_delivered = delivered
    if info.length == 0 or info.first_entry_id is None or info.last_entry_id is None:
        memory.trusted = False
        return Lag(messages=0, source="derived")
    if delivered >= entry_key(info.last_entry_id):
        in_step = group.lag == 0 and group.entries_read == info.entries_added
        # A group set beyond the newest id is never given what is added below, which the server counts all the same.
        memory.trusted = in_step and delivered <= entry_key(info.last_generated_id)
        return Lag(messages=0, source="derived")
    if delivered < entry_key(info.first_entry_id):
        memory.trusted = False
        return Lag(messages=info.length, source="derived")
    if honest and memory.trusted and _plausible(info, group, delivered):
        return Lag(messages=group.lag or 0, source="server")
    memory.trusted = False
    return None


def _plausible(info: StreamInfo, group: GroupInfo, delivered: tuple[int, int]) -> bool:
    """The conditions under which no server was seen to report a wrong lag."""
    if group.lag is None or group.entries_read is None or info.entries_added is None:
        return False
    deleted = entry_key(info.max_deleted_entry_id or "0-0")
    first = entry_key(info.first_entry_id or "0-0")
    in_step = deleted >= first or group.entries_read >= info.entries_added - info.length + 1
    return deleted <= delivered and 1 <= group.lag <= info.length - 1 and in_step


class Tally(Struct, gc=False):
    """The count of one group, page by page, up to the newest entry of `info`. `entry_size` is a guess, in bytes."""

    stream: bytes
    info: StreamInfo
    group: GroupInfo
    entry_size: int
    counted: int = 0
    size: int = 0
    after: str = ""
    first: str = ""
    """The id of the first entry that waits, once a page was read."""
    lag: Lag | None = None
    done: bool = False
    """With no lag: the server refused XRANGE."""
    capped: bool = False
    """Whether it ended at its own limit, and not at that of all."""
    step: int = 0

    def __post_init__(self) -> None:
        said = self.group.lag
        if not self.step:
            self.step = FIRST_PAGE_ENTRIES if said is None or said < 0 else min(said + 1, FIRST_PAGE_MAX)

    @property
    def wanted(self) -> int:
        """Entries of the next page."""
        return max(1, min(self.step, PAGE_BYTES // self.guess, COUNT_ENTRIES_MAX - self.counted))

    @property
    def guess(self) -> int:
        """Bytes per entry, by what was read so far."""
        return max(self.size // self.counted if self.counted else self.entry_size, 16)

    @property
    def page_bytes(self) -> int:
        """A guess of the next page: a stream has no more entries than it has."""
        return self.guess * min(self.wanted, max(self.info.length - self.counted, 1))

    @property
    def rest_bytes(self) -> int:
        """A guess of all pages to come, by what the server says of the lag."""
        said = self.group.lag
        entries = self.info.length if said is None or said < 0 else said
        return min(self.guess * max(entries - self.counted, 1), max(COUNT_BYTES_MAX - self.size, 1))

    @property
    def command(self) -> Command:
        """The next page."""
        after = self.after or self.group.last_delivered_id
        return ("XRANGE", self.stream, f"({after}", self.info.last_generated_id, "COUNT", self.wanted)

    def take(self, reply: object, wanted: int) -> None:
        """Add a page that was asked for `wanted` entries."""
        if isinstance(reply, ReplyError):
            self.done = True
            return
        page = as_list(reply)  # taken as it is: counting makes no records
        self.first = self.first or (_id_of(page[0]) if page else "")
        self.counted += len(page)
        self.size += sum(map(size_of, page))
        if len(page) < wanted:
            self.lag, self.done = Lag(messages=self.counted, source="counted"), True
        elif self.counted >= COUNT_ENTRIES_MAX or self.size >= COUNT_BYTES_MAX:
            self.capped = True
            self.end()
        else:
            self.after = _id_of(page[-1])
            self.step = min(self.step * 4, PAGE_ENTRIES_MAX)

    def end(self) -> None:
        """Stop here: at least what was counted waits."""
        self.lag = uncounted(self.info, self.counted)
        self.done = True


def uncounted(info: StreamInfo, counted: int = 0) -> Lag:
    """What is known of a lag that was not counted to its end: one entry waits, and one at least does not."""
    least = max(counted, 1)
    return Lag(messages=least, source="bound", at_most=max(info.length - 1, least))


def _id_of(item: object) -> str:
    return as_bytes(as_list(item)[0]).decode("ascii", "replace")


def count(pacer: Pacer, tallies: Sequence[Tally], budget_bytes: int) -> int:
    """Count many groups in their order; what the budget does not reach ends as a bound. Returns the bytes read.

    Raises SourceUnavailable.
    """
    waiting, given_bytes = deque(tallies), budget_bytes
    while waiting and budget_bytes > 0:
        asked, planned, rest = [waiting.popleft()], 0, 0
        while waiting:
            planned, rest = planned + asked[-1].page_bytes, rest + asked[-1].rest_bytes
            # No more are begun than can be ended: of what is begun and not ended, nothing is known.
            if planned >= ROUND_BYTES or rest >= budget_bytes:
                break
            asked.append(waiting.popleft())
        wanted, before = [tally.wanted for tally in asked], sum(tally.size for tally in asked)
        pages = pacer.each([tally.command for tally in asked], [tally.page_bytes for tally in asked])
        for tally, page, entries in zip(asked, pages, wanted, strict=True):
            tally.take(page, entries)
        budget_bytes -= sum(tally.size for tally in asked) - before
        # What was begun is ended first: else a budget that is too small for all would end none, look after look.
        waiting.extendleft(tally for tally in reversed(asked) if not tally.done)
    for tally in waiting:
        tally.end()
    return given_bytes - budget_bytes


def first_waiting(info: StreamInfo, group: GroupInfo) -> str:
    """The first entry that waits where the group is before all of them, and none before it was taken away unread; else ""."""
    first = info.first_entry_id
    if first is None or entry_key(group.last_delivered_id) >= entry_key(first):
        return ""
    if info.entries_added is None or group.entries_read is None:
        return ""
    return first if info.entries_added - info.length <= group.entries_read else ""


def time_lag_ms(info: StreamInfo, group: GroupInfo, lag: Lag | None) -> int | None:
    """How far the group is behind in the time of the ids, ms; 0 where nothing waits, None where ids are no times."""
    if lag is not None and lag.messages == 0:
        return 0
    newest = entry_time_ms(info.last_generated_id)
    reached = entry_time_ms(group.last_delivered_id)
    if reached is None and entry_key(group.last_delivered_id) == (0, 0) and info.first_entry_id is not None:
        reached = entry_time_ms(info.first_entry_id)
    return None if newest is None or reached is None else max(newest - reached, 0)
