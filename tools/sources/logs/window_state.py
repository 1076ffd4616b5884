"""What is known of lines that say the same, and what of it a restart needs."""

from __future__ import annotations

from msgspec import Struct

from tools.sources.logs.activity import Activity
from tools.sources.logs.held import Held
from tools.sources.logs.variable_words import Key
from tools.sources.records import LogLine


class Template(Struct, kw_only=True):
    """Lines of one service and source that differ only in numbers, ids, times and names."""

    service: str
    source: str
    verdict: str
    template: str
    first: LogLine
    example: LogLine
    total: int = 0
    new: int = 0
    times_ms: list[int] = []
    trace: str | None = None
    ids: list[str] = []
    figures: list[tuple[int, int]] = []
    """Times in ms and bytes of memory, where the lines say how much they take."""
    varied: bool = False
    """Whether words without digits vary too."""

    @property
    def key(self) -> Key:
        """Its identity."""
        return self.service, self.source, self.verdict, self.template

    @property
    def size(self) -> int:
        """Characters that it holds, about."""
        return len(self.first.text) + len(self.example.text) + len(self.trace or "") + 500


class WindowState(Struct, kw_only=True):
    """What a new attempt continues from; the templates in it are the newest 300."""

    activities: list[Activity] = []
    templates: list[Template] = []
    held: dict[str, Held] = {}
