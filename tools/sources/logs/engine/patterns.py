"""Every pattern that log lines are scanned for: the one table of the scan. All run at once, in linear time.

A match says that a line may matter, never that it does: what a line is, `classify`, `traces` and `masking` decide. So a
pattern here may match too much, and must never match too little. No pattern matches across a newline.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

from tools import agent_runs, memory_figures, outward_text
from tools.secret_rules import gates
from tools.server_words import STOPPING
from tools.sources.logs.classify import ENDING, RETRYING, STARTING, THROWN
from tools.sources.logs.engine.inline import inline


class Mark(IntFlag):
    """What a line may hold."""

    WORD = 1 << 0
    """A word that `classify` looks at."""
    HEAD = 1 << 1
    """A word of a line that a stack trace may follow."""
    FRAME = 1 << 2
    """A line that opens a stack trace."""
    WARN = 1 << 3
    """A level of 40 to 49, as a number."""
    ERROR = 1 << 4
    FATAL = 1 << 5
    LETTER_WARN = 1 << 6
    """klog's letters."""
    LETTER_ERROR = 1 << 7
    LETTER_FATAL = 1 << 8
    STATUS = 1 << 9
    """An answer of 500 and more."""
    SECRET = 1 << 10
    KEY = 1 << 11
    """A private key may go on over the next lines."""
    MASKED = 1 << 12
    """A secret that was masked when the output was captured."""
    MESSAGE = 1 << 13
    """A stream message id."""
    CORRELATION = 1 << 14
    """A correlation, request or trace id begins here."""
    ODD = 1 << 15
    """Control characters inside words: what the line says is only seen without them."""
    PUBLISH = 1 << 16
    CONSUME = 1 << 17
    ACK = 1 << 18
    FAILED = 1 << 19
    HEALTH = 1 << 20
    STARTED = 1 << 21
    SHUTDOWN = 1 << 22
    MEASURE = 1 << 23
    """Digits that decide what a line means: of memory."""
    RUN = 1 << 24
    """The same of an agent's run, where the line is about one."""
    INSIDE = 1 << 25
    """A path or a frame: the same, where the line shows an answer."""


JUDGED = (
    Mark.WORD
    | Mark.STATUS
    | Mark.MEASURE
    | Mark.RUN
    | Mark.INSIDE
    | Mark.HEAD
    | Mark.FRAME
    | Mark.WARN
    | Mark.ERROR
    | Mark.FATAL
    | Mark.LETTER_WARN
    | Mark.LETTER_ERROR
    | Mark.LETTER_FATAL
    | Mark.ODD
)
"""A line without any of these is nothing that rules look at."""
HEADS = Mark.HEAD | Mark.FRAME | Mark.ERROR | Mark.FATAL | Mark.LETTER_ERROR | Mark.LETTER_FATAL | Mark.ODD
"""A stack trace may begin with such a line."""
KEYED = JUDGED
"""Lines of one template that differ in these may mean different things."""
TELLING = Mark.MESSAGE | Mark.CORRELATION
"""A line of a flow."""
EVENTS = {
    Mark.PUBLISH: "redis.publish",
    Mark.CONSUME: "redis.consume",
    Mark.ACK: "redis.ack",
    Mark.FAILED: "redis.failed",
    Mark.HEALTH: "redis.channelHealth",
    Mark.STARTED: "service.started",
    Mark.SHUTDOWN: "service.shutdown",
}


class Pattern(NamedTuple):
    """One expression, in the syntax that re2 and hyperscan share. `caseless`: ASCII letters in either case."""

    name: str
    meaning: str
    mark: Mark
    expression: str
    caseless: bool = False


_EDGE = r"(?:\b|[0-9;\[]m|\\[tnr])"
"""A word's beginning, also after the escape sequence that colours it, and after white space that is written out."""
_QUOTE = r"(?:\\{0,7}\")"
_COLON = rf"{_QUOTE}?[ \t]*:[ \t]*{_QUOTE}?"
_LEVEL = r"(?:level|lvl|severity|level_?name|severity_?text|@l)"
_SHORT = r"(?:err|eror|erro|severe|crit|alert|emerg(?:ency)?|dpanic|ftl|fata|fail)"
_METHODS = "(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"


def _priorities(severities: range) -> str:
    """How a syslog line begins: a number whose lowest three bits are its severity."""
    return rf"<(?:{'|'.join(str(number) for number in range(192) if number & 7 in severities)})>"


def _numeric(mark: Mark, tens: str, syslog: str, otel: str, severities: range) -> Iterator[Pattern]:
    """A level as a number: `tens` of those up to 60, syslog's and OpenTelemetry's numbers, syslog's priorities.

    The usual ways to write it each have a pattern with a text that is seldom there: a name that every line has would be
    looked at in every line, and cost half as much as all other patterns.
    """
    name = {Mark.WARN: "level-40", Mark.ERROR: "level-50", Mark.FATAL: "level-60"}[mark]
    meaning = f"{name.replace('-', ' ')}{' and more' if mark is Mark.FATAL else ''}, as a number"
    number, syslog_name = f"{tens}[0-9]", "(?:level|priority)"
    for at, expression in enumerate(
        (
            rf"{_LEVEL}(?:\"[:=] ?\"?|[:=]\"?){number}",
            rf"{_LEVEL}\"?[:=][ \t\\][ \t\"\\]*{number}",
            rf"{_LEVEL}\"?[ \t][ \t:=\"\\]*{number}",
            rf"{_LEVEL}\\[\\\":= \tt]+{number}",
            rf"\bat=\\{{0,7}}\"?{number}",
            rf"{syslog_name}\":(?:{syslog}[,}} \t\r]|\"{syslog}\")",
            rf"{syslog_name}\":[ \t][ \t\"]*{syslog}\b",
            rf"{syslog_name}\"[ \t][ \t:\"]*{syslog}\b",
            rf"{syslog_name}\\[\\\": \tt]+{syslog}\b",
            rf"{_OTEL}(?:{otel})\b",
            _priorities(severities),
        )
    ):
        yield Pattern(f"{name}-{at}", meaning, mark, expression, caseless=True)


def _letter(letter: str, meaning: str, mark: Mark) -> Iterator[Pattern]:
    """A level as a letter (of CUPS and etcd some more). Each place where it stands has a pattern of its own: as one they cost several times as much."""
    others = "[XAC]" if letter == "F" else letter
    for at, expression in enumerate(
        (
            rf"^{letter}[0-9]{{4}} ",
            rf"\"log{_COLON}{letter}[0-9]{{4}} ",  # inside a record of Docker's
            rf"\"s{_COLON}{letter}",
            rf"^{others} \[[0-9]{{2}}/|[0-9] {others} \| ",
        )
    ):
        yield Pattern(f"letter-{letter.lower()}-{at}", meaning, mark, expression)


_OTEL = rf"severity_?number{_COLON}"
_WORDS = (
    Pattern("failures", "words of failure", Mark.WORD | Mark.HEAD, rf"{THROWN}|throwable|failure|warning|rejection|RemoteTraceback", True),
    Pattern("ends", "other words of failure", Mark.WORD, ENDING, True),
    Pattern("retries", "words of retrying", Mark.WORD, RETRYING, True),
    Pattern("starts", "words of starting", Mark.WORD, STARTING, True),
    Pattern("stops", "words of stopping", Mark.WORD, STOPPING, True),
    Pattern("warnings", "warnings, as words", Mark.WORD, rf"warn|{_EDGE}wrn\b", True),
    Pattern("levels", "levels of failures, as words", Mark.WORD | Mark.HEAD, rf"{_EDGE}{_SHORT}\b", True),
    Pattern("status", "an HTTP status of 500 and more", Mark.STATUS, rf"{_METHODS} [^\n]*[ \t][5-9][0-9][0-9]\b|\" [5-9][0-9][0-9]"),
    Pattern("status-before", "the same before its request", Mark.STATUS, r"/[-+]?[0-9]{1,9} [5-9][0-9][0-9] [-+]?[0-9]"),
    *_numeric(Mark.WARN, "4", "4", "1[3-6]", range(4, 5)),
    *_numeric(Mark.ERROR, "5", "3", "1[7-9]|20", range(3, 4)),
    *_numeric(Mark.FATAL, "[6-9]", "[0-2]", "2[1-4]", range(3)),
    # With each severity's own numbers it would cost a tenth of all patterns.
    Pattern("priority-zeros", "a syslog priority with zeros before it", Mark.WARN | Mark.ERROR | Mark.FATAL, r"<0[0-9]{1,3}>"),
    *_letter("W", "a warning of klog or MongoDB", Mark.LETTER_WARN),
    *_letter("E", "an error of klog or MongoDB", Mark.LETTER_ERROR),
    *_letter("F", "a fatal error of klog or MongoDB", Mark.LETTER_FATAL),
    Pattern("redis", "a warning of Redis", Mark.LETTER_WARN, r"[0-9]:[XCSM] [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8}\.[0-9]{3} # "),
    *(
        Pattern(f"quoted-{at}", "the line of code that node quotes above a trace", Mark.HEAD, rf"^{begin}[^:\n]{{0,400}}:[0-9]+[ \t\r]*$")
        for at, begin in enumerate(("node:", r"file:///[^ \t\r\n:]", r"/[^ \t\r\n:]", r"[A-Za-z]:\\"))
    ),
    Pattern("memory", "memory in use", Mark.MEASURE, inline(memory_figures.PATTERN) + "[0-9]", True),
    Pattern("agents", "the run of an agent", Mark.RUN, inline(agent_runs.PATTERN), True),
    *(
        Pattern(f"inside-{at}", "paths and frames", Mark.INSIDE, inline(expression))
        for at, expression in enumerate(outward_text.PATTERNS)
    ),
    Pattern(
        "odd", "control characters inside a line's words", Mark.ODD,
        r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\r[^\r\n]|\x1b[^\[\n]|\x1b\[[^0-9;A-Za-z\n]"
        r"|\w(?:\x1b\[[0-9;]*[A-Za-z])+\w|\xc2[\x80-\x9f]|\\u00[2-7]",
    ),
)  # fmt: skip
_FRAMES = (
    Pattern(
        "node-java", "frames and causes of node and java", Mark.FRAME,
        r"^[ \t]+at [^ \t\r\n]|^[ \t]*\.\.\. |Caused by: |^[ \t]+Suppressed: |\[cause\]: |^[ \t]+---> |^[ \t]*--- End of ",
    ),
    Pattern("python", "a Python trace", Mark.FRAME, r"Traceback \(most recent call last\)|^[ \t|+]*File \"[^\"\n]|^[ \t]+[+|] |xception in thread "),
    Pattern(
        "go", "a Go panic and its frames", Mark.FRAME,
        r"^panic: |^fatal error: |^goroutine [0-9]+ \[|^\t[^ \t\r\n]+\.go:[0-9]",
    ),
    Pattern("rust", "a Rust panic", Mark.FRAME, r"^thread '|^stack backtrace:"),
)  # fmt: skip
_FLOWS = (
    Pattern("message-id", "a stream message id", Mark.MESSAGE, r"\b[0-9]{13}-[0-9]"),
    Pattern(
        "correlation-id", "a correlation, request or trace id", Mark.CORRELATION,
        r"(?:correlation|request|req|trace)[_.-]?id\\?\"?[ \t]?[:=]|\"(?:req|context|ctx|trace)\"[ \t]?:[ \t]?\{\"id\"[ \t]?:",
        True,
    ),
    *(
        Pattern(name, f"the event {name}", mark, name.replace(".", r"\."))
        for mark, name in EVENTS.items()
    ),
)  # fmt: skip
_SECRETS = (
    Pattern("key-begins", "a private key", Mark.KEY | Mark.SECRET, r"PRIVATE KEY"),
    Pattern(
        "auth-begins", "an AUTH command whose arguments may stand on the next lines", Mark.KEY | Mark.SECRET,
        r"['\"`](?:auth|hello)\\{0,7}['\"`],",
        True,
    ),
    Pattern("masked", "a secret that was masked already", Mark.MASKED, r"\[masked:[^ \n]{1,10}"),
    *(
        Pattern(f"secret-{at}", f"a secret: {gate.kind}", Mark.SECRET, inline(gate.pattern), gate.caseless)
        for at, gate in enumerate({gate[1:]: gate for gate in gates()}.values())  # rules of one beginning share its pattern
    ),
)  # fmt: skip
PATTERNS: tuple[Pattern, ...] = (*_WORDS, *_FRAMES, *_FLOWS, *_SECRETS)
"""In the order of their ids. Odd bytes and message ids are looked for apart from the others (`beside.py`)."""
