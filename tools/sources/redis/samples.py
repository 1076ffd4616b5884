"""Sampled entries: what they look like (one example of each shape), and which correlation id they carry.

A stream that is new gives its newest and oldest entries; later looks read forward from the last sampled id, so that
every entry is read once. What goes beyond the bounds of a poll is left out and counted: the next look goes on at the
stream's end, for flows of now are worth more than those of long ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from tools.sources import correlation
from tools.sources.entry_samples import EntrySample, LeftOut
from tools.sources.records import EntryShape, StreamInfo, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.names import display
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import Entry, as_list, entry, entry_bytes
from tools.sources.redis.shapes import FIELDS_MAX, shape

NEWEST, NEWEST_MIN = 10, 4
OLDEST = 3
"""Of a stream that is new to us. Where many are, these are fewer: the first and last entry are known already."""

SHAPES_MAX = 12
"""Different shapes of one stream that are kept."""

STREAMS_PER_POLL = 500
NEW_STREAMS_PER_POLL = 200
"""Of them, those that were never sampled: the others tell what flows now."""

SAMPLE_BYTES = 65_536
"""Of one stream at one poll; streams of bigger entries give their first and last only."""

PAGE_ENTRIES = 25
"""Entries that one command asks for: nobody knows their sizes before."""

BATCH_ENTRIES = 400
"""Asked for at once: 25 entries of 160 bytes take the server 10 µs."""

ENTRIES_PER_POLL = 2_000
"""Shared by the streams that moved; each has at least `NEWEST` and at most `ENTRIES_PER_STREAM`."""

ENTRIES_PER_STREAM = 200
BYTES_PER_POLL = 1_000_000

Streams = Mapping[bytes, tuple[StreamInfo, object, object]]
"""By raw name: the record, and the first and last entry as the server sent them."""


class _Album(Struct, gc=False):
    """What is remembered of a stream. `cursor`: entries up to it were sampled or left out; `added` counts with it."""

    cursor: str = ""
    added: int | None = None
    biggest: int = 1
    first: str | None = None
    """The first entry when shapes of what is trimmed were dropped last."""
    shapes: dict[tuple[int, tuple[tuple[str, str], ...]], EntryShape] = {}
    sorted: tuple[EntryShape, ...] | None = None
    """The shapes, newest first; None where they have changed."""


@dataclass
class _Look:
    """One stream at one poll: the entries found, and whether they are all that were added."""

    raw: bytes
    album: _Album
    info: StreamInfo
    known: str
    share: int
    found: dict[str, Entry] = field(default_factory=dict)
    after: str = ""
    pages: int = 0
    size: int = 0
    complete: bool = False

    @property
    def wanted(self) -> int:
        """Entries of the next page; 0 or less where the stream has had its share."""
        room = (SAMPLE_BYTES - self.size) // self.album.biggest
        return min(PAGE_ENTRIES, self.share - self.pages, room)

    def take(self, entries: Iterable[Entry | None]) -> None:
        for item in entries:
            if item is not None:
                self.found[item[0]] = item
                self.album.biggest = max(self.album.biggest, entry_bytes(item))

    def page(self, entries: list[Entry | None], wanted: int) -> None:
        """Take the answer to a question for `wanted` entries."""
        self.take(entries)
        self.pages += len(entries)
        self.size += sum(map(entry_bytes, entries))
        last = next((item[0] for item in reversed(entries) if item is not None), None)
        self.after = last or self.after
        self.complete = len(entries) < wanted or last == self.info.last_generated_id

    def left(self) -> int | None:
        """How many entries were added since the last look and not found; None where nothing tells."""
        if not self.known:
            return 0
        if self.info.entries_added is not None and self.album.added is not None:
            return max(0, self.info.entries_added - self.album.added - len(self.found))
        return 0 if self.complete else None


class Sampler:
    """Samples streams that grew, a bounded number at each poll, the longest waiting first.

    Where `reads` is False it sends nothing: what XINFO STREAM shows is all it knows.
    """

    def __init__(
        self, pacer: Pacer, *, reads: bool = True, name_of: Callable[[bytes], str] = display
    ) -> None:
        self._pacer, self._name_of = pacer, name_of
        self._albums: dict[bytes, _Album] = {}
        self._cursors: dict[str, str] = {}
        self._kept: list[EntrySample | LeftOut] | None = None
        self.reads = reads
        self.refused = False
        """Whether the user may not read entries: then only what XINFO STREAM shows is known."""

    def keep(self, cursors: Mapping[str, str]) -> None:
        """From now on hand over what was sampled; an earlier process got as far as `cursors` says, by stream."""
        if self.reads:
            self._cursors = dict(cursors)
            self._kept = []

    def take(self) -> list[EntrySample | LeftOut]:
        """What was sampled since the last call, by stream in order of ids; [] where nobody asked to keep it."""
        kept = self._kept or []
        if kept:
            self._kept = []
        return kept

    def read(self, streams: Streams) -> None:
        """Look at entries that are new since the last sample. Raises SourceUnavailable."""
        if self._albums.keys() != streams.keys():
            known = {raw: album for raw, album in self._albums.items() if raw in streams}
            self._albums = known | {raw: self._album(raw) for raw in streams if raw not in known}
        due = self._due(streams)
        share = max(NEWEST, min(ENTRIES_PER_STREAM, ENTRIES_PER_POLL // max(len(due), 1)))
        looks = [self._begin(raw, streams, share) for raw in due]
        if self.reads and not self.refused:
            self._read_ends([look for look in looks if not look.known], ENTRIES_PER_POLL // max(len(due), 1))
            self._read_on([look for look in looks if look.known and look.left() != 0])
        for look in looks:
            self._end(look)
        for raw, album in self._albums.items():
            if not album.shapes:
                continue
            info = streams[raw][0]
            if album.first != info.first_entry_id:
                self._drop_trimmed(album, info)
                album.first = info.first_entry_id

    def _due(self, streams: Streams) -> list[bytes]:
        """The streams to sample now, the longest waiting first."""
        moved, new = list[bytes](), list[bytes]()
        for raw, album in self._albums.items():
            if streams[raw][0].last_generated_id != album.cursor:
                (moved if album.cursor else new).append(raw)
        new = new[:NEW_STREAMS_PER_POLL]
        return moved[: STREAMS_PER_POLL - len(new)] + new

    def forget(self) -> None:
        """After a gap: entries of an earlier state are not compared with those of now; how far was read stays known."""
        self._cursors |= {self._name_of(raw): album.cursor for raw, album in self._albums.items()}
        self._albums.clear()

    def sample(self, raw: bytes) -> tuple[EntryShape, ...]:
        """One example of each shape, newest first."""
        album = self._albums.get(raw)
        if album is None:
            return ()
        if album.sorted is None:
            album.sorted = tuple(
                sorted(album.shapes.values(), key=lambda item: entry_key(item.id), reverse=True)
            )
        return album.sorted

    def _album(self, raw: bytes) -> _Album:
        return _Album(cursor=self._cursors.pop(self._name_of(raw), "") if self._cursors else "")

    def _begin(self, raw: bytes, streams: Streams, share: int) -> _Look:
        info, first, last = streams[raw]
        album = self._albums.pop(raw)
        self._albums[raw] = album  # to the end: it waits longest from now on
        known = album.cursor
        if known and entry_key(known) > entry_key(info.last_generated_id):
            known = ""  # a stream that was made anew
        album.biggest = max(album.biggest // 2, 1)
        look = _Look(raw, album, info, known, share, after=known)
        shown = filter(None, map(entry, (first, last)))
        look.take(item for item in shown if not known or is_after(item, known))
        return look

    def _read_ends(self, looks: list[_Look], share: int) -> None:
        """The newest entries of streams that are new to us, and the oldest, about `share` of each."""
        newest_each = min(NEWEST, max(share, NEWEST_MIN))
        questions: list[tuple[_Look, Command]] = []
        for look in looks:
            room = SAMPLE_BYTES // look.album.biggest
            if look.info.length > 2 and room > 2:
                newest, oldest = min(newest_each, room), min(OLDEST, room)
                questions.append((look, ("XREVRANGE", look.raw, "+", "-", "COUNT", newest)))
                if look.info.length > newest and share >= NEWEST + OLDEST:
                    questions.append((look, ("XRANGE", look.raw, "-", "+", "COUNT", oldest)))
        for look, entries, _ in self._ask(questions):
            look.take(entries)

    def _read_on(self, waiting: list[_Look]) -> None:
        """Forward from the last sampled id, a page of each stream in turn."""
        budget = BYTES_PER_POLL
        while waiting := [look for look in waiting if not look.complete and look.wanted > 0]:
            if budget <= 0 or self.refused:
                return
            questions: list[tuple[_Look, Command]] = [
                (
                    look,
                    (
                        "XRANGE",
                        look.raw,
                        f"({look.after}",
                        look.info.last_generated_id,
                        "COUNT",
                        look.wanted,
                    ),
                )
                for look in waiting
            ]
            answered = list(self._ask(questions))
            for look, entries, wanted in answered:
                look.page(entries, wanted)
                budget -= sum(map(entry_bytes, entries))
            heard = {id(look) for look, _, _ in answered}
            waiting = [look for look in waiting if id(look) in heard]

    def _ask(self, questions: list[tuple[_Look, Command]]) -> Iterable[tuple[_Look, list[Entry | None], int]]:
        """Each answered question with its entries, and how many were asked for."""
        start = 0
        while start < len(questions):
            pages = max(BATCH_ENTRIES // int(questions[start][1][-1]), 1)
            batch = questions[start : start + pages]
            start += pages
            counts = [int(command[-1]) for _, command in batch]
            sizes = [count * look.album.biggest for count, (look, _) in zip(counts, batch, strict=True)]
            replies = self._pacer.run([command for _, command in batch], sizes)
            for (look, _), count, reply in zip(batch, counts, replies, strict=True):
                if isinstance(reply, ReplyError):
                    self.refused = self.refused or reply.forbidden
                else:
                    yield look, list(map(entry, as_list(reply))), count

    def _end(self, look: _Look) -> None:
        entries = sorted(look.found.values(), key=lambda item: entry_key(item[0]))
        for item in entries:
            self._add(look.album, item)
        if self._kept is not None:
            name = self._name_of(look.raw)
            self._kept += [_sample(name, item) for item in entries]
            left = look.left()
            if left != 0:
                to = look.info.last_generated_id
                self._kept.append(LeftOut(stream=name, after=look.known, to=to, entries=left))
        look.album.cursor = look.info.last_generated_id
        look.album.added = look.info.entries_added

    def _add(self, album: _Album, item: Entry) -> None:
        album.sorted = None
        seen = shape(item)
        key = (seen.variant, tuple(sorted(seen.fields)))
        known = album.shapes.get(key)
        if known is None and len(album.shapes) >= SHAPES_MAX:
            del album.shapes[min(album.shapes, key=lambda old: entry_key(album.shapes[old].id))]
        if known is None or entry_key(known.id) < entry_key(seen.id):
            album.shapes[key] = seen

    def _drop_trimmed(self, album: _Album, info: StreamInfo) -> None:
        album.sorted = None
        if info.first_entry_id is None:
            album.shapes.clear()
            return
        first = entry_key(info.first_entry_id)
        for key in [key for key, item in album.shapes.items() if entry_key(item.id) < first]:
            del album.shapes[key]


def is_after(item: Entry, known: str) -> bool:
    """Whether an entry was added after the one with the id `known`."""
    return entry_key(item[0]) > entry_key(known)


def _sample(stream: str, item: Entry) -> EntrySample:
    found = correlation.of_entry(item[1])
    return EntrySample(
        stream=stream,
        id=item[0],
        correlation_id=None if found is None else display(found)[: correlation.ID_CHARACTERS_MAX],
        fields=tuple(display(name) for name, _ in item[1][:FIELDS_MAX]),
    )
