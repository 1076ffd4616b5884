"""The records that detectors see: frozen, typed, masked. All that a rule knows is here.

Structs encode to JSON and back without loss, so a recording is these records and a replay feeds them again.
Names inside are already masked; sources keep the raw ones they need for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

from tools.findings.model import EvidenceKind, Locator
from tools.findings.rule import Quote
from tools.sources.code_records import Around as Around  # noqa: PLC0414
from tools.sources.code_records import Handler as Handler  # noqa: PLC0414
from tools.sources.code_records import Loop as Loop  # noqa: PLC0414
from tools.sources.code_records import Setting as Setting  # noqa: PLC0414
from tools.sources.config_records import ConfigFact as ConfigFact  # noqa: PLC0414
from tools.sources.config_records import FactKind as FactKind  # noqa: PLC0414
from tools.sources.process_samples import ProcessSample as ProcessSample  # noqa: PLC0414 - for rules, which import
from tools.sources.process_samples import SampleLine as SampleLine  # noqa: PLC0414 - nothing but this module
from tools.sources.schema_records import VERSION_FIELDS as VERSION_FIELDS  # noqa: PLC0414
from tools.sources.schema_records import MessageSchema as MessageSchema  # noqa: PLC0414
from tools.sources.schema_records import SchemaField as SchemaField  # noqa: PLC0414
from tools.sources.server_records import ClientState as ClientState  # noqa: PLC0414
from tools.sources.server_records import NodeState as NodeState  # noqa: PLC0414
from tools.sources.server_records import PollCost as PollCost  # noqa: PLC0414
from tools.sources.server_records import ServerState as ServerState  # noqa: PLC0414
from tools.sources.server_records import as_typed as as_typed  # noqa: PLC0414
from tools.sources.server_records import database_suffix as database_suffix  # noqa: PLC0414
from tools.sources.server_records import plain_name as plain_name  # noqa: PLC0414


class Gap(Struct, frozen=True, kw_only=True):
    """Something that could not be seen, why, and how to close it. Ends in section 7 of the report.

    `blind` is True where a configured or detected source could not be looked at (exit code 3); False for
    smaller limits of coverage (an unresolved name, a log format without times).

    A `period` is one span of time, from the last look that saw (`at_ms`) to the first that saw again
    (`until_ms`; None while it lasts). Its record is written again when it ends: the last one of a key counts.
    """

    what: str
    why: str
    fix: str
    source: str
    at_ms: int
    blind: bool = True
    until_ms: int | None = None
    period: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it one gap: its source and subject, and of a period also its beginning."""
        return self.source, self.what, self.at_ms if self.period else 0


# --- Redis -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def entry_key(entry_id: str) -> tuple[int, int]:
    """An entry id as two numbers that sort as the server sorts; raises ValueError on other text."""
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def entry_time_ms(entry_id: str) -> int | None:
    """When an entry was added, from its id; None where the id is no time (`5-0`: before 2001, after 2100)."""
    ms = entry_key(entry_id)[0]
    return ms if _ID_TIMES_MS[0] <= ms < _ID_TIMES_MS[1] else None


_ID_TIMES_MS = (1_000_000_000_000, 4_102_444_800_000)


class StreamInfo(Struct, frozen=True, kw_only=True, rename="kebab", gc=False):
    """XINFO STREAM, without payloads; None where the server does not tell (before 7.0)."""

    length: int
    groups: int = 0
    first_entry_id: str | None = None
    last_entry_id: str | None = None
    last_generated_id: str = "0-0"
    max_deleted_entry_id: str | None = None
    entries_added: int | None = None


class GroupInfo(Struct, frozen=True, kw_only=True, rename="kebab", gc=False):
    """One group of XINFO GROUPS, as the server says it. `lag` may be absent, nil, negative or wrong."""

    name: str
    consumers: int
    pending: int
    last_delivered_id: str
    entries_read: int | None = None
    lag: int | None = None


class ConsumerInfo(Struct, frozen=True, kw_only=True, gc=False):
    """One consumer of XINFO CONSUMERS; times in ms. `inactive` is None before 7.2, -1 = never read one."""

    name: str
    pending: int
    idle: int
    inactive: int | None = None


class PendingEntry(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One entry of XPENDING's long form; `idle` in ms since its last delivery."""

    id: str
    consumer: str
    idle: int
    deliveries: int
    gone: bool = False
    """Whether it is known that the entry itself was trimmed or deleted."""


class Lag(Struct, frozen=True, kw_only=True, gc=False):
    """Entries that the group was not given yet. `messages` is exact unless `source` is `bound` (then at least)."""

    messages: int
    source: Literal["server", "derived", "counted", "bound"]
    at_most: int | None = None
    confirmed: bool = False
    """Counted again at least 5 s after it was first above the limit."""


class GroupState(Struct, frozen=True, kw_only=True, gc=False):
    """A group at one poll. `consumers` is None where they were not looked at."""

    info: GroupInfo
    lag: Lag | None
    time_lag_ms: int | None = None
    consumers: tuple[ConsumerInfo, ...] | None = None
    pending: tuple[PendingEntry, ...] = ()
    """A bounded page of the pending entries list: the oldest ids and those idle or redelivered."""
    pending_complete: bool = True


class EntryShape(Struct, frozen=True, kw_only=True, gc=False):
    """Field names and value types of one sampled entry; never its values. Types: int, float, json, bool, id, empty, text."""

    id: str
    fields: tuple[tuple[str, str], ...]
    variant: int = 0
    """Entries that name the same type (`type`, `event`, …) share this number: a hash, never the value."""


class StreamState(Struct, frozen=True, kw_only=True, gc=False):
    """A stream at one poll."""

    name: str
    info: StreamInfo
    groups: tuple[GroupState, ...] = ()
    sample: tuple[EntryShape, ...] = ()
    database: int = 0

    def quote(self, poll: int, source: str, part: Struct | None = None) -> Quote:
        """The server's reply, or one part of it, as it stands in the polls journal."""
        text = msgspec.json.encode(self if part is None else part).decode()
        return Quote(EvidenceKind.REDIS, source, text, Locator(poll=poll, stream=self.name))

    def group(self, name: str) -> GroupState | None:
        """The group of that name."""
        for group in self.groups:
            if group.info.name == name:
                return group
        return None


class Poll(Struct, frozen=True, kw_only=True):
    """All streams of a server, or of all primaries of a deployment, at one moment. Number 0 is the baseline.

    `calls` holds the growth of commandstats call counts since the last poll, our own commands left out.
    `after_gap` is True for the first poll after the server was lost, failed over or restarted: growth
    against earlier polls means nothing. `source` is the journal it is written to, relative to the workspace. It was
    read from `at_ms` to `until_ms` (0: not recorded).
    """

    number: int
    at_ms: int
    server: ServerState
    streams: tuple[StreamState, ...]
    calls: Mapping[str, int] = {}
    clients: tuple[ClientState, ...] | None = None
    cost: PollCost = PollCost(server_us=0, round_trips=0, wall_ms=0.0)
    quiet: bool = False
    after_gap: bool = False
    source: str = "streams/polls.jsonl"
    until_ms: int = 0
    late_calls: Mapping[str, int] = {}
    """Calls of others from the poll's beginning to its last answer; the next poll's `calls` hold them too."""
    clients_ms: int = 0
    """When `clients` were listed; 0: at the poll's beginning."""
    nodes: tuple[NodeState, ...] = ()
    """The primaries behind a Sentinel or of a cluster; () for a server that was named itself."""

    @property
    def whole(self) -> bool:
        """Whether every primary was seen. Where not, that a stream is absent means nothing."""
        return all(node.server is not None for node in self.nodes)

    def stream(self, name: str) -> StreamState | None:
        """The stream of that name."""
        return next((stream for stream in self.streams if stream.name == name), None)

    def in_code(self, name: str) -> StreamState | None:
        """The stream that code names: with the groups of every database that has one of this name."""
        found = [stream for stream in self.streams if name in {stream.name, plain_name(stream.name)}]
        if len(found) < 2:
            return next(iter(found), None)
        groups = tuple(group for stream in found for group in stream.groups)
        return msgspec.structs.replace(found[0], groups=groups)


# --- Logs and processes ----------------------------------------------------------------------------------


class LogLine(Struct, frozen=True, kw_only=True):
    """One masked line. `source` and the byte range say where the original lies; `line` counts from 1 (0: unknown).

    `level` is upper-case (FATAL, ERROR, WARN, INFO, DEBUG, TRACE) or None where none was found;
    `event_ms` is the line's own time, or its keeper's. `secrets` are the kinds and fingerprints that were masked.
    """

    service: str
    text: str
    source: str
    line: int
    byte_offset: int
    byte_length: int
    arrived_ms: int
    output: Literal["stdout", "stderr", "file"] = "file"
    event_ms: int | None = None
    stamped: bool = False
    """Whether `event_ms` is the time at which the log's keeper (docker, journald) got a line that has no time itself."""
    level: str | None = None
    hinted: bool = False
    """Whether `level` is the keeper's word on a line that says none itself."""
    message: str | None = None
    """The message field of a structured line; None where the text is the message."""
    correlation_id: str | None = None
    secrets: tuple[tuple[str, str], ...] = ()
    backfill: bool = False
    """Read back for the format only: no rule fires on it."""
    position: int = 0
    """Bytes of this source read up to its end, over rotations and truncations: only grows."""
    format: str = "text"
    """`json`, `logfmt`, `access`, `klog`, `syslog` or `text`."""
    late: bool = False
    """Read long after it may have been written, so `arrived_ms` says little about when."""
    origin_offset: int | None = None
    """Of a captured line: where it lay in its command's raw output, before masking."""

    @property
    def when_ms(self) -> int | None:
        """The line's own time, else its arrival; None where neither is known."""
        if self.event_ms is not None:
            return self.event_ms
        return None if self.late else self.arrived_ms

    def quote(self, text: str | None = None) -> Quote:
        """The line (or a piece of it that is longer or shorter), and where the original lies."""
        place = Locator(
            line=self.line or None,
            byte_offset=self.byte_offset,
            byte_length=self.byte_length,
            origin_offset=self.origin_offset,
        )
        return Quote(EvidenceKind.LOG, self.source, self.text if text is None else text, place)


class ProcessState(Struct, frozen=True, kw_only=True):
    """A service's process at one moment. `alive` is None where nothing tells."""

    service: str
    at_ms: int
    alive: bool | None
    pid: int | None = None
    started_ms: int | None = None


# --- Code and configuration ------------------------------------------------------------------------------


class ChainStep(Struct, frozen=True, kw_only=True):
    """One step in how a name was resolved: where, and the expression there."""

    path: str
    line: int
    text: str


class Resolved(Struct, frozen=True, kw_only=True):
    """A value found in code. `value` may hold `{}` for a part known only at run time; None = unresolved."""

    value: str | None
    confidence: Literal["literal", "constant", "parameter", "environment", "unresolved"]
    chain: tuple[ChainStep, ...] = ()


class CodeKind(StrEnum):
    """What a place in the code does."""

    XADD = "xadd"
    XREAD = "xread"
    XREADGROUP = "xreadgroup"
    XACK = "xack"
    XGROUP_CREATE = "xgroup-create"
    XCLAIM = "xclaim"
    XTRIM = "xtrim"
    KEYS = "keys"
    ENV_READ = "env-read"
    CONSOLE_LOG = "console-log"
    CATCH = "catch"


class CodeUse(Struct, frozen=True, kw_only=True):
    """One place in the code that a rule may care about. Paths are relative to the project, `/` separated.

    `text` is the masked source line(s), verbatim; `options` the call's options by lower-case name
    (`maxlen`, `count`, `block`; for ENV_READ `default`), value as source text.
    """

    kind: CodeKind
    service: str | None
    path: str
    line: int
    end_line: int
    text: str
    language: str
    function: str = ""
    call: str = ""
    """The masked source of the Redis call, where that stands elsewhere: in a function that this place calls."""
    stream: Resolved | None = None
    group: Resolved | None = None
    name: str | None = None
    """The variable of ENV_READ, the callee of CONSOLE_LOG."""
    options: Mapping[str, str] = {}
    fields: tuple[str, ...] = ()
    """Field names of an XADD payload, where they could be read."""
    around: Around = Around()

    def quote(self) -> Quote:
        """The source text and its place."""
        return Quote(EvidenceKind.FILE, self.path, self.text, Locator(line=self.line))


class CodeIndex(Struct, frozen=True, kw_only=True):
    """All facts read from the project's files, and what could not be read."""

    uses: tuple[CodeUse, ...]
    facts: tuple[ConfigFact, ...]
    services: tuple[str, ...]
    files_read: int
    languages: Mapping[str, int]
    """Files read per language."""
    gaps: tuple[Gap, ...] = ()
    schemas: tuple[MessageSchema, ...] = ()
    ignores: tuple[ChainStep, ...] = ()
    """`streamgauge-ignore RULE REASON` comments; `text` is `RULE REASON`."""
    libraries: tuple[str, ...] = ()
    """Those of `services` that others depend on as packages and nothing starts: their environment is that of others."""
    unread: tuple[str, ...] = ()
    """Files of which not all, or nothing, was read: no rule that is silent about them says anything."""
    ignore_rules: str = ""
    """A digest of what the `.gitignore` files say: where it is another, a file may be missing only for that."""
