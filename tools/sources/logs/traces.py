"""Stack traces of node, python, java, go and rust, put together from lines, with their causes.

An assembler holds a line that may be the head of a trace until the next line of its source tells, and an open
trace until a line does not belong to it. It survives the borders of chunks and restarts: `held` is its state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import re2
from msgspec import Struct

from tools.sources.records import LogLine

Language = Literal["", "at", "python", "go", "rust"]
"""`at` is node and java: frames that begin with `at`. "" is a head without frames yet."""

LINES_MAX = 2000
CHARACTERS_MAX = 64 * 1024
HEAD_LINES_MAX = 6
"""A message of several lines may stand between an error's first line and its frames."""

_HEAD = re2.compile(
    r"(?:^|[\s:(\[])[A-Za-z_$][\w.$]*(?:Error|Exception|Throwable|Failure|Warning)\b|^Uncaught |^Unhandled |exception|panic|ERROR|FATAL"
    r"|^Error\b|\bException\b"
)
_HEAD_WORDS = (
    "rror",
    "xception",
    "hrowable",
    "ailure",
    "arning",
    "ncaught",
    "nhandled",
    "panic",
    "ERROR",
    "FATAL",
)
"""A cheap look before the pattern: every match of it holds one of these."""
_FRAME_AT = re2.compile(
    r"^\s+at \S|^\s*\.\.\. \d+ (?:more|common)|^\s*Caused by: |^\s+Suppressed: |^\s*\[cause\]: "
)
_MORE_AT = re2.compile(
    r"^\s+\[?[\w.$]+\]?: .*$|^\s*[}\])]+,?\s*$|^\s+\^+\s*$|^Node\.js v\d|^\s*\{\s*$|^\s+\[errors\]|^\s+'.*'[,:]?"
)
_FRAME_PYTHON = re2.compile(
    r'^\s*(?:[|+ ]\s*)*(?:Traceback \(most recent call last\):|File "[^"]{1,500}", line \d+)|^\s+[+|] '
)
_CHAIN_PYTHON = re2.compile(
    r"^(?:During handling of the above exception|The above exception was the direct cause|Traceback \(most recent)"
)
_FRAME_GO = re2.compile(r"^panic: |^fatal error: |^goroutine \d+ \[|^\t\S+\.go:\d+(?: \+0x[0-9a-f]+)?\s*$")
_MORE_GO = re2.compile(
    r"^\s*$|^\S+\(.*\)$|^\S+\(.*$|^created by |^exit status \d|^\[signal |^\t|^\s+panic: |^goroutine |^\s*\.\.\.additional frames"
)
_FRAME_RUST = re2.compile(r"^thread '.{0,200}' (?:\(\d+\) )?panicked at|^stack backtrace:|^\s+\d+: .{0,400}$")
_MORE_RUST = re2.compile(r"^stack backtrace:|^\s+\d+: |^\s+at |^note: |^\s*$|^\s+(?:left|right): ")
_EXCEPTION_LINE = re2.compile(
    r"^\s*(?:[|+] ?)*([A-Za-z_][\w.$]*(?:Error|Exception|Warning|Interrupt|Exit|Throwable|[A-Z]\w+)?)(?:: |$)"
)


class Held(Struct, kw_only=True):
    """Lines of one source that may be, or are, a stack trace."""

    lines: list[LogLine]
    language: Language = ""
    complete: bool = False
    """Python: the exception line was seen; only a chained traceback goes on."""
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace: its head (the logged line where there is one), its text and the exception's own line."""

    head: LogLine
    last: LogLine
    text: str
    exception: str
    bare: bool
    """Nobody logged it: the runtime printed it on its own."""


class Assembler:
    """One source's lines in; single lines and whole traces out, in order."""

    def __init__(self, held: Held | None = None) -> None:
        self.held = held

    def feed(self, line: LogLine) -> list[LogLine | Trace]:
        """What this line completes: nothing, held lines, a trace, or the line itself."""
        held = self.held
        if held is not None:
            if self._goes_on(held, line):
                return []
            out = self.close()
        else:
            out = []
        language = _opens(line)
        if language or _may_be_head(line):
            self.held = Held(lines=[line], language=language, characters=len(line.text))
            return out
        return [*out, line]

    def close(self) -> list[LogLine | Trace]:
        """Give back what is held: a trace, or the lines one by one."""
        held, self.held = self.held, None
        if held is None:
            return []
        if not held.language or _is_prose(held):
            return list(held.lines)
        after: list[LogLine | Trace] = []
        while len(held.lines) > 1 and not held.lines[-1].text.strip():
            after.insert(0, held.lines.pop())
        return [_trace(held), *after]

    def _goes_on(self, held: Held, line: LogLine) -> bool:
        if len(held.lines) >= LINES_MAX or held.characters > CHARACTERS_MAX:
            return False
        if line.level is not None and held.language != "at" and not _opens(line):
            return False
        if line.event_ms is not None or line.format not in {"text", "logfmt"}:
            return False
        if not self._belongs(held, line):
            return False
        held.lines.append(line)
        held.characters += len(line.text)
        return True

    def _belongs(self, held: Held, line: LogLine) -> bool:
        text = line.text
        match held.language:
            case "":
                held.language = _opens(line)
                if held.language:
                    return True
                plain = (
                    line.level is None
                    and len(held.lines) < HEAD_LINES_MAX
                    and bool(_HEAD.search(held.lines[0].text))
                )
                return (
                    plain
                    and held.lines[0].format not in {"json", "logfmt", "access"}
                    and bool(text.strip())
                    and not _starts_anew(text)
                )
            case "at":
                more = _FRAME_AT.search(text) is not None or _MORE_AT.search(text) is not None
                return more or not text.strip()
            case "python":
                return _belongs_to_python(held, text)
            case "go":
                return _FRAME_GO.search(text) is not None or _MORE_GO.search(text) is not None
            case "rust":
                first = held.lines[-1].text.startswith("thread '") and held.lines[-1].text.endswith(":")
                return first or _MORE_RUST.search(text) is not None


def _is_prose(held: Held) -> bool:
    # "    at the end of the day" alone, without a head, is no frame.
    return held.language == "at" and sum(bool(line.text.strip()) for line in held.lines) < 2


def _belongs_to_python(held: Held, text: str) -> bool:
    if not text.strip():
        return held.complete
    if held.complete:
        if _CHAIN_PYTHON.search(text):
            held.complete = not text.startswith("Traceback")
            return True
        return False
    if not text[0].isspace():
        held.complete = not text.startswith("Traceback")
    return True


def _opens(line: LogLine) -> Language:
    text = line.text
    if not text:
        return ""
    first = text[0]
    if (first in " \t|+" and _FRAME_AT.search(text)) or text.startswith(("Caused by: ", "... ")):
        return "at"
    if (first in " \t|+T") and _FRAME_PYTHON.search(text):
        return "python"
    if first in "pgf\t" and _FRAME_GO.search(text):
        return "go"
    if first in "ts " and text.startswith(("thread '", "stack backtrace:")) and _FRAME_RUST.search(text):
        return "rust"
    return ""


def _may_be_head(line: LogLine) -> bool:
    if line.format == "access" or line.text[:1] in {"", " ", "\t"}:
        return False
    if line.level in {"ERROR", "FATAL"}:
        return True
    if line.format == "json" and line.level != "WARN":
        return False
    text = line.text[:1000]
    return any(word in text for word in _HEAD_WORDS) and _HEAD.search(text) is not None


def _starts_anew(text: str) -> bool:
    return text[0] in "{[" or (text[0].isdigit() and ":" in text[:24])


def _trace(held: Held) -> Trace:
    lines = held.lines
    text = "\n".join(line.text for line in lines)
    head = lines[0]
    exception = head.text
    if held.language == "python":
        unindented = [
            line.text
            for line in lines[1:]
            if line.text[:1] not in {"", " ", "\t"} and not _CHAIN_PYTHON.search(line.text)
        ]
        exception = (
            unindented[-1]
            if unindented
            else next((x.text for x in reversed(lines) if _EXCEPTION_LINE.search(x.text)), head.text)
        )
    elif held.language == "rust" and len(lines) > 1 and head.text.endswith(":"):
        exception = lines[1].text
    elif len(lines) > 1 and head.level is not None:
        exception = next(
            (line.text for line in lines[1:] if not _FRAME_AT.search(line.text) and _HEAD.search(line.text)),
            head.text,
        )
    bare = (
        head.event_ms is None
        and head.format == "text"
        and head.level in {None, "ERROR"}
        and not head.text.startswith(("ERROR", "["))
    )
    return Trace(head, lines[-1], text, exception.strip(), bare)
