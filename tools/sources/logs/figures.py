"""What lines of one template say of their memory over time: at most one figure in five seconds."""

from __future__ import annotations

from collections.abc import Iterable

from tools.memory_figures import figure_of
from tools.sources.records import LogLine

_EVERY_MS = 5000
_FIGURES_MAX = 256

Figures = tuple[tuple[int, int], ...]
"""Times in ms and bytes of memory."""


def is_due(last_ms: int | None, at_ms: int) -> bool:
    """Whether a line of that time may give a figure, after the last one."""
    return last_ms is None or at_ms - last_ms >= _EVERY_MS


def figures_of(lines: Iterable[LogLine], last_ms: int | None = None) -> Figures:
    """What lines say, in order; `last_ms` is the time of the figure before them."""
    found: list[tuple[int, int]] = []
    for line in lines:
        at_ms = line.when_ms
        if at_ms is None or not is_due(last_ms, at_ms):
            continue
        figure = figure_of(line.text)
        if figure is not None:
            found.append((at_ms, figure.bytes))
            last_ms = at_ms
    return tuple(found)


def joined(known: list[tuple[int, int]], more: Figures) -> list[tuple[int, int]]:
    """The figures so far and those that are due; every second one where they are too many."""
    for at_ms, size in more:
        if is_due(known[-1][0] if known else None, at_ms):
            known = [*(known[::2] if len(known) >= _FIGURES_MAX else known), (at_ms, size)]
    return known
