"""Lines for tests, as the intake makes them."""

from __future__ import annotations

from collections.abc import Iterator

from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.engine.table import LineTable
from tools.sources.logs.parse import parse
from tools.sources.logs.window import Window
from tools.sources.logs.window_state import Template
from tools.sources.records import LogLine

AT_MS = 1_750_000_000_000


def line(text: str, number: int = 1, *, at_ms: int = AT_MS, service: str = "orders") -> LogLine:
    """A line of `service`, parsed; its position grows with its number."""
    parsed = parse(text, at_ms)
    return LogLine(
        service=service,
        text=text,
        source=f"logs/{service}.log",
        line=number,
        byte_offset=number * 100,
        byte_length=len(text),
        position=number * 100 + 100,
        arrived_ms=at_ms,
        event_ms=parsed.event_ms,
        level=parsed.level,
        message=parsed.message,
        correlation_id=parsed.correlation_id,
        format=parsed.format,
    )


def lines_of(batch: Batch) -> Iterator[LogLine]:
    """Every line of a batch as a record, in order."""
    table = LineTable(batch.block.data)
    for row, (start, end) in enumerate(zip(table.starts.tolist(), table.ends.tolist(), strict=True)):
        yield batch.record(batch.raw(row, start, end), in_order=True)


def templates_of(text: str) -> list[Template]:
    """What a window makes of a log, line by line."""
    window = Window((), AT_MS)
    for number, part in enumerate(text.split("\n"), 1):
        for item in window.fold(line(part, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    return window.touched()
