"""How a trace of Python goes on: its frames, its exception, the message of that, its chain, its group."""

from __future__ import annotations

from collections.abc import Callable

from tools.sources.logs.held import Held
from tools.sources.logs.trace_lines import (
    CHAIN_PYTHON,
    EXCEPTION_LINE,
    FATAL_PYTHON,
    GROUP_END_PYTHON,
    LOGGING_ERROR,
    MADE_AT,
    MORE_FATAL,
    MORE_LOGGING,
    PANEL,
    QUOTES,
    TOP_FRAME,
    TRACEBACK,
    first_frame,
    indent_of,
    own_head_at,
)
from tools.sources.records import LogLine

MESSAGE_LINES_MAX = 20
"""A source that so far wrote records (with a level or time) writes nothing bare: what is bare behind an exception is its message."""


def belongs(held: Held, text: str, records: Callable[[], bool]) -> bool:
    """Whether a bare line goes on with an open trace; `records`: whether its source writes hardly any bare lines."""
    if not text.strip():
        return True
    text = _without_indent(held, text)
    if held.quoted or (text == QUOTES and held.complete and held.told_at == held.own_at):
        return _read_quoted(held, text)
    if held.complete:
        return _goes_on_behind(held, text, records)
    if text.startswith("Traceback"):
        # Without a chain's words before it, it is another trace: this one was cut.
        return _is_chain(held) or _is_made_at(held)
    if text[0].isspace() or text[0] in "|+" or text[0] in PANEL:
        held.complete = GROUP_END_PYTHON.search(text) is not None
        return True
    held.complete = EXCEPTION_LINE.search(text) is not None
    if held.complete:
        held.told_at = len(held.lines)
    return held.complete or (
        held.lines[0].text.startswith(FATAL_PYTHON) and MORE_FATAL.search(text) is not None
    )


def _without_indent(held: Held, text: str) -> str:
    """A line without the white space that all lines of a trace begin with, where something else printed it."""
    first = next((line.text for line in held.lines[:4] if indent_of(line.text)), "")
    indent = indent_of(first)
    return text.removeprefix(indent) if indent and text.strip() else text


def _read_quoted(held: Held, text: str) -> bool:
    if text == QUOTES:
        # The first of a pair stands above the first frame where the exception has none of its own.
        begins = sum(line.text == QUOTES for line in held.lines) % 2 == 0
        held.quoted = begins and held.lines[held.own_at].text.rstrip().endswith(":")
        return held.quoted or not begins
    if EXCEPTION_LINE.search(text) is not None:
        held.told_at = len(held.lines)
    return True


def _goes_on_behind(held: Held, text: str, records: Callable[[], bool]) -> bool:
    """Whether a line behind an exception is a chain's next part, the rest of a group, or of the message."""
    if text.startswith(("Traceback", "╭")):
        held.complete = not _is_chain(held)
        return not held.complete
    if CHAIN_PYTHON.search(text):
        return True
    if held.own_at + 1 < len(held.lines):  # behind lines of another thread only a chain is sure
        return False
    if _is_of_group(text):
        # Behind what is no group's another trace begins.
        belongs_to_it = _is_of_group(held.lines[-1].text)
        held.complete = not belongs_to_it or GROUP_END_PYTHON.search(text) is not None
        return belongs_to_it
    if held.lines[0].text == LOGGING_ERROR:
        return MORE_LOGGING.search(text) is not None
    return len(held.lines) - held.told_at <= MESSAGE_LINES_MAX and records()


def _is_of_group(text: str) -> bool:
    return text[:1] in {" ", "|", "+"} and text.lstrip(" ")[:1] in {"|", "+"}


def _is_made_at(held: Held) -> bool:
    """Whether so far it was only said where the task was made whose trace follows."""
    texts = [line.text for line in held.lines]
    return any(text.endswith(MADE_AT) for text in texts) and not any(
        text.startswith("Traceback") for text in texts
    )


def _is_chain(held: Held) -> bool:
    own = (held.lines[at].text for at in reversed(range(len(held.lines))) if at not in held.passing)
    said = next((text for text in own if text.strip()), "")
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
