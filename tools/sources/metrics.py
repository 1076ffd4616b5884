"""`recording/metrics.jsonl`: what the processes of a session use. Append-only; the session writes it, everybody reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import msgspec

from tools.findings import journal
from tools.findings.journal import Journal
from tools.sources.process_samples import ProcessSample, SampleLine
from tools.workspace import Workspace

SOURCE = "recording/metrics.jsonl"
"""Relative to the workspace; the `source` of evidence that quotes a sample."""


class MetricsJournal:
    """Open for appending as a context; what was appended is on disk at its end. Raises OSError where the disk refuses."""

    def __init__(self, workspace: Workspace) -> None:
        self._journal = Journal(workspace.metrics)

    def append(self, samples: Iterable[ProcessSample]) -> None:
        """Write one line a sample, names masked."""
        for sample in samples:
            self._journal.append(sample)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._journal.close()


class MetricsTail:
    """Reads on from where it stands: `position` is the end of the last whole line that was read."""

    def __init__(self, workspace: Workspace, position: int = 0) -> None:
        self._path = workspace.metrics
        self.position = position

    def new(self, until: int | None = None) -> Iterator[SampleLine]:
        """Every whole sample since the last call (that begins before `until`); what is none is passed over. Raises OSError."""
        for offset, line in journal.read(self._path, self.position):
            if until is not None and offset >= until:
                return
            self.position = offset + len(line) + 1
            sample = _decoded(line)
            if sample is not None:
                yield SampleLine(sample=sample, source=SOURCE, byte_offset=offset, byte_length=len(line))


def last(workspace: Workspace) -> Mapping[tuple[str, str], ProcessSample]:
    """The newest sample of each kind and name; none where there is no journal. Raises OSError."""
    lines = MetricsTail(workspace).new()
    return {(line.sample.kind, line.sample.name): line.sample for line in lines}


def _decoded(line: bytes) -> ProcessSample | None:
    try:
        return msgspec.json.decode(line, type=ProcessSample)
    except (msgspec.MsgspecError, UnicodeError):
        return None
