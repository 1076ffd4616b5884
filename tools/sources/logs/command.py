"""A program whose output is a log (`docker logs`, `journalctl`, `kubectl logs`), followed as a file is.

First a look that ends by itself: can the log be read, and (`from_end`) which are its last lines? Then the program
follows. When it ends (a container stopped, an engine restarted) it is started again, later each time, and goes on
where it had stopped. What differs between programs is a `Dialect`. No shell is ever involved.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tools.masking import mask
from tools.sources.logs.blocks import Block, of_lines
from tools.sources.logs.child import Child
from tools.sources.logs.feed import (
    BACKFILL_LINES,
    LINE_BYTES_MAX,
    READ_BYTES,
    CommandCheckpoint,
    Note,
    Piece,
    RawLine,
    Splitter,
)
from tools.sources.logs.stamps import Entry

LOOK_S = 20.0
"""A first look that takes longer is given up."""
TOLD_AFTER_S = 10.0
"""A source that cannot be read is told when it stays so: an engine may be restarting."""
PAUSE_S, ENDED_PAUSE_S_MAX, FAILED_PAUSE_S_MAX = 1.0, 15.0, 30.0
SETTLED_S = 2.0
"""A program that follows for this long works, and what was not read when it was started has begun to come."""
_STAYS_S = 2.0
"""A program that has closed its output and does not end is killed."""
_BLOCK_BYTES = 65536
_WORDS_MAX = 300
_ASIDES_MAX = 20
_WORDS_BYTES_MAX = 4096
_BACKFILL_LINE_BYTES_MAX = 8192
"""Longer lines say nothing of a format that shorter ones do not."""


class Start(NamedTuple):
    """How the program is to begin: `lines` from the log's end and no more, or following."""

    lines: int | None
    since_ms: int | None
    """Where nothing was read yet; None: from the log's first line on."""


class Dialect(Protocol):
    """One program: its arguments, the shape of its output, what its messages mean. It knows where reading stands."""

    program: str
    merged: bool
    """Whether its standard error is read as its output: it prints the log on both, and only then in order."""
    record_bytes_max: int
    silent: str
    """Why a source without any line may not be there at all; "" where the program would have said so."""
    notes: list[Note]

    @property
    def again(self) -> bool:
        """Whether its output began too late for what it was asked: it is to be started again."""
        ...

    def arguments(self, start: Start) -> list[str]:
        """Its arguments, from where reading stands; called before each start."""
        ...

    def read(self, piece: Piece, *, complete: bool) -> list[Entry] | None:
        """The new lines that one line of output holds; None where the program speaks of itself."""
        ...

    def remark(self, words: str) -> Note | None:
        """What a message of a program that goes on means for the report."""
        ...

    def remedy(self, words: str) -> str:
        """What to do when its last message is this one."""
        ...

    def save(self, checkpoint: CommandCheckpoint) -> CommandCheckpoint:
        """The checkpoint, with where reading stands."""
        ...


class CommandFeed:
    """One program's output. `since_ms`: from when on the log is read; `from_end`: from now on, if it can be read now."""

    def __init__(
        self,
        dialect: Callable[[CommandCheckpoint], Dialect],
        checkpoint: CommandCheckpoint | None,
        *,
        since_ms: int,
        from_end: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        start = checkpoint or CommandCheckpoint(position=0, number=0, since_ms=since_ms)
        self._dialect = dialect(start)
        self._environ = os.environ if environ is None else environ
        self._since_ms = start.since_ms
        self._from_end = from_end and checkpoint is None
        self.position, self._number = start.position, start.number
        self.notes: list[Note] = []
        self._child: Child | None = None
        self._looking = True
        self.opened = False
        """Whether the program could read the log."""
        self._heard = start.number > 0
        self._splitter = Splitter(self._dialect.record_bytes_max)
        self._backfill: list[bytes] = []
        self._asides: set[str] = set()
        self._aside = ""
        self._now = self._started_at = self._start_at = float("-inf")
        self._silent = True
        """Whether a program that follows has printed nothing since it was started."""
        self._closed_at: float | None = None
        self._words = ""
        self._pause_s = PAUSE_S
        self._trouble: Note | None = None
        self._failing_since = 0.0
        self._told = False

    @property
    def pending(self) -> bool:
        """Whether output is there that was not read yet, or must be on its way: the program has just been started."""
        if self._child is None or self._closed_at is not None:
            return False
        return self._child.ready or (self._silent and self._now - self._started_at < SETTLED_S)

    def blindness(self) -> Note | None:
        """Why nothing could be read so far, or why it cannot be read now."""
        if self._trouble is not None:
            return self._trouble
        if not self.opened:
            why = f"{self._dialect.program} has not answered"
            return Note("", why, self._dialect.remedy(why), blind=True)
        if not self._heard and self._dialect.silent:
            return Note("", self._dialect.silent, self._dialect.remedy(self._dialect.silent), blind=True)
        return None

    @property
    def answered(self) -> bool:
        """Whether the program has said by now whether the log can be read."""
        return self.opened or self._trouble is not None

    def backfill(self, lines: int) -> list[bytes]:
        """The last lines before the place where reading starts; each is given once, when it has come."""
        found, self._backfill = self._backfill[-lines:], []
        return found

    def poll(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> list[RawLine]:
        """The complete lines that are there, of at most about `budget` bytes; starts the program where it is due."""
        lines: list[RawLine] = []
        self._now = now
        if self._child is None and now >= self._start_at:
            self._start(now)
        if self._child is not None:
            self._read(self._child, lines, budget, now)
        if final and not self._looking and not self.pending:
            self._take(self._splitter.flush(), lines, complete=False)
        if self._child is not None and not self._looking and now - self._started_at >= SETTLED_S:
            self._recover()
        self.notes += self._dialect.notes
        self._dialect.notes.clear()
        if self._trouble is not None and not self._told:
            self._told = final or now - self._failing_since >= TOLD_AFTER_S
            self.notes += [self._trouble] * self._told
        return lines

    def blocks(self, now: float, budget: int = READ_BYTES, *, final: bool = False) -> Iterator[Block]:
        """The same lines in blocks."""
        return of_lines(self.poll(now, budget, final=final))

    def checkpoint(self) -> CommandCheckpoint:
        """Where to go on: before the first line that was not delivered."""
        start = CommandCheckpoint(position=self.position, number=self._number, since_ms=self._since_ms)
        return self._dialect.save(start)

    def close(self) -> None:
        """Kill the program and what it started."""
        if self._child is not None:
            self._child.close()
            self._child = None

    # --- the program's life -----------------------------------------------------------------------------

    def _start(self, now: float) -> None:
        dialect = self._dialect
        path = shutil.which(dialect.program, path=self._environ.get("PATH", ""))
        if path is None or not os.path.isabs(path):  # noqa: PTH117 - text, as `which` gives it
            # A relative entry of PATH would find programs in the folder of what is audited.
            self._fail(
                now, f"{dialect.program} is not on PATH", f"Install {dialect.program}, or name a file."
            )
            self._failing_since = float("-inf")
            return
        self._words, self._closed_at, self._started_at, self._silent = "", None, now, True
        self._splitter.clear()
        tail = BACKFILL_LINES if self._from_end else 0
        arguments = dialect.arguments(Start(tail if self._looking else None, self._since_ms))
        try:
            self._child = Child([path, *arguments], self._environ, merged=dialect.merged)
        except OSError as error:
            self._fail(
                now, f"{dialect.program} cannot be started: {error.strerror}", "Free processes or memory."
            )

    def _read(self, child: Child, lines: list[RawLine], budget: int, now: float) -> None:
        while budget > 0 and self._closed_at is None:
            block = child.read(min(_BLOCK_BYTES, budget))
            if block is None:
                child.ended()  # what it started may hold its output open
                break
            if not block:
                self._closed_at = now
                break
            budget -= len(block)
            self._silent = self._looking
            for piece in self._splitter.feed(block):
                self._take(piece, lines, complete=True)
            if self._dialect.again:
                self.close()
                self._start(now)
                return
        self._hear(child.words())
        if self._closed_at is not None:
            self._finish(child, lines, now, since_s=now - self._closed_at)
        elif self._looking and now - self._started_at > LOOK_S:
            self._words = f"{self._dialect.program} gave no answer within {LOOK_S:.0f} s"
            self._drop(child, now)

    def _finish(self, child: Child, lines: list[RawLine], now: float, since_s: float) -> None:
        code = child.ended()
        if code is None and since_s < _STAYS_S:
            return
        self._hear(child.words(last=True))
        piece = self._splitter.flush()
        if code != 0:  # what it had printed by half comes again
            self._words = self._words or f"{self._dialect.program} ended with code {code}"
            self._drop(child, now)
            return
        self._take(piece, lines, complete=False)
        self.close()
        if self._looking:
            self._open()
        else:
            self._recover()
            self._interrupted(f"{self._dialect.program} ended, as it does when the log's writer stops")
            self._start_at = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, ENDED_PAUSE_S_MAX)

    def _open(self) -> None:
        if self._from_end and not self._heard:
            self._since_ms = None
        self._from_end = self._looking = False
        self.opened = True

    def _recover(self) -> None:
        # Not when a look succeeds: a program may fail each time that it is to follow.
        if self._aside:
            why = f"{self._dialect.program} printed what is no line of the log: {mask(self._aside)[:_WORDS_MAX]}"
            self.notes.append(Note("other output", why, self._dialect.remedy(self._aside)))
            self._aside = ""
        if self._trouble is not None:
            if not self._told:
                self._interrupted(self._trouble.why)
            self._trouble, self._told, self._pause_s = None, False, PAUSE_S

    def _drop(self, child: Child, now: float) -> None:
        child.close()
        self._child = None
        self._from_end, self._aside = False, ""
        words = mask(self._words)[:_WORDS_MAX]
        self._fail(now, words, self._dialect.remedy(words))

    def _fail(self, now: float, why: str, fix: str) -> None:
        if self._trouble is None:
            self._failing_since, self._pause_s = now, PAUSE_S
        self._trouble = Note("", why, fix, blind=True)
        self._looking = True
        self._start_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, FAILED_PAUSE_S_MAX)

    def _interrupted(self, why: str) -> None:
        fix = "It was started again and went on where it had stopped; see why it ended."
        self.notes.append(Note("an interruption", why, fix))

    # --- its output -------------------------------------------------------------------------------------

    def _take(self, piece: Piece | None, lines: list[RawLine], *, complete: bool) -> None:
        if piece is None:
            return
        entries = self._dialect.read(piece, complete=complete)
        if entries is None:
            words = piece.data[:_WORDS_BYTES_MAX].decode("utf-8", "replace").strip()
            self._hear([words])
            self._pass_over(words)
            return
        for entry in entries:
            self._heard = True
            if self._looking:
                self._backfill += [entry.data] * (len(entry.data) <= _BACKFILL_LINE_BYTES_MAX)
            else:
                self._recover()
                self._pause_s = PAUSE_S
                lines.append(self._line(entry))

    def _pass_over(self, words: str) -> None:
        """Output that is no line of the log: told where it goes on, and had not printed the same when it was to look."""
        if self._looking:
            self._asides = {*self._asides, words} if len(self._asides) < _ASIDES_MAX else self._asides
        elif words not in self._asides:
            self._aside = words

    def _line(self, entry: Entry) -> RawLine:
        offset = self.position
        self._number += 1
        self.position += entry.length + 1
        cut = entry.length > LINE_BYTES_MAX
        return RawLine(
            entry.data, self._number, offset, entry.length, self.position, cut, entry.at_ms, entry.level
        )

    def _hear(self, words: Sequence[str]) -> None:
        for text in words:
            if text:
                self._words = text
                note = self._dialect.remark(mask(text)[:_WORDS_MAX])
                if note is not None:
                    self.notes.append(note)
