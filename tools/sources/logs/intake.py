"""Bytes of all log files → masked `LogLine`s, within a byte budget, and everything that could not be read as gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import re2
from msgspec import Struct

from tools import masking
from tools.sources.logs import discover, parse
from tools.sources.logs.discover import LogFile, SourceSpec
from tools.sources.logs.follow import LINE_BYTES_MAX, Checkpoint, Follower, RawLine
from tools.sources.logs.prefix import without_ansi
from tools.sources.records import Gap, LogLine

BACKFILL_LINES = 200
READ_BYTES = 1 << 20
"""Per tick over all files, so that STOP and heartbeats are never far."""

TEXT_CHARACTERS_MAX = 64 * 1024
_DISCOVER_EVERY_S = 1.0
_FRESH_S = 1.0
"""Lines read after a longer pause may be older than their arrival says."""
_MARK = re2.compile(r"\[masked:([a-z0-9_-]{1,60})(?::([0-9a-f]{12}))?\]")
_CONTROLS = {code: None for code in range(32) if chr(code) != "\t"} | {127: None}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class SourceState(Struct, kw_only=True):
    """Where reading of one file stands."""

    path: str
    checkpoint: Checkpoint
    key_lines: int = 0


@dataclass(slots=True)
class _Source:
    file: LogFile
    name: str
    follower: Follower
    masker: masking.LineMasker
    read_at: float | None = None


class Intake:
    """Reads all log files of a session. `from_end` is attach mode; captured files are read from their start."""

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        roots: tuple[Path, Path],
        on_gap: Callable[[Gap], None],
        states: Sequence[SourceState] | None = None,
    ) -> None:
        """`roots`: project and workspace. `states`: None in the first attempt."""
        self._specs = specs
        self._project_root, self._workspace_root = roots
        self._on_gap = on_gap
        self._states = {state.path: state for state in states or ()}
        self._first = states is None
        self._sources: dict[Path, _Source] = {}
        self._refused: set[Path] = set()
        self._discovered_at: float | None = None

    def read(self, now_ms: int, now: float, *, final: bool = False) -> Iterator[LogLine]:
        """New lines of all files, at most about 1 MB; `now` is monotonic seconds. `final`: half lines too."""
        if self._discovered_at is None or now - self._discovered_at >= _DISCOVER_EVERY_S or final:
            yield from self.discover(now_ms, now)
        share = max(READ_BYTES // max(1, len(self._sources)), 1 << 14)
        for source in list(self._sources.values()):
            yield from self._read(source, share, now_ms, now, final=final)

    @property
    def pending(self) -> bool:
        """Whether bytes are there that were not read yet."""
        return any(source.follower.pending for source in self._sources.values())

    def states(self) -> list[SourceState]:
        """Where a new attempt goes on; exact between two `read`s."""
        return [
            SourceState(
                path=str(source.file.path),
                checkpoint=source.follower.checkpoint(),
                key_lines=source.masker.open_lines,
            )
            for source in self._sources.values()
        ]

    def say_what_was_blind(self, now_ms: int) -> None:
        """Write a gap for each configured source of which no file was ever there."""
        for spec in self._specs:
            if spec.path is None or spec.captured:
                continue
            files = {file.path for file in discover.find([spec], self._project_root)} - self._refused
            followed = [source for path, source in self._sources.items() if path in files]
            if not files and self._refused_by(spec):
                continue
            if not any(source.follower.opened for source in followed):
                self._gap(spec.path, f"log source {spec.path}", "no file of that name was there", now_ms)

    def _refused_by(self, spec: SourceSpec) -> bool:
        return any(file.path in self._refused for file in discover.find([spec], self._project_root))

    def close(self) -> None:
        """Close all files."""
        for source in self._sources.values():
            source.follower.close()

    def discover(self, now_ms: int, now: float) -> Iterator[LogLine]:
        """Open the files that are there and not open yet; gives the lines read back for their format."""
        first_look, self._discovered_at = self._discovered_at is None, now
        for file in discover.find(self._specs, self._project_root):
            if file.path in self._sources or file.path in self._refused:
                continue
            if len(self._sources) >= discover.FILES_MAX:
                why = f"more than {discover.FILES_MAX} log files match"
                self._gap(
                    "logs", "log files beyond the limit", why, now_ms, "Narrow the globs in [[logs.sources]]."
                )
                return
            yield from self._add(file, now_ms)
        if first_look:
            self._say_unsupported(now_ms)
        self._first = False

    def _add(self, file: LogFile, now_ms: int) -> Iterator[LogLine]:
        state = self._states.get(str(file.path))
        from_end = self._first and not file.captured
        name = masking.mask(self._name_of(file.path))
        try:
            if _is_utf16(file.path):
                self._refused.add(file.path)
                fix = "Let the service write UTF-8."
                self._gap(name, f"log file {name}", "it is UTF-16, not UTF-8", now_ms, fix)
                return
            follower = Follower(file.path, state.checkpoint if state else None, from_end=from_end)
        except OSError as error:
            fix = "Give the user that runs streamgauge read access."
            self._gap(name, f"log file {name}", error.strerror or str(error), now_ms, fix)
            return
        source = _Source(file, name, follower, masking.LineMasker(state.key_lines if state else 0))
        self._sources[file.path] = source
        if from_end:
            for data in follower.backfill(BACKFILL_LINES):
                raw = RawLine(data, 0, 0, len(data), 0)
                yield self._line(source, raw, now_ms, backfill=True)

    def _read(
        self, source: _Source, share: int, now_ms: int, now: float, *, final: bool
    ) -> Iterator[LogLine]:
        late = source.read_at is None or now - source.read_at > _FRESH_S
        try:
            lines = source.follower.poll(now, share, final=final)
        except OSError as error:
            fix = "See that the file stays readable while it is audited."
            self._gap(source.name, f"log file {source.name}", error.strerror or str(error), now_ms, fix)
            return
        # While a backlog is read, arrivals say nothing; the mark stays until the file is caught up with.
        if not (late and source.follower.pending):
            source.read_at = now
        for note in source.follower.notes:
            self._gap(
                source.name,
                f"lines of {source.name}",
                note,
                now_ms,
                "Keep rotated files for a while.",
                blind=False,
            )
        source.follower.notes.clear()
        for raw in lines:
            if raw.cut:
                what, why = (
                    f"the rest of long lines in {source.name}",
                    f"a line is longer than {LINE_BYTES_MAX} bytes",
                )
                self._gap(source.name, what, why, now_ms, "Log large payloads elsewhere.", blind=False)
            yield self._line(source, raw, now_ms, late=late)

    def _line(
        self, source: _Source, raw: RawLine, now_ms: int, *, late: bool = False, backfill: bool = False
    ) -> LogLine:
        text = clean(raw.data)
        masked, marks = source.masker.scan(text)
        secrets = [(mark.kind, mark.fingerprint) for mark in marks]
        if source.file.captured and "[masked:" in text:
            # Output that we captured was masked as it came in.
            secrets += [(match.group(1), match.group(2) or "") for match in _MARK.finditer(text)]
        parsed = parse.parse(masked, now_ms)
        return LogLine(
            service=source.file.service,
            text=masked[:TEXT_CHARACTERS_MAX],
            source=source.name,
            line=raw.number,
            byte_offset=raw.offset,
            byte_length=raw.length,
            arrived_ms=now_ms,
            output="stdout" if source.file.captured else "file",
            event_ms=parsed.event_ms,
            level=parsed.level,
            message=None if parsed.message is None else parsed.message[:TEXT_CHARACTERS_MAX],
            correlation_id=parsed.correlation_id,
            secrets=tuple(dict.fromkeys(secrets)),
            backfill=backfill,
            position=raw.position,
            format=parsed.format,
            late=late,
        )

    def _name_of(self, path: Path) -> str:
        for root in (self._workspace_root, self._project_root):
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return str(path)

    def _say_unsupported(self, now_ms: int) -> None:
        for spec in self._specs:
            for kind in ("docker", "journald", "kubectl"):
                name = getattr(spec, kind)
                if name is not None:
                    what = f"log source {kind} {masking.mask(str(name))}"
                    why = "this version reads files and the output that it captures only"
                    self._gap(
                        f"{kind}:{name}", what, why, now_ms, "Give a file: path = … in [[logs.sources]]."
                    )

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


def _is_utf16(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) in _UTF16
    except FileNotFoundError:
        return False


def clean(data: bytes) -> str:
    """A line's text: UTF-8, what is not replaced by U+FFFD; no carriage return, control or escape sequence."""
    text = data.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return without_ansi(text).translate(_CONTROLS)
