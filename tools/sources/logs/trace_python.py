"""How a trace of Python goes on: its frames, its exception, the message of that, its chain, its group."""

from __future__ import annotations

from collections.abc import Callable

from tools.sources.logs.held import Held
from tools.sources.logs.trace_lines import (
    CHAIN_PYTHON,
    EXCEPTION_LINE,
    GROUP_END_PYTHON,
    TOP_FRAME,
    TRACEBACK,
    first_frame,
    own_head_at,
)
from tools.sources.records import LogLine

MESSAGE_LINES_MAX = 20
"""A source that so far wrote records (with a level or time) writes nothing bare: what is bare behind an exception is its message."""


def belongs(held: Held, text: str, records: Callable[[], bool]) -> bool:
    """Whether a bare line goes on with an open trace; `records`: whether its source writes hardly any bare lines."""
    if not text.strip():
        return True
    if held.complete:
        return _goes_on_behind(held, text, records)
    if text.startswith("Traceback"):
        # Without a chain's words before it, it is another trace: this one was cut.
        return _is_chain(held)
    if text[0].isspace() or text[0] in "|+":
        held.complete = GROUP_END_PYTHON.search(text) is not None
        return True
    held.complete = EXCEPTION_LINE.search(text) is not None
    if held.complete:
        held.told_at = len(held.lines)
    return held.complete


def _goes_on_behind(held: Held, text: str, records: Callable[[], bool]) -> bool:
    """Whether a line behind an exception is a chain's next part, the rest of a group, or of the message."""
    if CHAIN_PYTHON.search(text):
        held.complete = not text.startswith("Traceback")
        return True
    if held.own_at + 1 < len(held.lines):  # behind lines of another thread only a chain is sure
        return False
    if text[0] in " |+" and text.lstrip(" ")[:1] in {"|", "+"}:
        held.complete = GROUP_END_PYTHON.search(text) is not None
        return True
    return len(held.lines) - held.told_at <= MESSAGE_LINES_MAX and records()


def _is_chain(held: Held) -> bool:
    said = next((line.text for line in reversed(held.lines) if line.text.strip()), "")
    return not said.startswith("Traceback") and CHAIN_PYTHON.search(said) is not None


def awaits_traceback(held: Held, line: LogLine) -> bool:
    """Whether the interpreter's first words were said, and this line brings the trace."""
    head = own_head_at(held.lines[0].text) is not None
    return head and not held.language and line.text.endswith(TRACEBACK)


def own_trace_at(held: Held) -> int:
    """The index of a first line that the interpreter may have printed at its end, after a line of something else; else 0."""
    if held.language != "python" or own_head_at(held.lines[0].text) is not None:
        return 0
    texts = [line.text for line in held.lines]
    starts = [at for at, text in enumerate(texts) if text == TRACEBACK]
    if not starts or starts[0] == 0 or not held.complete:
        return 0
    return starts[0] if TOP_FRAME.search(first_frame(texts[starts[-1] :])) else 0
