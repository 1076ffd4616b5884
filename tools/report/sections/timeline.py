"""The window as series, for charts: what streams and logs did when."""

from __future__ import annotations

from tools.report.context import Context
from tools.synthesis.timeline import Timeline


def build(context: Context) -> Timeline:
    """Series of the streams that were followed, and the rate of log lines. Raises what odd polls raised."""
    book = context.data.polls.series.get()
    return Timeline(
        at_ms=tuple(book.at_ms),
        streams=book.series(),
        streams_left_out=book.left_out,
        logs=context.data.logs.rate,
    )
