"""`streams/polls.jsonl`: every poll, one line for its head and one for each stream that changed.

A stream's line holds the encoded `StreamState` as it is; where only idle times are others, a line holds just
these; and a stream without a line is as it was, its idle times older by the time since the last poll's end (`aged`). A poll is whole
when its head and as many lines as the head announces are there; what a crash left of a poll is skipped by readers.
The first poll a process writes is `full`: it does not lean on earlier lines.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from tools.errors import JournalCorrupt
from tools.findings.journal import Journal, read
from tools.sources.records import ClientState, NodeState, Poll, PollCost, ServerState, StreamState
from tools.sources.redis.idling import Idles, aged_state, idles, with_idles
from tools.workspace import write_atomically


class Head(Struct, frozen=True, kw_only=True, tag_field="line", tag="poll"):
    """A poll without its streams; `changed` lines of streams belong to it."""

    number: int
    at_ms: int
    server: ServerState
    changed: int
    gone: tuple[str, ...]
    full: bool
    calls: dict[str, int]
    clients: tuple[ClientState, ...] | None
    cost: PollCost
    quiet: bool
    after_gap: bool
    source: str
    nodes: tuple[NodeState, ...] = ()

    aged: bool = False
    """Whether the idle times of a stream without a line have grown."""
    until_ms: int = 0
    late_calls: dict[str, int] = {}
    clients_ms: int = 0


class StreamLine(Struct, frozen=True, kw_only=True, gc=False, tag_field="line", tag="stream"):
    """A stream as it is at a poll."""

    poll: int
    state: StreamState


class IdleLine(Struct, frozen=True, kw_only=True, gc=False, tag_field="line", tag="idle"):
    """A stream of which nothing but idle times is another than at the poll before."""

    poll: int
    stream: str
    ms: Idles


LINE = msgspec.json.Decoder(Head | StreamLine | IdleLine)
_STREAM_LINE, _IDLE_LINE = b'{"line":"stream","poll":', b'{"line":"idle","poll":'
"""How the lines begin, as they are encoded."""
_NAME = re.compile(rb'"state":\{"name":"((?:[^"\\]|\\.)*)"')


class PollJournal:
    """Appends polls. Texts in a poll are masked by its source. Raises OSError where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._known: dict[str, StreamState] | None = None
        self._read_ms = 0

    def append(self, poll: Poll) -> None:
        """Write one poll: its head, then each stream that is not as it was in the last one."""
        full = self._known is None
        known, by_ms = self._known or {}, poll.at_ms - self._read_ms
        self._known = None  # until every line is on disk
        now = {state.name: state for state in poll.streams}
        lines = [line for state in poll.streams if (line := _line(poll, known.get(state.name), state, by_ms))]
        head = Head(
            number=poll.number,
            at_ms=poll.at_ms,
            server=poll.server,
            changed=len(lines),
            gone=tuple(sorted(known.keys() - now.keys())),
            full=full,
            calls=dict(poll.calls),
            clients=poll.clients,
            cost=poll.cost,
            quiet=poll.quiet,
            after_gap=poll.after_gap,
            source=poll.source,
            aged=True,
            nodes=poll.nodes,
            until_ms=poll.until_ms,
            late_calls=dict(poll.late_calls),
            clients_ms=poll.clients_ms,
        )
        self._journal.append_encoded(msgspec.json.encode(head))
        for line in lines:
            self._journal.append_encoded(msgspec.json.encode(line))
        self._known, self._read_ms = now, max(poll.until_ms, poll.at_ms)

    def close(self) -> None:
        """Flush to disk and close."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class PollTail:
    """Reads a journal on from where it stands, so that who looks again and again reads each line once.

    With `keep`, lines of streams that it does not want are counted and not decoded: polls hold the others alone.
    """

    def __init__(self, path: Path, keep: Callable[[bytes], bool] | None = None) -> None:
        self._path, self._position, self._keep, self._skipped = path, 0, keep, 0
        self._head: Head | None = None
        self._streams: dict[str, StreamState] = {}
        self._read_ms = 0
        self._fresh: list[StreamLine | IdleLine] = []

    def new(self) -> Iterator[Poll]:
        """Every whole poll since the last call, oldest first, streams by name. Raises JournalCorrupt, OSError."""
        for offset, line in read(self._path, self._position):
            self._take(offset, line)
            self._position = offset + len(line) + 1
            if self._head is not None and len(self._fresh) + self._skipped == self._head.changed:
                yield self._whole(self._head)

    def _take(self, offset: int, line: bytes) -> None:
        if self._keep is not None and line.startswith(_STREAM_LINE) and not self._keep(line):
            of_head = self._head is not None and line.startswith(b"%b%d," % (_STREAM_LINE, self._head.number))
            self._skipped += of_head
            return
        try:
            record = LINE.decode(line)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(f"{self._path}: byte {offset}: not a line of a poll ({error})") from error
        if isinstance(record, Head):
            self._head, self._fresh, self._skipped = record, [], 0
        elif self._head is None or record.poll != self._head.number:
            return
        elif self._keep is not None and isinstance(record, IdleLine) and record.stream not in self._streams:
            self._skipped += 1
        else:
            self._fresh.append(record)

    def _whole(self, head: Head) -> Poll:
        kept = {} if head.full else self._streams
        kept = {name: state for name, state in kept.items() if name not in head.gone}
        fresh = {_name(line): _state(line, kept, self._path) for line in self._fresh}
        if head.aged:
            by_ms = head.at_ms - self._read_ms
            kept = {name: fresh.get(name) or aged_state(state, by_ms) for name, state in kept.items()}
        self._streams, self._read_ms = kept | fresh, max(head.until_ms, head.at_ms)
        self._head = None
        return poll_of(head, [self._streams[name] for name in sorted(self._streams)])


def _line(
    poll: Poll, before: StreamState | None, now: StreamState, by_ms: int
) -> StreamLine | IdleLine | None:
    """What must be written of a stream; None where its state follows from the one before."""
    if before is not None:
        times = idles(now)
        if len(times) == len(idles(before)) and with_idles(before, times) == now:
            older = aged_state(before, by_ms) == now
            return None if older else IdleLine(poll=poll.number, stream=now.name, ms=times)
    return StreamLine(poll=poll.number, state=now)


def _name(line: StreamLine | IdleLine) -> str:
    return line.state.name if isinstance(line, StreamLine) else line.stream


def _state(line: StreamLine | IdleLine, kept: dict[str, StreamState], path: Path) -> StreamState:
    if isinstance(line, StreamLine):
        return line.state
    try:
        return with_idles(kept[line.stream], line.ms)
    except (KeyError, ValueError) as error:
        raise JournalCorrupt(
            f"{path}: poll {line.poll}: idle times of a stream that is not as they say"
        ) from error


def read_polls(path: Path, keep: Callable[[bytes], bool] | None = None) -> Iterator[Poll]:
    """Every whole poll, oldest first, streams by name; none where there is no file. Raises JournalCorrupt.

    With `keep`, which sees encoded lines, polls hold the streams that it wants alone.
    """
    return PollTail(path, keep).new()


def encoded_streams(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Of every line of a stream its encoded name and the line itself, undecoded."""
    for _, line in read(path):
        if line.startswith(_STREAM_LINE):
            match = _NAME.search(line, len(_STREAM_LINE))
            if match is not None:
                yield match.group(1), line


def last_polls(path: Path, count: int) -> tuple[Poll, ...]:
    """The newest `count` whole polls, oldest first. Raises JournalCorrupt."""
    return tuple(deque(read_polls(path), maxlen=count))


def last_after_gap(path: Path) -> Poll | None:
    """The newest whole poll that began anew; None where none did. Raises JournalCorrupt."""
    return next(iter(deque((poll for poll in read_polls(path) if poll.after_gap), maxlen=1)), None)


def next_number(path: Path) -> int | None:
    """One more than the highest poll number, whole or not; None where no poll was begun. Raises JournalCorrupt."""
    return max((head.number + 1 for head, _ in _heads(path)), default=None)


def read_costs(path: Path) -> Iterator[PollCost]:
    """What each whole poll cost, oldest first; lines of streams are counted and not decoded. Raises JournalCorrupt."""
    return (head.cost for head, lines in _heads(path) if lines == head.changed)


def _heads(path: Path) -> Iterator[tuple[Head, int]]:
    """Every head, and how many lines of streams follow it that are its own."""
    head: Head | None = None
    own: tuple[bytes, ...] = ()
    lines = 0
    for offset, line in read(path):
        if line.startswith((_STREAM_LINE, _IDLE_LINE)):
            lines += line.startswith(own)
            continue
        try:
            record = LINE.decode(line)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(f"{path}: byte {offset}: not a line of a poll ({error})") from error
        if not isinstance(record, Head):
            lines += head is not None and record.poll == head.number
            continue
        if head is not None:
            yield head, lines
        head, lines = record, 0
        own = tuple(b"%b%d," % (begin, head.number) for begin in (_STREAM_LINE, _IDLE_LINE))
    if head is not None:
        yield head, lines


def write_baseline(path: Path, poll: Poll) -> None:
    """Write `streams/baseline.json`, whole, by rename. Raises OSError."""
    write_atomically(path, msgspec.json.encode(poll) + b"\n")


def read_baseline(path: Path) -> Poll | None:
    """The baseline; None where there is none yet. Raises JournalCorrupt where it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Poll)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"{path}: not a poll ({error})") from error


def poll_of(head: Head, streams: Iterable[StreamState]) -> Poll:
    """The poll of a head with these streams, by name."""
    return Poll(
        number=head.number,
        at_ms=head.at_ms,
        server=head.server,
        streams=tuple(streams),
        calls=head.calls,
        clients=head.clients,
        cost=head.cost,
        quiet=head.quiet,
        after_gap=head.after_gap,
        source=head.source,
        nodes=head.nodes,
        until_ms=head.until_ms,
        late_calls=head.late_calls,
        clients_ms=head.clients_ms,
    )
