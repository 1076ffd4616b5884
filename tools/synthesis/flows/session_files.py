"""The files of a session that a trace reads, each searched for what it wants; what cannot be read is told."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from tools.detectors.thresholds import Judgement
from tools.errors import StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId
from tools.sources import recording, session_facts
from tools.sources.code.index import read_index
from tools.sources.entry_samples import FILE, Record, read_samples
from tools.sources.gaps import newest
from tools.sources.records import CodeIndex, Gap, LogLine, Poll
from tools.sources.redis.polls import read_polls
from tools.sources.session_facts import SessionFacts
from tools.synthesis import judged
from tools.synthesis.flows.lines import MESSAGE_ID, sighting
from tools.workspace import Workspace

LINES_MAX = 20_000
POLLS = "streams/polls.jsonl"
LINES = f"recording/{AgentId.LOG_WATCHER.slug}.jsonl.gz"
ACK_LINES_MAX = 200_000
"""Lines that are read to learn whether a service's lines tell of acks; about a second."""
_ALWAYS = frozenset({session_facts.FILE, LINES, POLLS})
_NAME_KEY = b'"state":{"name":'
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, StreamgaugeError)

_Part = TypeVar("_Part")


@dataclass
class Files:
    """The session's files, and what of them could not be read, each told once.

    In a `running` session a file that ends in the middle of a record, or is not there yet, is no damage.
    """

    workspace: Workspace
    running: bool = False
    unread: dict[str, None] = field(default_factory=dict)

    def read(self, name: str, read: Callable[[], _Part], otherwise: _Part) -> _Part:
        """A file's content; a missing one is empty, a damaged one is told."""
        try:
            return read()
        except FileNotFoundError:
            self.miss(name)
            return otherwise
        except _UNREADABLE as error:
            self.tell(f"{name}: {' '.join(str(error).split())[:200]}")
            return otherwise

    def tell(self, text: str) -> None:
        """Something could not be read."""
        self.unread[text] = None

    def miss(self, name: str) -> None:
        """A file is not there: told of those that a session always leaves."""
        if not self.running and name in _ALWAYS:
            self.tell(f"{name} is not there")

    def ends_whole(self, name: str) -> None:
        """Tell of a journal that is not there, or whose last line was cut."""
        try:
            with self.workspace.path(*name.split("/")).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                cut = size > 0 and file.read(1) != b"\n"
        except FileNotFoundError:
            self.miss(name)
            return
        except OSError:
            return  # who reads it tells
        if cut and not self.running:
            self.tell(f"{name}: its last line was cut")

    def holds_damage(self, name: str) -> None:
        """Tell of the first line of a journal that is none: a search that decodes little meets few of them."""
        if any(text.startswith(name) for text in self.unread):
            return
        for offset, line in journal.read(self.workspace.path(*name.split("/"))):
            try:
                whole = line.decode("utf-8").startswith("{") and line.endswith(b"}")
            except UnicodeDecodeError:
                whole = False
            if not whole:
                self.tell(f"{name}: damaged at byte {offset}, the line there was left out")
                return

    def members(self) -> Iterator[bytes]:
        """The members of the recording of lines; what of it is damaged, cut or beyond its quota is told."""
        path = self.workspace.path(*LINES.split("/"))
        if not path.exists():
            self.miss(LINES)

        def torn(after: int) -> None:
            if not self.running:
                self.tell(f"{LINES}: damaged or cut after byte {after}")

        for member in recording.members(path, torn):
            if member.startswith(b'["partial",'):
                self.tell(f"{LINES}: its quota was used up, later lines were not recorded")
            yield member

    def lines(self, needles: Iterable[str], *, whole: bool = True) -> list[LogLine]:
        """The recorded lines that name one of `needles`, at most `LINES_MAX`; not `whole`: those that hold it anywhere."""
        wanted = [needle for needle in needles if needle]
        encoded = [msgspec.json.encode(needle)[1:-1] for needle in wanted]
        found: list[LogLine] = []

        def search() -> list[LogLine]:
            for line in _decoded(self.members(), encoded):
                if not whole or any(_names(line, needle) for needle in wanted):
                    found.append(line)
                    if len(found) >= LINES_MAX:
                        break
            return found

        return self.read(LINES, search, found)

    def samples(self, keep: Callable[[Record], bool]) -> list[tuple[int, Record]]:
        """The records of the samples that are wanted, each with its line."""
        found: list[tuple[int, Record]] = []

        def search() -> list[tuple[int, Record]]:
            self.ends_whole(FILE)
            found.extend(
                item for item in read_samples(self.workspace.path(*FILE.split("/"))) if keep(item[1])
            )
            return found

        return self.read(FILE, search, found)

    def polls(self, streams: set[str]) -> list[Poll]:
        """Every whole poll, with these streams alone."""
        found: list[Poll] = []
        names = {msgspec.json.encode(name) for name in streams}

        def keep(line: bytes) -> bool:
            start = line.find(_NAME_KEY) + len(_NAME_KEY)
            return any(line.startswith(name, start) for name in names)

        def search() -> list[Poll]:
            self.ends_whole(POLLS)
            found.extend(read_polls(self.workspace.polls, keep))
            self.holds_damage(POLLS)
            return found

        return self.read(POLLS, search, found)

    def index(self) -> CodeIndex | None:
        """What the code says."""
        return self.read("recording/code.json.gz", lambda: read_index(self.workspace.code_index), None)

    def judgement(self) -> Judgement:
        """What the session judged by."""
        return self.read(judged.FILE, lambda: judged.read(self.workspace), Judgement())

    def facts(self) -> SessionFacts | None:
        """The session's own story."""
        return self.read(session_facts.FILE, lambda: session_facts.read(self.workspace), None)

    def gaps(self) -> list[Gap]:
        """What the session could not look at."""
        decoder = msgspec.json.Decoder(Gap)

        def search() -> list[Gap]:
            return list(newest(decoder.decode(line) for _, line in journal.read(self.workspace.gaps)))

        return self.read("recording/gaps.jsonl", search, [])

    def ackers(self, services: set[str]) -> frozenset[str]:
        """Those of `services` whose lines tell of acks of something with an id, as far as `ACK_LINES_MAX` lines show."""
        found: set[str] = set()

        def search() -> None:
            needles = [b'"service":' + msgspec.json.encode(name) for name in services]
            for line, _ in zip(_decoded(self.members(), needles), range(ACK_LINES_MAX), strict=False):
                seen = sighting(line, ())
                if (
                    line.service in services
                    and seen.step.action == "acked"
                    and (seen.ids or seen.correlation_id)
                ):
                    found.add(line.service)
                if found == services:
                    return

        if services:
            self.read(LINES, search, None)
        return frozenset(found)


def message_ids(text: str) -> Iterator[str]:
    """The message ids that a line names."""
    yield from MESSAGE_ID.findall(text[:2000])


def _names(line: LogLine, needle: str) -> bool:
    """Whether a line is of an id: by its correlation id, or with the id in its text and not inside a longer one."""
    if line.correlation_id == needle:
        return True
    text, at = line.text, line.text.find(needle)
    while at >= 0:
        end = at + len(needle)
        before, after = text[at - 1 : at] if at else "", text[end : end + 1]
        if not any(char.isalnum() or char == "_" for char in before + after):
            return True
        at = text.find(needle, at + 1)
    return False


def _decoded(members: Iterable[bytes], needles: Sequence[bytes]) -> Iterator[LogLine]:
    """The lines whose record holds one of `needles`; whole members without any are skipped undecoded."""
    entry = msgspec.json.Decoder(tuple[str, msgspec.Raw])
    decoder = msgspec.json.Decoder(LogLine)
    for member in members:
        if not any(needle in member for needle in needles):
            continue
        for raw in member.splitlines():
            if not any(needle in raw for needle in needles):
                continue
            kind, record = entry.decode(raw)
            line = decoder.decode(record) if kind == "line" else None
            if line is not None and not line.backfill:
                yield line
