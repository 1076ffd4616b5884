"""Stack traces of node, python, java, go and rust, put together from lines, with their causes.

An assembler holds a line that may be the head of a trace until the next line of its source tells, and an open
trace until a line does not belong to it. It survives the borders of chunks and restarts: `held` is its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import re2
from msgspec import Struct
from msgspec.structs import replace

from tools.sources.logs import classify
from tools.sources.records import LogLine

Language = Literal["", "at", "python", "go", "rust"]
"""`at` is node and java: frames that begin with `at`. "" is a head without frames yet."""

LINES_MAX = 2000
CHARACTERS_MAX = 64 * 1024
HEAD_LINES_MAX = 6
"""A message of several lines may stand between an error's first line and its frames."""
FOREIGN_LINES_MAX = 3
"""Other threads' printed lines that may stand inside one open Python trace."""

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
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION_LINE = re2.compile(r"^(?:(?:[A-Za-z_<][\w<>]*\.)+[A-Za-z_]\w*|[A-Z_]\w*)(?:: |:?$)")
_EXCEPTION_IN_GROUP = re2.compile(r"^\s*(?:[|+] ?)+((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:: .*)?)$")
_FILE_PYTHON = re2.compile(r'^[\s|+]*(File "[^"]{1,500}", line \d+.{0,200})$')
_THREAD_HEAD = re2.compile(r'Exception in thread [^":]{1,200}:\s*$')
"""Python's own words before the trace of a thread that died; java's end otherwise."""
_TOP_FRAME = re2.compile(
    r'^\s*File "[^"]{1,500}", line \d+, in <module>|^\s*File "<frozen runpy>"|, in _run_module_as_main$'
)
_EXIT = re2.compile(
    r"(?i)\bexit(?:ed|ing|s)?\b.{0,40}\b(?:code|status|signal)\b\W{0,3}-?\w|\b(?:process|app|service|program)\b.{0,40}"
    r"\b(?:exited|crashed|terminated)\b|\brestarting\b"
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
    before: LogLine | None = None
    """What another thread had written on the trace's first line, where its newline came too late."""


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
            out = self.close(line)
        else:
            out = []
        language = _opens(line)
        if language or _may_be_head(line):
            self.held = Held(lines=[line], language=language, characters=len(line.text))
            return out
        return [*out, line]

    @property
    def undecided(self) -> bool:
        """Whether only the next line tells if the held trace belongs to the line before it or ended the process."""
        return self.held is not None and _own_trace_at(self.held) > 0

    def close(self, after: LogLine | None = None) -> list[LogLine | Trace]:
        """Give back what is held: a trace, or the lines one by one; `after` is the line that follows, once known."""
        held, self.held = self.held, None
        if held is None:
            return []
        if not held.language or _is_prose(held):
            return list(held.lines)
        blank: list[LogLine | Trace] = []
        while len(held.lines) > 1 and not held.lines[-1].text.strip():
            blank.insert(0, held.lines.pop())
        own = _own_trace_at(held) if after is not None and _tells_an_end(after) else 0
        apart, held.lines = held.lines[:own], held.lines[own:]
        return [*apart, _trace(held), *blank]

    def _goes_on(self, held: Held, line: LogLine) -> bool:
        if len(held.lines) >= LINES_MAX or held.characters > CHARACTERS_MAX:
            return False
        if _own_head_at(line.text) is not None and not _awaits_traceback(held, line):
            return False
        if _own_level(line) is not None and held.language != "at" and not _opens(line):
            return False
        if _has_own_time(line) or line.format not in {"text", "logfmt"}:
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
                return bool(held.language) or _is_message(held, line)
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


def _has_own_time(line: LogLine) -> bool:
    return line.event_ms is not None and not line.stamped


def _own_level(line: LogLine) -> str | None:
    return None if line.hinted else line.level


def _is_message(held: Held, line: LogLine) -> bool:
    """Whether a line may stand between an error's first line and its frames."""
    head = held.lines[0]
    if len(held.lines) >= HEAD_LINES_MAX:
        return False
    if not line.text.strip():
        return _own_head_at(head.text) is not None
    return (
        _own_level(line) is None
        and head.format not in {"json", "logfmt", "access"}
        and (_HEAD.search(head.text) is not None or _own_head_at(head.text) is not None)
        and not _starts_anew(line.text)
    )


def _is_prose(held: Held) -> bool:
    # "    at the end of the day" alone, without a head, is no frame.
    return held.language == "at" and sum(bool(line.text.strip()) for line in held.lines) < 2


def _belongs_to_python(held: Held, text: str) -> bool:
    if not text.strip():
        return True
    if held.complete:
        if _CHAIN_PYTHON.search(text):
            held.complete = not text.startswith("Traceback")
            return True
        return False
    if text.startswith("Traceback"):
        # Without a chain's words before it, it is another trace: this one was cut.
        return _is_chain(held)
    if text[0].isspace() or text[0] in "|+":
        return True
    held.complete = _EXCEPTION_LINE.search(text) is not None
    return held.complete or sum(map(_is_foreign, held.lines[1:])) < FOREIGN_LINES_MAX


def _is_chain(held: Held) -> bool:
    said = next((line.text for line in reversed(held.lines) if line.text.strip()), "")
    return not said.startswith("Traceback") and _CHAIN_PYTHON.search(said) is not None


def _is_foreign(line: LogLine) -> bool:
    text = line.text
    return (
        text[:1] not in {"", " ", "\t", "|", "+"}
        and not _EXCEPTION_LINE.search(text)
        and not _CHAIN_PYTHON.search(text)
    )


def _own_head_at(text: str) -> int | None:
    """Where the interpreter's own first words of a trace stand in this line; None where they do not.

    They are alone on it, or glued to another thread's text: `print` writes its newline apart.
    """
    if "xception in thread " in text:
        match = _THREAD_HEAD.search(text)
        at = -1 if match is None else match.start()
        if at == 0 or (at > 0 and not text[at - 1].isspace()):
            return at
    if text.endswith(_TRACEBACK):
        at = len(text) - len(_TRACEBACK)
        if at > 0 and text[at - 1].isalnum():
            return at
    return None


def _awaits_traceback(held: Held, line: LogLine) -> bool:
    head = _own_head_at(held.lines[0].text) is not None
    return head and not held.language and line.text.endswith(_TRACEBACK)


def _own_trace_at(held: Held) -> int:
    """The index of a first line that the interpreter may have printed at its end, after a line of something else; else 0."""
    if held.language != "python" or _own_head_at(held.lines[0].text) is not None:
        return 0
    texts = [line.text for line in held.lines]
    starts = [at for at, text in enumerate(texts) if text == _TRACEBACK]
    if not starts or starts[0] == 0 or not held.complete:
        return 0
    first = next((text for text in texts[starts[-1] :] if _FILE_PYTHON.search(text)), "")
    return starts[0] if _TOP_FRAME.search(first) else 0


def _tells_an_end(line: LogLine) -> bool:
    return classify.classify(line) == classify.START or _EXIT.search(line.text[:1000]) is not None


def _opens(line: LogLine) -> Language:
    text = line.text
    if not text:
        return ""
    first = text[0]
    if (first in " \t|+" and _FRAME_AT.search(text)) or text.startswith(("Caused by: ", "... ")):
        return "at"
    is_glued = text.endswith(_TRACEBACK) and _own_head_at(text) is not None
    if is_glued or (first in " \t|+T" and _FRAME_PYTHON.search(text)):
        return "python"
    if first in "pgf\t" and _FRAME_GO.search(text):
        return "go"
    if first in "ts " and text.startswith(("thread '", "stack backtrace:")) and _FRAME_RUST.search(text):
        return "rust"
    return ""


def _may_be_head(line: LogLine) -> bool:
    if _own_head_at(line.text) is not None:
        return True
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


def exception_of(texts: Sequence[str]) -> str:
    """The exception's own line of a Python trace; its last frame where that line never came; "" without a frame."""
    head = next((at for at, text in enumerate(texts) if _FRAME_PYTHON.search(text)), 0)
    for text in reversed(texts[head:]):
        if _EXCEPTION_LINE.search(text) and not _CHAIN_PYTHON.search(text):
            return text
        match = _EXCEPTION_IN_GROUP.search(text) or _FILE_PYTHON.search(text)
        if match is not None:
            return match.group(1)
    return ""


def _trace(held: Held) -> Trace:
    lines = held.lines
    text = "\n".join(line.text for line in lines)
    head = lines[0]
    exception = head.text
    if held.language == "python":
        exception = exception_of([line.text for line in lines])
    elif held.language == "rust" and len(lines) > 1 and head.text.endswith(":"):
        exception = lines[1].text
    elif len(lines) > 1 and head.level is not None:
        exception = next(
            (line.text for line in lines[1:] if not _FRAME_AT.search(line.text) and _HEAD.search(line.text)),
            head.text,
        )
    at = _own_head_at(head.text) if held.language == "python" else None
    if at is not None:
        before = replace(head, text=head.text[:at], message=None, secrets=()) if at else None
        own = replace(head, text=head.text[at:], level=None, message=None, format="text")
        return Trace(own, lines[-1], text, exception.strip(), True, before)
    bare = (
        not _has_own_time(head)
        and head.format == "text"
        and _own_level(head) in {None, "ERROR"}
        and not head.text.startswith(("ERROR", "["))
    )
    return Trace(head, lines[-1], text, exception.strip(), bare)
