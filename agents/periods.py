"""The spans in which a source, or a part of it, was not seen: each is one gap, written when it begins and when it ends.

What an earlier attempt left open goes on as the same gap.
"""

from __future__ import annotations

from msgspec.structs import replace

from agents.loop import Reporter
from tools.sources.records import Gap

_WHY_CHARACTERS_MAX = 600


class Periods:
    """The open and closed spans of one source, told through the agent's reporter. Raises OSError (the journal's)."""

    def __init__(self, reporter: Reporter, source: str) -> None:
        self._reporter, self._source = reporter, source
        self._open = {gap.what: gap for gap in reporter.book.lasting(source)}

    def is_open(self, what: str) -> bool:
        """Whether `what` is not seen now, as far as is known."""
        return what in self._open

    @property
    def open(self) -> frozenset[str]:
        """All that is not seen now."""
        return frozenset(self._open)

    def begin(self, what: str, why: str, fix: str, since_ms: int) -> None:
        """`what` is not seen, last at `since_ms`. Told once; another reason in the same span is added at its end."""
        known = self._open.get(what)
        if known is None:
            gap = Gap(what=what, why=why, fix=fix, source=self._source, at_ms=since_ms, period=True)
            self._open[what] = gap
            self._reporter.gap(gap)
        else:
            self._open[what] = replace(known, why=_joined(known.why, why))

    def end(self, what: str, until_ms: int, why: str = "") -> bool:
        """`what` was seen at `until_ms`; `why` is what became known of the span then. Returns whether one was open."""
        known = self._open.pop(what, None)
        if known is not None:
            until_ms = max(until_ms, known.at_ms)
            self._reporter.gap(replace(known, until_ms=until_ms, why=_joined(known.why, why)))
        return known is not None

    def end_all(self, until_ms: int) -> None:
        """The window is over."""
        for what in list(self._open):
            self.end(what, until_ms)

    def passed(self, gap: Gap) -> None:
        """A span that is known only when it is over: `gap` holds both its ends."""
        self._reporter.gap(replace(gap, source=self._source, period=True))


def _joined(known: str, why: str) -> str:
    if not why or why in known or len(known) + len(why) > _WHY_CHARACTERS_MAX:
        return known
    return f"{known}; then {why}"
