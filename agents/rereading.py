"""The project's files as they are now: read again where they changed since the index was made.

A file that is being written, a checkout that goes on, a syntax error of the moment: nothing is claimed from them.
What was read counts once its files stood still, before and after it was read, or once reading it twice said the same;
until then, and where it cannot be read at all, what was read before counts. Data that services keep in the project,
files of JSON or YAML that said nothing, may change as they like.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from agents import indexer
from agents.loop import Reporter
from tools.clock import NEVER
from tools.sources import file_marks, project
from tools.sources.file_marks import Marks
from tools.sources.records import CodeIndex, Gap

SETTLE_S = 2.0
"""Files that did not change for so long are not being written."""
READINGS_MAX = 5
"""At one look; a project whose files go on changing is left as it was read before."""
LOOKS_MAX = 3
"""At files that do not stand still, before they are read all the same: reading them twice may say the same."""
_DATA = (".json", ".yaml", ".yml")
_SLICE_S = 0.1
_WHAT = "files of the project that changed while the session ran"


class Rereading:
    """The newest reading of the project. Nothing here waits, except `finish`, as long as it is told to."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._clock = reporter, reporter.clock
        self._job = reporter.job
        self._first: CodeIndex | None = None
        self._index: CodeIndex | None = None
        self._first_marks: Marks = {}
        self._says: set[str] = set()
        """The files that were quoted in some reading, or could be."""
        self._read_marks: Marks = {}
        """Of the files as they were when `_index` was made."""
        self._seen: Marks | None = None
        self._seen_at = 0.0
        self._looks = 0
        self._reading: _Reading | None = None
        self._unsettled: CodeIndex | None = None
        self._readings = 0

    @property
    def index(self) -> CodeIndex | None:
        """What the files said when they were last read whole."""
        return self._index

    @property
    def changed(self) -> tuple[str, ...]:
        """The files that the newest reading has otherwise than the first."""
        return self._between(self._first_marks, self._read_marks)

    def begin(self, index: CodeIndex) -> None:
        """Take the index of the start; called again it does nothing."""
        if self._first is None:
            self._first = self._index = index
            self._first_marks = self._read_marks = file_marks.read(self._reporter.workspace) or {}
            self._says = _saying(index)

    def is_current(self) -> bool:
        """One step; whether `index` is what the files say now, or nothing better can be had at this look."""
        if not self._first_marks or self._first is None or not self._first.files_read:
            return True  # nobody knows how the files were, or there was nothing to read
        if self._reading is not None:
            return self._take_reading()
        if self._seen is not None and self._clock.monotonic() < self._seen_at + SETTLE_S:
            return False
        now = self._marks()
        if not self._between(self._read_marks, now):
            return self._end()
        stands_still = self._seen is not None and not self._between(self._seen, now)
        self._seen, self._seen_at, self._looks = now, self._clock.monotonic(), self._looks + 1
        if stands_still or self._looks > LOOKS_MAX:
            self._readings += 1
            self._reading = _Reading(self._reporter, now)
        return False

    def finish(self, budget_s: float) -> None:
        """Go on until it is current, at most so long; else a gap."""
        until = self._clock.monotonic() + budget_s
        while not self.is_current():
            left = until - self._clock.monotonic()
            if left <= 0:
                self._give_up("they changed too shortly before the end of the window")
                return
            if self._reading is not None:
                self._reading.wait(min(left, _SLICE_S))
            else:
                self._clock.sleep_until(self._clock.monotonic() + min(left, _SLICE_S), NEVER)

    def _marks(self) -> Marks:
        return file_marks.marks_of(self._job.project_root, self._job.include, indexer.excluded(self._job))

    def _between(self, before: Marks, now: Marks) -> tuple[str, ...]:
        """The files that changed, without data that said nothing before."""
        return tuple(
            path
            for path in file_marks.changed(before, now)
            if not path.endswith(_DATA) or path in self._says or path not in before or path not in now
        )

    def _take_reading(self) -> bool:
        assert self._reading is not None
        if not self._reading.is_done:
            return False
        made, marks, self._reading = self._reading.index, self._reading.marks, None
        now = self._marks()
        stood_still = not self._between(marks, now) and not file_marks.emptied(self._read_marks, now)
        says_the_same = self._unsettled is not None and made is not None and _same(made, self._unsettled)
        broken = next(_newly_broken(made, self._first), None) if made is not None and self._first else None
        if made is not None and broken is None and (stood_still or says_the_same):
            self._index, self._read_marks = made, marks
            self._says |= _saying(made)
            return self._end()
        if self._readings >= (2 if broken is not None and stood_still else READINGS_MAX):
            gone_on = "they changed again and again" if made is not None else "they could not be read"
            self._give_up(gone_on if broken is None else broken)
            return True
        self._unsettled, self._seen, self._seen_at = made, now, self._clock.monotonic()
        return False

    def _end(self) -> bool:
        self._readings, self._looks, self._seen, self._unsettled = 0, 0, None, None
        return True

    def _give_up(self, why: str) -> None:
        self._end()
        gap = Gap(
            what=_WHAT,
            why=f"they were not taken over as they are now: {why}",
            fix="run again when they stand still; what was read of them before counts",
            source="code",
            at_ms=self._clock.now_ms(),
            blind=False,
        )
        self._reporter.gap(gap)


class _Reading:
    """An index that is being made beside the watcher's own work, which dies with the watcher."""

    def __init__(self, reporter: Reporter, marks: Marks) -> None:
        self.marks = marks
        self.index: CodeIndex | None = None
        self._reporter = reporter
        self._thread = threading.Thread(target=self._make, name="reading", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _make(self) -> None:
        job = self._reporter.job
        self.index = indexer.build(job, job.project_root, self._reporter.clock)


def _saying(index: CodeIndex) -> set[str]:
    quoted = {fact.path for fact in index.facts} | {use.path for use in index.uses}
    return quoted | {schema.path for schema in index.schemas} | {ignore.path for ignore in index.ignores}


def _same(one: CodeIndex, other: CodeIndex) -> bool:
    """Whether two readings say the same of code and configuration."""
    return (one.uses, one.facts, one.schemas) == (other.uses, other.facts, other.schemas)


def _newly_broken(made: CodeIndex, first: CodeIndex) -> Iterator[str]:
    """What cannot be read now and could be at the start: what stands in it would seem to be gone."""
    known = {gap.what for gap in first.gaps}
    yield from (f"{gap.what}: {gap.why}" for gap in _of_files(made.gaps) if gap.what not in known)
    for path in made.unread:
        if path not in first.unread:
            yield f"{path}: it is too big, binary, minified or generated now"


def _of_files(gaps: Sequence[Gap]) -> Iterator[Gap]:
    return (gap for gap in gaps if gap.blind or gap.source == project.SOURCE)
