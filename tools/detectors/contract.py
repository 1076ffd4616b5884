"""The shape of a rule module: `RULES` and a pure `detect`. One view per kind of input.

A view holds records and limits; `detect` holds no state, reads no clock and does no I/O. What must be
remembered between two looks (counts per template, the last polls) is folded into the view by the watcher.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from tools.detectors.expected_lines import ExpectedLines
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.pending_since import PendingSince
from tools.detectors.thresholds import Judgement
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, LogLine, Poll, ProcessState, SampleLine


@dataclass(frozen=True, slots=True)
class StreamView:
    """What stream rules see: the last polls, oldest first (the last is now), and the code, once indexed.

    `baseline` is what they compare with: the session's, or the first poll after the newest gap.
    """

    polls: tuple[Poll, ...]
    baseline: Poll
    judgement: Judgement
    code: CodeIndex | None = None
    dead_letters: frozenset[str] = frozenset()
    """Streams known, from code, documents or `[[expect]]`, to be dead-letter streams."""
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What one rule made of this view and the next would make again, by name; nobody writes to what stands there."""
    ledger: LedgerBook | None = None
    """What every poll of the session, up to the newest, adds up to; None where nobody kept it."""
    pending_since: PendingSince | None = None
    """Since when messages are pending; None where nobody kept it, then the polls above tell."""

    @property
    def now(self) -> Poll:
        """The newest poll."""
        return self.polls[-1]


@dataclass(frozen=True, slots=True)
class TemplateStats:
    """Lines of one service that differ only in numbers, ids, times and names.

    `total` counts since the session began, `new` in this tick; `times_ms` are the times of the newest
    (at most 64; a line's own time, else its arrival), `example` the newest line, `first` the first. `verdict` is
    the classification of the first line: `error`, `fatal`, `trace`, `trace-fatal`, `warn`, `retry`, `expected`
    (a failure that is no fault, logged as fatal), `quiet-error` (one with its error, logged as INFO), `quiet-trace` (a stack
    trace right below a line at DEBUG), or `told` (an answer or an agent's run that a rule of its own looks at).
    """

    service: str
    template: str
    verdict: str
    total: int
    new: int
    times_ms: tuple[int, ...]
    first: LogLine
    example: LogLine
    trace: str | None = None
    """The whole stack trace that began in the newest line, its causes included."""
    streams_ids: tuple[str, ...] = ()
    figures: tuple[tuple[int, int], ...] = ()
    """Where the lines say how much memory they take: times in ms and bytes, oldest first, at most 256."""
    varied: bool = False
    """Whether words without digits vary too: names of users, hosts, files."""


@dataclass(frozen=True, slots=True)
class ServiceActivity:
    """How a service's output flows. Times in ms; `gap_p99_ms` needs at least 20 lines, else None."""

    service: str
    lines: int
    last_arrived_ms: int | None
    gap_p99_ms: int | None
    watched_since_ms: int
    starts_ms: tuple[int, ...] = ()
    """Arrival times of start-up lines seen."""
    start_lines: tuple[LogLine, ...] = ()
    stops_ms: tuple[int, ...] = ()
    """When it said that it stops."""
    last_line: LogLine | None = None
    backwards: tuple[LogLine, LogLine, int] | None = None
    """A line whose time lies before the line before it: both, and by how many ms."""
    format_counts: Mapping[str, int] = field(default_factory=dict)
    known_lines: int = 0
    """Lines read back from before the session; they make a service one that logs."""
    clock_ahead_ms: int | None = None
    """How far its clock is ahead of ours (negative: behind); None = unknown, or its lines come unevenly late."""


@dataclass(frozen=True, slots=True)
class StreamLife:
    """When a service's consumer group was last seen at work: `seen_ms` (None: never), as of `looked_ms`."""

    stream: str
    group: str
    seen_ms: int | None
    looked_ms: int


@dataclass(frozen=True, slots=True)
class LogView:
    """What log rules see at one tick: templates touched in it, secrets in it, and every service's activity."""

    at_ms: int
    templates: tuple[TemplateStats, ...]
    secrets: tuple[LogLine, ...]
    services: tuple[ServiceActivity, ...]
    processes: Mapping[str, ProcessState]
    judgement: Judgement
    final: bool = False
    samples: Mapping[str, tuple[SampleLine, ...]] = field(default_factory=dict)
    """Of each service whose process was sampled in this tick, all samples of that process, oldest first."""
    streams: Mapping[str, StreamLife] = field(default_factory=dict)
    """Of each service whose consumer group is known."""

    @property
    def unexpected(self) -> Iterator[TemplateStats]:
        """The templates that no `[[logs.expected]]` in force names."""
        return (stats for stats in self.templates if self.expectation(stats) is None)

    def expectation(self, stats: TemplateStats) -> ExpectedLines | None:
        """The `[[logs.expected]]` in force that names these lines; None where none does."""
        return next((entry for entry in self._named(stats) if entry.holds(self.at_ms)), None)

    def expired(self, stats: TemplateStats) -> ExpectedLines | None:
        """The one that named them and is over, where none is in force."""
        named = self._named(stats)
        return named[0] if named and not any(entry.holds(self.at_ms) for entry in named) else None

    def parts(self) -> Iterator[LogView]:
        """The same things in pieces: all services and processes, then each template and each line with a secret alone."""
        yield replace(self, templates=(), secrets=())
        alone = replace(self, templates=(), secrets=(), services=(), processes={}, samples={}, streams={})
        for stats in self.templates:
            yield replace(alone, templates=(stats,))
        for line in self.secrets:
            yield replace(alone, secrets=(line,))

    def _named(self, stats: TemplateStats) -> list[ExpectedLines]:
        entries = self.judgement.expected_lines
        return [e for e in entries if e.matches(stats.service, stats.template, stats.example.text)]


@dataclass(frozen=True, slots=True)
class ConfigView:
    """What configuration rules see: the index, and the server at baseline and now (None in static mode)."""

    index: CodeIndex
    moment: Literal["start", "middle", "end"]
    judgement: Judgement
    baseline: Poll | None = None
    now: Poll | None = None


@dataclass(frozen=True, slots=True)
class CodeView:
    """What code rules see: the index, and the server (None in static mode) to tell live paths."""

    index: CodeIndex
    judgement: Judgement
    now: Poll | None = None


@dataclass(frozen=True, slots=True)
class LiveView:
    """What rules that advise on the running system see: the last polls, oldest first, and the code, once indexed."""

    polls: tuple[Poll, ...]
    judgement: Judgement
    code: CodeIndex | None = None


class StreamDetector(Protocol):
    """A module under `detectors/streams`."""

    RULES: tuple[Rule, ...]

    def detect(self, view: StreamView) -> Iterator[Symptom]:
        """Symptoms at the newest poll."""
        ...


class LogDetector(Protocol):
    """A module under `detectors/logs`."""

    RULES: tuple[Rule, ...]

    def detect(self, view: LogView) -> Iterator[Symptom]:
        """Symptoms of this tick."""
        ...


class ConfigDetector(Protocol):
    """A module under `detectors/config`."""

    RULES: tuple[Rule, ...]

    def detect(self, view: ConfigView) -> Iterator[Symptom]:
        """Symptoms at this look."""
        ...


class CodeDetector(Protocol):
    """A module under `detectors/code`."""

    RULES: tuple[Rule, ...]

    def detect(self, view: CodeView) -> Iterator[Symptom]:
        """Symptoms in the code."""
        ...


class LiveDetector(Protocol):
    """A module under `detectors/live`."""

    RULES: tuple[Rule, ...]

    def detect(self, view: LiveView) -> Iterator[Symptom]:
        """Symptoms at the newest poll."""
        ...
