"""What the entries of a stream look like: one example of each shape seen, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.sources.records import EntryShape, StreamInfo, entry_key
from tools.sources.redis.allowlist import Command
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import Entry, as_list, entry, entry_bytes
from tools.sources.redis.shapes import shape

NEWEST = 10
OLDEST = 3
SHAPES_MAX = 12
"""Different shapes of one stream that are kept."""

STREAMS_PER_POLL = 500
SAMPLE_BYTES = 65_536
"""Of one stream at one poll; streams of bigger entries give their first and last only."""


@dataclass
class _Album:
    sampled_to: str = ""
    shapes: dict[tuple[int, tuple[tuple[str, str], ...]], EntryShape] = field(default_factory=dict)


class Sampler:
    """Samples streams that grew, a bounded number at each poll, the longest waiting first."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._albums: dict[bytes, _Album] = {}
        self.refused = False
        """Whether the user may not read entries: then only what XINFO STREAM shows is known."""

    def read(self, streams: dict[bytes, tuple[StreamInfo, Entry | None, Entry | None]]) -> None:
        """Look at entries that are new since the last sample. Raises SourceUnavailable."""
        self._albums = {
            raw: self._albums.get(raw, _Album()) for raw in [*self._albums, *streams] if raw in streams
        }
        due = [
            raw for raw in self._albums if streams[raw][0].last_generated_id != self._albums[raw].sampled_to
        ]
        due = due[:STREAMS_PER_POLL]
        questions: list[tuple[bytes, Command]] = []
        for raw in due:
            info, first, last = streams[raw]
            album = self._albums.pop(raw)
            self._albums[raw] = album  # to the end: it waits longest from now on
            self._add(album, [first, last])
            room = SAMPLE_BYTES // max(entry_bytes(first), entry_bytes(last), 1)
            if info.length > 2 and room > 2 and not self.refused:
                questions.append((raw, ("XREVRANGE", raw, "+", "-", "COUNT", min(NEWEST, room))))
                if not album.sampled_to and info.length > NEWEST:
                    questions.append((raw, ("XRANGE", raw, "-", "+", "COUNT", min(OLDEST, room))))
            album.sampled_to = info.last_generated_id
        self._ask(questions)
        for raw, (info, _, _) in streams.items():
            self._drop_trimmed(self._albums[raw], info)

    def forget(self) -> None:
        """After a gap: entries of an earlier state are not compared with those of now."""
        self._albums.clear()

    def sample(self, raw: bytes) -> tuple[EntryShape, ...]:
        """One example of each shape, newest first."""
        album = self._albums.get(raw)
        shapes = [] if album is None else album.shapes.values()
        return tuple(sorted(shapes, key=lambda item: entry_key(item.id), reverse=True))

    def _ask(self, questions: list[tuple[bytes, Command]]) -> None:
        replies = self._pacer.run(command for _, command in questions)
        for (raw, _), reply in zip(questions, replies, strict=True):
            if isinstance(reply, ReplyError):
                self.refused = self.refused or reply.forbidden
            else:
                self._add(self._albums[raw], list(map(entry, as_list(reply))))

    def _add(self, album: _Album, entries: list[Entry | None]) -> None:
        for item in entries:
            if item is None:
                continue
            seen = shape(item)
            key = (seen.variant, tuple(sorted(seen.fields)))
            known = album.shapes.get(key)
            if known is None and len(album.shapes) >= SHAPES_MAX:
                del album.shapes[min(album.shapes, key=lambda old: entry_key(album.shapes[old].id))]
            if known is None or entry_key(known.id) < entry_key(seen.id):
                album.shapes[key] = seen

    def _drop_trimmed(self, album: _Album, info: StreamInfo) -> None:
        if info.first_entry_id is None:
            album.shapes.clear()
            return
        first = entry_key(info.first_entry_id)
        for key in [key for key, item in album.shapes.items() if entry_key(item.id) < first]:
            del album.shapes[key]
