"""Stack traces of node, python, java, go and rust, put together from lines, with their causes.

An assembler holds a line that may be the head of a trace until the next line of its source tells, and an open
trace until a line does not belong to it. It survives the borders of chunks and restarts: `held` is its state.
Lines of other threads may stand inside a trace that is not at its end: they are in its text, and told apart as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from tools.sources.logs import aside, classify, trace_python
from tools.sources.logs.held import Held, Language
from tools.sources.logs.trace_lines import (
    END_NODE,
    EXIT,
    FATAL_PYTHON,
    FRAME_AT,
    FRAME_GO,
    FRAME_PYTHON,
    FRAME_RUST,
    HEAD,
    HEAD_WORDS,
    INDENTED_HEAD,
    MORE_AT,
    MORE_GO,
    MORE_RUST,
    OPENS_GO,
    OWN_PYTHON,
    PLACED_AT,
    PREAMBLE_NODE,
    RUST_TOLD,
    STARTS_ANEW,
    TRACEBACK,
    TYPED_HEAD,
    exception_of,
    is_outermost,
    own_head_at,
    thrown_by_node,
)
from tools.sources.logs.written import Written, has_own_time, is_indented, is_record, own_level
from tools.sources.records import LogLine

LINES_MAX = 2000
CHARACTERS_MAX = 64 * 1024
HEAD_LINES_MAX = 6
"""A message of several lines may stand between an error's first line and its frames."""
PREAMBLE_LINES_MAX = 12
"""Where node quotes the code first, so many lines stand before the frames."""
PASSING_LINES_MAX = 20
PASSING_RECORDS_MAX = 500
PASSING_LINES_AT_MAX = 3
PASSING_MS = 300
"""Lines of other threads that may stand between two lines of one trace, and for how long. A frame of node and java
and an exception of Python may end their trace: there only records below ERROR pass by, which are no trace's head."""


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
    passing: tuple[LogLine, ...] = ()
    """Records of other threads that stand inside the text."""
    aside: aside.Aside = ""
    """Whether it is most likely that of a record at DEBUG right above it."""


class Assembler:
    """One source's lines in; single lines and whole traces out, in order."""

    def __init__(self, held: Held | None = None) -> None:
        self.held = held
        self.written = Written()
        self.above: aside.Above | None = None
        """The line before the newest one, where it may be a record at DEBUG."""
        self.over: aside.Above | None = None
        """The same of the newest line that is not indented: what is indented below it may be its fields."""

    def feed(self, line: LogLine) -> list[LogLine | Trace]:
        """What this line completes: nothing, held lines, a trace, or the line itself."""
        out: list[LogLine | Trace] = []
        while self.held is not None:
            if self._goes_on(self.held, line):
                self.above = None
                self.over = self.over if is_indented(line.text) else None
                return out
            out += self._end(line)
        self.written.take(line)
        before, over, self.above = self.above, self.over, aside.above(line)
        self.over = over if is_indented(line.text) else self.above
        language = _opens(line, alone=True)
        if language or _may_be_head(line):
            field = INDENTED_HEAD.match(line.text) is not None
            told = aside.told_by_holder(over, line) if field else aside.told_by(before, line)
            self.held = Held(lines=[line], language=language, characters=len(line.text), aside=told)
            return out
        return [*out, line]

    @property
    def undecided(self) -> bool:
        """Whether only the next line tells if the held trace belongs to the line before it or ended the process."""
        return self.held is not None and trace_python.own_trace_at(self.held) > 0

    def close(self) -> list[LogLine | Trace]:
        """Give back all that is held: traces, or the lines one by one."""
        out: list[LogLine | Trace] = []
        while self.held is not None:
            out += self._end(None)
        return out

    def _end(self, after: LogLine | None) -> list[LogLine | Trace]:
        """Give back the held trace or lines; `after` is the line that follows, once known. May hold the rest."""
        held, self.held = self.held, None
        if held is None:
            return []
        if not held.language or _is_prose(held):
            return list(held.lines)
        rest = _cut(held)
        own = trace_python.own_trace_at(held) if after is not None and _tells_an_end(after) else 0
        apart, trace = held.lines[:own], _trace(held, own)
        out: list[LogLine | Trace] = [*apart, trace]
        for line in rest:
            out += self.feed(line)
        return out

    def _goes_on(self, held: Held, line: LogLine) -> bool:
        if len(held.lines) >= LINES_MAX or held.characters > CHARACTERS_MAX:
            return False
        belongs = self._is_own(held, line)
        if not belongs and not _passes_by(held, line):
            return False
        if belongs:
            held.own_at = len(held.lines)
        else:
            held.passing = [*held.passing, len(held.lines)]
        held.lines.append(line)
        held.characters += len(line.text)
        return True

    def _is_own(self, held: Held, line: LogLine) -> bool:
        if own_head_at(line.text) is not None and not trace_python.awaits_traceback(held, line):
            return False
        if own_level(line) is not None and held.language != "at" and not _opens(line):
            return False
        if has_own_time(line) or line.format not in {"text", "logfmt"}:
            return False
        if not held.language:
            held.language = _opens(line) or _ends_without_frames(held, line)
            return bool(held.language) or _is_message(held, line)
        return self._belongs(held, line.text)

    def _belongs(self, held: Held, text: str) -> bool:
        """Whether a bare line goes on with an open trace."""
        match held.language:
            case "python":
                return trace_python.belongs(held, text, self.written.mostly_records)
            case "go":
                return FRAME_GO.search(text) is not None or MORE_GO.search(text) is not None
            case "rust":
                return _belongs_to_rust(held, text)
        sure = FRAME_AT.search(text) is not None
        if held.own_at + 1 < len(held.lines):  # behind lines of another thread only a frame is sure
            return sure
        nested = held.lines[-1].text.endswith("nested exception is:")
        return sure or nested or MORE_AT.search(text) is not None or not text.strip()


def _passes_by(held: Held, line: LogLine) -> bool:
    """Whether a line of another thread may stand here, inside a trace that goes on behind it."""
    passed = len(held.lines) - 1 - held.own_at
    if line.arrived_ms - held.lines[held.own_at].arrived_ms > PASSING_MS:
        return False
    if not held.language:  # the interpreter's first words are never the last
        said = own_head_at(held.lines[0].text) is not None
        return said and is_record(line) and passed < PASSING_RECORDS_MAX
    if held.language == "python":
        starts = own_head_at(line.text) is not None or line.text.startswith(TRACEBACK)
        if not held.complete:
            return not starts and passed < (PASSING_RECORDS_MAX if is_record(line) else PASSING_LINES_MAX)
    quiet = is_record(line) and not _may_be_head(line)
    return held.language in {"at", "python"} and quiet and passed < PASSING_LINES_AT_MAX


def _cut(held: Held) -> list[LogLine]:
    """Take what is not the trace's own from its end: lines that passed by, blanks, what no panic says."""
    end = held.own_at + 1
    if held.language == "rust" and not any(RUST_TOLD.search(line.text) for line in held.lines[2:]):
        end = min(end, 2)
    while end > 1 and (not held.lines[end - 1].text.strip() or end - 1 in held.passing):
        end -= 1
    rest = held.lines[end:]
    held.lines = held.lines[:end]
    return rest


def _is_message(held: Held, line: LogLine) -> bool:
    """Whether a line may stand between an error's first line and its frames."""
    head = held.lines[0]
    if PREAMBLE_NODE.match(head.text):
        return len(held.lines) < PREAMBLE_LINES_MAX and own_level(line) is None
    if len(held.lines) >= HEAD_LINES_MAX:
        return False
    told = own_head_at(head.text) is not None or own_level(head) in {"ERROR", "FATAL"}
    if not line.text.strip():
        return told or TYPED_HEAD.match(head.text) is not None
    return (
        own_level(line) is None
        and head.format not in {"json", "logfmt", "access"}
        and (told or HEAD.search(head.text) is not None)
        and not _starts_anew(line.text)
    )


def _is_prose(held: Held) -> bool:
    # "    at the end of the day" alone, without a head, is no frame.
    own = (line for at, line in enumerate(held.lines) if at not in held.passing)
    return held.language == "at" and sum(bool(line.text.strip()) for line in own) < 2


def _belongs_to_rust(held: Held, text: str) -> bool:
    if MORE_RUST.search(text) is not None:
        return True
    first = held.lines[-1].text.startswith("thread '") and held.lines[-1].text.endswith(":")
    told = any(RUST_TOLD.search(line.text) for line in held.lines[1:])
    return first or (not told and 1 < len(held.lines) < HEAD_LINES_MAX)


def _tells_an_end(line: LogLine) -> bool:
    return classify.classify(line) == classify.START or EXIT.search(line.text[:1000]) is not None


def _opens(line: LogLine, *, alone: bool = False) -> Language:
    """The language whose trace goes on with this line, or, `alone`, begins with it."""
    text = line.text
    if not text:
        return ""
    first = text[0]
    if _is_frame(text, alone=alone):
        return "at"
    is_glued = text.endswith(TRACEBACK) and own_head_at(text) is not None
    if is_glued or (first in " \t|+T╭" and (OWN_PYTHON if alone else FRAME_PYTHON).search(text)):
        return "python"
    if first in "pgf\t" and (OPENS_GO if alone else FRAME_GO).search(text):
        return "go"
    if first in "ts " and text.startswith(("thread '", "stack backtrace:")) and FRAME_RUST.search(text):
        return "rust"
    return ""


def _is_frame(text: str, *, alone: bool) -> bool:
    if alone:
        return text[0] in " \t|+C" and PLACED_AT.search(text) is not None
    return (text[0] in " \t|+" and FRAME_AT.search(text) is not None) or text.startswith(
        ("Caused by: ", "... ")
    )


def _may_be_head(line: LogLine) -> bool:
    if own_head_at(line.text) is not None or PREAMBLE_NODE.match(line.text):
        return True
    if line.format == "access" or line.text[:1] in {"", " ", "\t"}:
        return INDENTED_HEAD.match(line.text) is not None
    if line.level in {"ERROR", "FATAL"}:
        return True
    if line.format == "json" and line.level != "WARN":
        return False
    text = line.text[:1000]
    return any(word in text for word in HEAD_WORDS) and HEAD.search(text) is not None


def _starts_anew(text: str) -> bool:
    return text[0] in "{[" or (text[0].isdigit() and ":" in text[:24]) or STARTS_ANEW.match(text) is not None


def _ends_without_frames(held: Held, line: LogLine) -> Language:
    """Whether node ends on something that was thrown and is no error: it has no frames."""
    ended = PREAMBLE_NODE.match(held.lines[0].text) and END_NODE.match(line.text)
    return "at" if ended else ""


def _trace(held: Held, begin: int) -> Trace:
    passing = tuple(held.lines[at] for at in held.passing if begin <= at < len(held.lines))
    return _of_lines(held, held.lines[begin:], tuple(filter(is_record, passing)))


def _of_lines(held: Held, lines: list[LogLine], passing: tuple[LogLine, ...]) -> Trace:
    text = "\n".join(line.text for line in lines)
    head, exception = lines[0], _exception_of(held, lines)
    at = own_head_at(head.text) if held.language == "python" else None
    if at is not None:
        before = replace(head, text=head.text[:at], message=None, secrets=()) if at else None
        own = replace(head, text=head.text[at:], level=None, message=None, format="text")
        return Trace(own, lines[-1], text, exception.strip(), True, before, passing)
    bare = (
        not has_own_time(head)
        and head.format == "text"
        and own_level(head) in {None, "ERROR"}
        and not head.text.startswith(("ERROR", "["))
    )
    ended = held.language not in {"python", "at"} or (
        held.language == "python" and is_outermost([line.text for line in lines])
    )
    told: aside.Aside = "" if ended or not bare or lines[0] is not held.lines[0] else held.aside
    return Trace(head, lines[-1], text, exception.strip(), bare, passing=passing, aside=told)


def _exception_of(held: Held, lines: list[LogLine]) -> str:
    """The exception's own line of a trace, or its head."""
    head, said = lines[0], [line.text for line in lines]
    if held.language == "python" and not head.text.startswith(FATAL_PYTHON):
        more = len(held.lines) - 1 - held.told_at if held.told_at else 0
        return exception_of(said[: len(said) - more])
    if held.language == "rust" and len(lines) > 1 and head.text.endswith(":"):
        return said[1]
    if PREAMBLE_NODE.match(head.text):
        thrown = thrown_by_node(said)
        if thrown:
            return thrown
    elif head.level is None:
        return head.text
    below = (text for text in said[1:] if not FRAME_AT.search(text) and HEAD.search(text))
    return next(below, head.text)
