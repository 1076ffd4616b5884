"""Lines for tests, as the intake makes them."""

from __future__ import annotations

from tools.sources.logs.parse import parse
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
