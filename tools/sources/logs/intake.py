"""Bytes of all logs → batches of lines, within a byte budget, and everything that could not be read as gaps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from msgspec import Struct

from tools import masking
from tools.sources.logs import captured, commands, discover, rotated
from tools.sources.logs.blocks import Block, of_lines
from tools.sources.logs.discover import LogFile, SourceSpec
from tools.sources.logs.engine.batch import Batch, Origin
from tools.sources.logs.feed import (
    BACKFILL_LINES,
    LINE_BYTES_MAX,
    Checkpoint,
    CommandCheckpoint,
    FileCheckpoint,
    LogFeed,
    Note,
    RawLine,
)
from tools.sources.logs.follow import Follower
from tools.sources.records import Gap

READ_BYTES = 8 << 20
"""In one go over all logs, so that STOP and heartbeats are never far."""
_SHARE_BYTES_MIN = 1 << 16
MANY_SOURCES = 16
_EVERY_S = 0.7
"""Of many sources each is read at every third tick: what a read costs hardly depends on what is there, and a line is a
finding within a second all the same."""

COMMANDS_MAX = 64
"""Programs that run at a time; more is a gap."""

_DISCOVER_EVERY_S = 1.0
_FRESH_S = 1.0
"""Lines read after a longer pause may be older than their arrival says."""


class SourceState(Struct, kw_only=True):
    """Where reading of one file, or of one program's log, stands."""

    key: str
    """The file's path, or the log's name."""
    checkpoint: Checkpoint
    key_lines: int = 0
    service: str = ""
    captured: bool = False


@dataclass(slots=True)
class _Source:
    key: str
    service: str
    name: str
    subject: str
    """How a gap names it as a whole."""
    feed: LogFeed
    masker: masking.LineMasker
    origin: Origin
    read_at: float | None = None
    looked_at: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it was not read just now."""
        return now - self.looked_at >= _EVERY_S


class Intake:
    """Reads all logs of a session. Captured files are read from their start, other files from their end.

    What programs give is read from `since_ms` on; where that is None, from now on.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        roots: tuple[Path, Path],
        on_gap: Callable[[Gap], None],
        states: Sequence[SourceState] | None = None,
        *,
        since_ms: int | None = None,
        began_ms: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`roots`: project and workspace. `states`: None in the first attempt. `environ`: where programs run.

        `began_ms`: when the first attempt began; what was last written before it is older than the session.
        """
        self._specs = specs
        self._project_root, self._workspace_root = roots
        self._on_gap = on_gap
        self._states = {state.key: state for state in states or ()}
        self._first = states is None
        self._since_ms = since_ms
        self._environ = environ
        self._files: dict[Path, _Source] = {}
        self._commands: dict[str, _Source] = {}
        self._passed_by: dict[Path, rotated.Identity] = {}
        """Files that are another name, or an older generation, of one that is followed."""
        self._met: set[Path] = set()
        self._began_ms = began_ms
        self._unreadable: set[str] = set()
        self._discovered_at: float | None = None
        self.behind = False
        """Whether the last `read` left a lot behind: more than has come in between."""

    def read(self, now_ms: int, now: float, *, final: bool = False) -> Iterator[Batch]:
        """New lines of all logs, at most about 8 MB; `now` is monotonic seconds. `final`: half lines too.

        A batch holds until the next one is asked for.
        """
        if self._discovered_at is None or now - self._discovered_at >= _DISCOVER_EVERY_S or final:
            yield from self.discover(now_ms, now)
        self.behind = False
        share = max(READ_BYTES // max(1, len(self._files) + len(self._commands)), _SHARE_BYTES_MIN)
        sources = self._sources()
        for source in sources:
            if final or len(sources) < MANY_SOURCES or source.is_due(now):
                yield from self._read(source, share, now_ms, now, final=final)

    @property
    def pending(self) -> bool:
        """Whether bytes are there that were not read yet."""
        return any(source.feed.pending for source in self._sources())

    @property
    def turned(self) -> bool:
        """Whether a file was rotated, emptied or begun since this was last asked."""
        followers = [source.feed for source in self._files.values() if isinstance(source.feed, Follower)]
        turned = any(one.turned for one in followers)
        for one in followers:
            one.turned = False
        return turned

    def states(self) -> list[SourceState]:
        """Where a new attempt goes on; exact between two `read`s."""
        return [
            SourceState(
                key=source.key,
                checkpoint=source.feed.checkpoint(),
                key_lines=source.masker.open_lines,
                service=source.service,
                captured=source.origin.captured,
            )
            for source in self._sources()
        ]

    @property
    def unread(self) -> set[str]:
        """Services of which nothing can be read now: that they are silent is not known."""
        named = {source.service for source in self._commands.values()} | self._unreadable
        read = {source.service for source in self._sources() if source.feed.blindness() is None}
        return named - read - {source.service for source in self._files.values()}

    def say_what_was_blind(self, now_ms: int) -> None:
        """Write a gap for each configured source of which nothing could be read."""
        for source in self._commands.values():
            note = source.feed.blindness()
            if note is not None:
                self._say(source, note, now_ms)
        for spec in self._specs:
            if spec.path is None or spec.captured:
                continue
            files = {file.path for file in discover.find([spec], self._project_root)}
            followed = [source for path, source in self._files.items() if path in files]
            if all(source.feed.blindness() is not None for source in followed):
                self._gap(spec.path, f"log source {spec.path}", "no file of that name was there", now_ms)

    def _sources(self) -> list[_Source]:
        return [*self._files.values(), *self._commands.values()]

    def close(self) -> None:
        """Close all files and end all programs."""
        for source in self._sources():
            source.feed.close()

    def discover(self, now_ms: int, now: float) -> Iterator[Batch]:
        """Open what is there and not open yet; gives the lines of files that are read back for their format."""
        first_look, self._discovered_at = self._discovered_at is None, now
        if first_look:
            self._began_ms = now_ms if self._began_ms is None else self._began_ms
            self._add_commands(now_ms)
        for file in self._found(first_look=first_look):
            if file.path in self._files or self._goes_by(file.path):
                continue
            if len(self._files) >= discover.FILES_MAX:
                why = f"more than {discover.FILES_MAX} log files match"
                self._gap(
                    "logs", "log files beyond the limit", why, now_ms, "Narrow the globs in [[logs.sources]]."
                )
                return
            yield from self._add(file, now_ms)
        self._first = False

    def _found(self, *, first_look: bool) -> list[LogFile]:
        """The files that are there: first those that were read before, which know their older generations, links last."""
        found = discover.find(self._specs, self._project_root)
        if first_look:
            # One that an earlier attempt read may have been moved away, and not be there again yet.
            names = {file.path for file in found}
            files = (one for one in self._states.values() if isinstance(one.checkpoint, FileCheckpoint))
            gone = (LogFile(Path(one.key), one.service, one.captured) for one in files if one.service)
            found += [file for file in gone if file.path not in names]
        links = {file.path for file in found if os.path.islink(file.path)}  # noqa: PTH114 - hundreds each second
        return sorted(found, key=lambda file: (str(file.path) not in self._states, file.path in links))

    def _goes_by(self, path: Path) -> bool:
        """Whether a file that is not followed yet is read already, by another name."""
        identity = rotated.identity(path)
        if identity is None or str(path) in self._states:
            return False
        if self._passed_by.get(path) == identity:
            return True
        followers = [source.feed for source in self._files.values() if isinstance(source.feed, Follower)]
        beside = [one for one in followers if _may_be_older(path, one.path)]
        older = not self._first and any(one.knows(path) for one in beside)
        if older or any(one.holds(identity) for one in followers):
            self._passed_by[path] = identity
            return True
        if self._first or not beside or path in self._met:
            return False
        # It is a log of its own, unless what lies beside it knows better after its next look.
        self._met.add(path)
        return True

    def _elsewhere(self, path: Path) -> Callable[[rotated.Identity], bool]:
        """Whether a file is read by another source than that of `path`, or will be."""

        def is_elsewhere(identity: rotated.Identity) -> bool:
            for other, source in self._files.items():
                if other != path and isinstance(source.feed, Follower) and source.feed.holds(identity):
                    return True
            waiting = (state for key, state in self._states.items() if Path(key) not in self._files)
            return any(
                (mark.device, mark.inode) == identity
                for state in waiting
                if state.key != str(path) and isinstance(state.checkpoint, FileCheckpoint)
                for mark in state.checkpoint.files
            )

        return is_elsewhere

    def _add(self, file: LogFile, now_ms: int) -> Iterator[Batch]:
        state = self._states.get(str(file.path))
        checkpoint = state.checkpoint if state is not None else None
        assert not isinstance(checkpoint, CommandCheckpoint)
        from_end = self._first and not file.captured
        name = masking.mask(self._name_of(file.path))
        try:
            follower = Follower(
                file.path,
                checkpoint,
                from_end=from_end,
                since_ns=None if self._first or self._began_ms is None else self._began_ms * 1_000_000,
                elsewhere=self._elsewhere(file.path),
            )
        except OSError as error:
            fix = "Give the user that runs streamgauge read access."
            self._gap(name, f"log file {name}", error.strerror or str(error), now_ms, fix)
            return
        masker = masking.LineMasker(state.key_lines if state else 0)
        origin = Origin(
            file.service, name, file.captured, self._origin_of(file.path) if file.captured else None
        )
        source = _Source(str(file.path), file.service, name, f"log file {name}", follower, masker, origin)
        self._files[file.path] = source
        self._say_all(source, now_ms)
        yield from self._backfill(source, now_ms)

    def _add_commands(self, now_ms: int) -> None:
        for log in dict.fromkeys(filter(None, map(commands.named, self._specs))):
            name = masking.mask(log.source)
            subject = f"log source {log.kind} {masking.mask(log.name)}"
            problem = log.problem
            if problem is None and len(self._commands) >= COMMANDS_MAX:
                problem = f"more than {COMMANDS_MAX} programs would run"
            service = self._service_of(log)
            if problem is not None:
                self._unreadable.add(service)
                self._gap(name, subject, problem, now_ms)
                continue
            state = self._states.get(log.source)
            checkpoint = state.checkpoint if state is not None else None
            assert not isinstance(checkpoint, FileCheckpoint)
            since_ms = now_ms if self._since_ms is None else self._since_ms
            from_end = self._first and self._since_ms is None
            feed = commands.feed(log, checkpoint, since_ms=since_ms, from_end=from_end, environ=self._environ)
            masker = masking.LineMasker(state.key_lines if state else 0)
            self._commands[log.source] = _Source(
                log.source, service, name, subject, feed, masker, Origin(service, name)
            )

    def _service_of(self, log: commands.Named) -> str:
        spec = next(spec for spec in self._specs if commands.named(spec) == log)
        if spec.service != "*":
            return spec.service
        return log.name if log.problem is not None else log.service

    def _backfill(self, source: _Source, now_ms: int) -> Iterator[Batch]:
        lines = source.feed.backfill(BACKFILL_LINES)
        if not lines:
            return
        ends = list(accumulate(len(data) + 1 for data in lines))
        for block in of_lines(
            RawLine(data, at, end - len(data) - 1, len(data), end)
            for at, (data, end) in enumerate(zip(lines, ends, strict=True))
        ):
            yield Batch(source.origin, block, source.masker, now_ms, backfill=True)

    def _read(self, source: _Source, share: int, now_ms: int, now: float, *, final: bool) -> Iterator[Batch]:
        late = source.read_at is None or now - source.read_at > _FRESH_S
        source.looked_at = now
        taken = 0
        try:
            for block in source.feed.blocks(now, share, final=final):
                taken += len(block.data)
                yield from self._backfill(source, now_ms)
                yield self._batch(source, block, now_ms, late=late)
        except OSError as error:
            fix = "See that the file stays readable while it is audited."
            self._gap(source.name, source.subject, error.strerror or str(error), now_ms, fix)
        if taken >= share // 2:
            self.behind = True
            source.looked_at = float("-inf")
        # While a backlog is read, arrivals say nothing; the mark stays until the file is caught up with.
        if not (late and source.feed.pending):
            source.read_at = now
        self._say_all(source, now_ms)
        yield from self._backfill(source, now_ms)

    def _batch(self, source: _Source, block: Block, now_ms: int, *, late: bool) -> Batch:
        return Batch(source.origin, block, source.masker, now_ms, late)

    def tell_cut(self, batch: Batch) -> None:
        """Say that only the beginning of a line was read."""
        name = batch.origin.source
        what, why = f"the rest of long lines in {name}", f"a line is longer than {LINE_BYTES_MAX} bytes"
        self._gap(name, what, why, batch.now_ms, "Log large payloads elsewhere.", blind=False)

    def _origin_of(self, path: Path) -> Callable[[int], int | None]:
        offsets = captured.file_of(self._workspace_root, path)

        def origin_of(number: int) -> int | None:
            places = captured.places_of(offsets, number)
            return places[0].offset if places else None

        return origin_of

    def _say_all(self, source: _Source, now_ms: int) -> None:
        for note in source.feed.notes:
            self._say(source, note, now_ms)
        source.feed.notes.clear()

    def _say(self, source: _Source, note: Note, now_ms: int) -> None:
        what = source.subject if note.blind else f"{note.what} of {source.name}"
        self._gap(source.name, what, note.why, now_ms, note.fix, blind=note.blind)

    def _name_of(self, path: Path) -> str:
        for root in (self._workspace_root, self._project_root):
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return str(path)

    def _gap(
        self,
        source: str,
        what: str,
        why: str,
        at_ms: int,
        fix: str = "Correct [[logs.sources]].",
        *,
        blind: bool = True,
    ) -> None:
        self._on_gap(Gap(what=what, why=why, fix=fix, source=source, at_ms=at_ms, blind=blind))


def _may_be_older(path: Path, of: Path) -> bool:
    return path.parent == of.parent and rotated.may_be_generation(path.name, of.name)
