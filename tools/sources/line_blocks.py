"""What a recording says of log lines that it does not hold."""

from __future__ import annotations

from msgspec import Struct


class LineBlock(Struct, frozen=True, kw_only=True):
    """Lines of one source that were read together: how many were not recorded whole, and what they carry.

    The byte range and the number of the first line are those of the whole block, recorded lines included.
    `flow_lines_left_out` carry a correlation or message id, and there was no room for them.
    """

    service: str
    source: str
    arrived_ms: int
    first_line: int
    byte_offset: int
    byte_length: int
    lines: int
    json_lines: int = 0
    correlated_lines: int = 0
    flow_lines_left_out: int = 0
    events: tuple[str, ...] = ()
