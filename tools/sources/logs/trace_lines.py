"""What one line can be in a stack trace of node, python, java, go or rust."""

from __future__ import annotations

from collections.abc import Sequence

from tools import linear

HEAD = linear.compile(
    r"(?:^|[\s:(\[])[A-Za-z_$][\w.$]*(?:Error|Exception|Throwable|Failure|Warning|Rejection)\b|^Uncaught |^Unhandled |exception|panic"
    r"|^\(node:\d+\) (?:\[\w+\] )?Warning: |ERROR|FATAL|^Error\b|\bError: |\bException\b|\bUnhandled Error$|^Fatal Python error: |^--- Logging error ---$|RemoteTraceback:\s*$"
)
HEAD_WORDS = (
    "rror",
    "xception",
    "hrowable",
    "ailure",
    "arning",
    "ejection",
    "ncaught",
    "nhandled",
    "panic",
    "RemoteTraceback",
    "ERROR",
    "FATAL",
)
"""A cheap look before the pattern: every match of it holds one of these."""
FRAME_AT = linear.compile(
    r"^\s+at \S|^\s*\.\.\. \d+ (?:more|common|lines matching)|^\s*Caused by: |^\s+Suppressed: |^\s*\[cause\]: |^\s+---> |^\s*--- End of (?:inner exception )?stack trace"
)
PLACED_AT = linear.compile(
    r"^[\s|+]+at (?:(?:async |new |static )?\S+(?: \[as [^\]]{1,80}\])? \((?:.*:\d+|<anonymous>|native|index \d+|eval at .*)|[^\s(]+\(.*\)|\S+:\d+:\d+\)?|<anonymous>)"
    r"|^\s*Caused by: [\w.$]*(?:Error|Exception|Throwable|Failure)\b|^\s+Suppressed: |^\s*\[cause\]: |^\s+---> |^\s*--- End of (?:inner exception )?stack trace"
)
"""What begins a trace where no error stood before it: a frame that names its place, as prose and plans do not."""
MORE_AT = linear.compile(
    r"^\s+\[?[\w.$]+\]?: .*$|^\s*[}\])]+,?\s*$|^\s+\^+\s*$|^Node\.js v\d|^\s*\{\s*$|^\s+\.\.\. \d+ more items?|^\s*nested exception is:$|^\s+\[errors\]|^\s+'.*'[,:]?"
)
FRAME_PYTHON = linear.compile(
    r'^\s*(?:[|+ ]\s*)*(?:Traceback \(most recent call last\):|File "[^"]{1,500}", line \d+)|^\s+[+|] |^\s*╭─+ Traceback '
)
OWN_PYTHON = linear.compile(
    r'^\s*(?:[|+ ]\s*)*(?:Traceback \(most recent call last\):|File "[^"]{1,500}", line \d+)|^\s+\+ Exception Group Traceback|^\s*╭─+ Traceback '
)
"""The same, without an error before it."""
CHAIN_PYTHON = linear.compile(
    r"^(?:During handling of the above exception|The above exception was the direct cause|Traceback \(most recent)"
)
OPENS_GO = linear.compile(r"^panic: |^fatal error: |^goroutine \d+ \[")
"""What begins a trace of Go where no error stood before it: loggers print bare frames below warnings too."""
FRAME_GO = linear.compile(r"^panic: |^fatal error: |^goroutine \d+ \[|^\t\S+\.go:\d+(?: \+0x[0-9a-f]+)?\s*$")
PLACE_GO = linear.compile(r"^\t\S+\.go:\d+(?: \+0x[0-9a-f]+)?\s*$")
MORE_GO = linear.compile(
    r"^\s*$|^\S+\(.*\)$|^\S+\(.*$|^(?:[\w.~-]+/)*[\w.-]+\.[\w.*()\[\]{}-]+$|^created by |^exit status \d|^\[signal |^\t|^\s+panic: |^goroutine |^\s*\.\.\.additional frames"
)
FRAME_RUST = linear.compile(
    r"^thread '.{0,200}' (?:\(\d+\) )?panicked at|^stack backtrace:|^\s+\d+: .{0,400}$"
)
MORE_RUST = linear.compile(r"^stack backtrace:|^\s+\d+: |^\s+at |^note: |^\s*$|^\s+(?:left|right): ")
TRACEBACK = "Traceback (most recent call last):"
EXCEPTION_LINE = linear.compile(r"^(?:(?:[A-Za-z_<][\w<>]*\.)+[A-Za-z_]\w*|[A-Z_]\w*)(?:: |:?$)")
EXCEPTION_IN_GROUP = linear.compile(r"^\s*(?:[|+] ?)+((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:: .*)?)$")
FILE_PYTHON = linear.compile(r'^[\s|+]*(File "[^"]{1,500}", line \d+.{0,200})$')
PANEL = frozenset("│╭╰")
"""Where rich draws a trace as a panel, each line of it begins with one of these."""
QUOTES = '"""'
"""Around the trace of another process, as its exception's message."""
MADE_AT = "at (most recent call last):"
"""How asyncio and the warnings about resources end the line above where a task or a resource was made."""
THREAD_HEAD = linear.compile(r'Exception in thread [^":]{1,200}:\s*$')
"""Python's own words before the trace of a thread that died; java's end otherwise."""
TOP_FRAME = linear.compile(
    r'^[\s|+]*File "[^"]{1,500}", line \d+, in <module>|^[\s|+]*File "<frozen runpy>"|, in _run_module_as_main$'
)
CHILD_FRAME = linear.compile(r", in _bootstrap(?:_inner)?$")
"""Where threads and processes of Python begin."""
EXIT = linear.compile(
    r"(?i)\bexit(?:ed|ing|s)?\b.{0,40}\b(?:code|status|signal)\b\W{0,3}-?\w|\b(?:process|app|service|program)\b.{0,40}"
    r"\b(?:exited|crashed|terminated)\b|\brestarting\b"
)
PREAMBLE_NODE = linear.compile(r"^(?:node:[\w/]+|(?:file://)?/[^\s:][^:]{0,400}|[A-Za-z]:\\[^:]{1,400}):\d+$")
"""Node names file and line before it quotes the code that threw."""
TYPED_HEAD = linear.compile(
    r"^(?:Uncaught )?[A-Za-z_$][\w.$]*(?:Error|Exception|Rejection)\b(?: \[\w+\])?: |^Fatal Python error: "
)
FATAL_PYTHON = "Fatal Python error: "
"""The interpreter's words where it cannot go on; the frames below say no exception."""
MORE_FATAL = linear.compile(r"^(?:Current thread|Thread) 0x|^Extension modules: ")
LOGGING_ERROR = "--- Logging error ---"
"""Python's words before the trace of a record that it could not format; who logged it stands behind."""
MORE_LOGGING = linear.compile(r"^Call stack:$|^ +File \"|^ {4}|^Message: |^Arguments: ")
STARTS_ANEW = linear.compile(
    r"^(?:node:[\w/]+|(?:file://)?/[^\s:][^:]{0,400}|[A-Za-z]:\\[^:]{1,400}):\d+(?:$|: \w*Warning: )|^--- Logging error ---$"
)
"""The first line of something else: code that node quotes, a warning of Python's, a failure of its logging."""
END_NODE = linear.compile(r"^Node\.js v\d")
CARET_NODE = linear.compile(r"^\s*\^+\s*$")
INSPECTED_NODE = linear.compile(r"^\[(.{1,400}?)\](?: \{)?$")
"""An error without frames, as node prints it."""
INDENTED_HEAD = linear.compile(
    r"^(?: {4,24}(?:[A-Za-z_$][\w.$]*)?(?:Error|Exception|Warning)(?: \[\w+\])?: |\t(?:[a-z_]\w*\.)+[A-Z][\w$]*(?:Error|Exception)(?:[:;] |$))"
)
"""As pino-pretty prints the stack of an error among its fields, and Tomcat one below its record."""
GROUP_END_PYTHON = linear.compile(r"^\s*\+-{20,}$")
RUST_TOLD = linear.compile(r"^stack backtrace:|^note: ")


def own_head_at(text: str) -> int | None:
    """Where the interpreter's own first words of a trace stand in this line; None where they do not.

    They are alone on it, or glued to another thread's text: `print` writes its newline apart.
    """
    if "xception in thread " in text:
        match = THREAD_HEAD.search(text)
        at = -1 if match is None else match.start()
        if at == 0 or (at > 0 and not text[at - 1].isspace()):
            return at
    if text.endswith(TRACEBACK):
        at = len(text) - len(TRACEBACK)
        if at > 0 and text[at - 1].isalnum():
            return at
    return None


def exception_of(texts: Sequence[str]) -> str:
    """The exception's own line of a Python trace; its last frame where that line never came; "" without a frame."""
    head = next((at for at, text in enumerate(texts) if FRAME_PYTHON.search(text)), 0)
    indent = indent_of(texts[head]) if texts else ""
    for text in reversed(texts[head:]):
        own = text.removeprefix(indent)
        if EXCEPTION_LINE.search(own) and not CHAIN_PYTHON.search(own):
            return own
        match = EXCEPTION_IN_GROUP.search(text) or FILE_PYTHON.search(text)
        if match is not None:
            return match.group(1)
    return ""


def exception_in(stack: str) -> str:
    """The exception's own line of a trace in a record's field; "" where it has none, as Go's: its frames alone."""
    texts = stack.strip().split("\n")
    if TRACEBACK in stack:
        return exception_of(texts)
    return "" if len(texts) > 1 and PLACE_GO.match(texts[1]) is not None else texts[0]


def indent_of(text: str) -> str:
    """The white space before Python's own words of a trace, where something else printed them; else ""."""
    bare = text.lstrip()
    return text[: len(text) - len(bare)] if bare.startswith((TRACEBACK, "╭")) else ""


def thrown_by_node(texts: Sequence[str]) -> str:
    """What was thrown, where node quoted the code that threw it; "" where it does not say."""
    caret = next((at for at, text in enumerate(texts) if CARET_NODE.match(text)), len(texts))
    said = next((text for text in texts[caret + 1 :] if text.strip()), "")
    match = INSPECTED_NODE.match(said)
    return said if match is None else match.group(1)


def first_frame(texts: Sequence[str]) -> str:
    """The first line of a Python trace that names a file; "" where there is none."""
    return next((text for text in texts if FILE_PYTHON.search(text)), "")


def is_outermost(texts: Sequence[str]) -> bool:
    """Whether a Python trace begins where a program does, as the one that ends it; also where its frames were cut off."""
    firsts = [first_frame(texts[at:]) for at, text in enumerate(texts) if text.endswith(TRACEBACK)]
    return any(not first or TOP_FRAME.search(first) is not None for first in firsts)


def ended_by(head: str, texts: Sequence[str]) -> bool:
    """Whether a Python trace has no head but its own, and begins where a program, a thread or a process of it does."""
    if not head.startswith((TRACEBACK, f"  + Exception Group {TRACEBACK}")):
        return False
    return is_outermost(texts) or CHILD_FRAME.search(first_frame(texts)) is not None
