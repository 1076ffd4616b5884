"""Waiting for the code index without blocking: it appears whole, by rename, when the indexer is done."""

from __future__ import annotations

from agents.loop import Reporter
from tools.errors import SourceUnavailable
from tools.sources.code.index import failed_index, read_index
from tools.sources.records import CodeIndex


class IndexWait:
    """The index, once it is there. One that is damaged is an empty index with a blind gap."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._index: CodeIndex | None = None

    def get(self) -> CodeIndex | None:
        """The index; None while it is not there."""
        if self._index is None:
            try:
                self._index = read_index(self._reporter.workspace.code_index)
            except FileNotFoundError:
                return None
            except SourceUnavailable as error:
                self._index = failed_index(str(error), self._reporter.clock.now_ms())
        return self._index
