"""The state of a trace that is not complete yet: what an assembler continues from after a restart."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tools.sources.logs import aside
from tools.sources.records import LogLine

Language = Literal["", "at", "python", "go", "rust"]
"""`at` is node and java: frames that begin with `at`. "" is a head without frames yet."""


class Held(Struct, kw_only=True):
    """Lines of one source that may be, or are, a stack trace."""

    lines: list[LogLine]
    language: Language = ""
    complete: bool = False
    """Python: the exception line was seen; only its message or a chained traceback goes on."""
    characters: int = 0
    own_at: int = 0
    """Index of the last line that belongs to the trace itself."""
    quoted: bool = False
    """Python: inside the trace of another process, which is the message of an exception."""
    told_at: int = 0
    """Python: index of the newest exception line."""
    passing: list[int] = []
    """Indexes of lines of other threads."""
    aside: aside.Aside = ""
    """What stood right above its first line."""
