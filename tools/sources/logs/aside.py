"""A record at DEBUG or TRACE right above a bare stack trace: the trace is most likely its own, told on purpose.

So is that of a record at INFO that says what is done about it (`retrying`).

Loggers of Python and Java print a record's exception on the lines below it, without a level. What the interpreter prints at
its end names itself, or its outermost frame; what somebody prints by hand has no record right above it for long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from tools import linear
from tools.sources.logs.parse import Parsed, parse
from tools.sources.logs.trace_lines import PREAMBLE_NODE, own_head_at
from tools.sources.logs.written import is_record, own_level
from tools.sources.records import LogLine

Aside = Literal["", "failing", "silent", "record"]
"""What stands above a trace: nothing of the kind; a record at DEBUG that tells of a failure (or at INFO, of what is done about
one), one at DEBUG that does not, or any other record: then somebody wrote the trace, and it ended no process."""
Above = tuple[Callable[[], Aside], int]
"""How to find out what a line is, and when it arrived, in ms."""
NEAR_MS = 1000
"""A record and its trace are written at once; two reads of a file lie at most 250 ms apart."""
_LEVELS = frozenset(("DEBUG", "TRACE", "INFO", "WARN"))
_TAKES_CARE = linear.compile(
    r"(?i)\berror parsing http request header\b|\bretr(?:y|ies|ying|ied)\b|\breconnect\w*|\brecover(?:ed|ing)\b|\bhandled\b|\bignor(?:ed|ing)\b|\bfall(?:ing)? back\b"
)
"""Also that a client sent no request at all, as Tomcat says at INFO: its answer is 400."""
_TELLS = linear.compile(
    r"(?i)fail|error|exception|could ?n[o\']t|can ?n[o\']t|can't|unable|ignor|skip|fall(?:ing|s)? ?back|fallback|retr|miss|not found|invalid"
    r"|unavail|unreach|refus|closed|lost|timed? ?out|abort|reject|unexpected|traceback|stack|swallow|suppress|broken|disconnect|g[ia]v(?:e|ing) up"
    r"|no such|unknown|not supported|caught|handled|expected|problem|wrong"
)


def above(line: LogLine) -> Above | None:
    """What a line is to a trace right below it; None where it is nothing to one."""
    if own_level(line) not in _LEVELS:
        return None
    words = line.text if line.message is None else line.message
    return partial(_of, line.level, line.format, words), line.arrived_ms


def told_by(found: Above | None, line: LogLine) -> Aside:
    """What stands above a bare line that may begin a trace; nothing above what an interpreter says of its end."""
    if found is None or is_record(line) or line.arrived_ms - found[1] > NEAR_MS:
        return ""
    return "" if own_head_at(line.text) is not None or PREAMBLE_NODE.match(line.text) else found[0]()


def told_by_holder(found: Above | None, line: LogLine) -> Aside:
    """The same of an error among the fields of a record, as pino-pretty prints them: at DEBUG it was told on purpose."""
    told = told_by(found, line)
    return "failing" if told == "silent" else told


def of_text(text: str, now_ms: int) -> Aside:
    """What a line is that no record was made of."""
    parsed: Parsed = parse(text, now_ms)
    return _of(parsed.level, parsed.format, parsed.message or text)


def _of(level: str | None, format_: str, words: str) -> Aside:
    # A logger of JSON or logfmt puts a trace into its record.
    if level not in _LEVELS or format_ != "text":
        return ""
    if level == "WARN":
        return "record"
    if level == "INFO":
        return "failing" if _TAKES_CARE.search(words) is not None else "record"
    return "failing" if _TELLS.search(words) is not None else "silent"
