"""Filters that callers write: a literal text, an RE2 pattern, a span of time, a glob."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import re2

from tools.clock import from_iso
from tools.errors import FunctionRefused

PATTERN_MAX = 300
_MEMORY_BYTES = 8 << 20


def finder(text: str, pattern: str) -> Callable[[str], bool]:
    """Whether a text holds the literal and matches the pattern (each "": anything). Raises FunctionRefused."""
    if not pattern:
        return (lambda _line: True) if not text else (lambda line: text in line)
    options = re2.Options()
    options.max_mem, options.log_errors, options.never_nl = _MEMORY_BYTES, False, False
    try:
        compiled = re2.compile(encodable(pattern), options)
    except re2.error as error:
        said = " ".join(str(error).split())[:120]
        raise FunctionRefused(
            f"Argument 'pattern' is no RE2 pattern ({said}): RE2 has no look-around and no back-references."
        ) from error
    return lambda line: (not text or text in line) and compiled.search(encodable(line)) is not None


def encodable(text: str) -> str:
    """The text without lone surrogates, which RE2 does not take; as long as before."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def moment(text: str, name: str) -> int | None:
    """A time as milliseconds since the epoch; None for "". Raises FunctionRefused."""
    if not text:
        return None
    try:
        return from_iso(text.strip())
    except (ValueError, OverflowError) as error:
        raise FunctionRefused(
            f"Argument '{name}' must be a time such as 2026-01-31T12:00:00Z; leave it empty for no bound."
        ) from error


def named(wanted: str, *names: str | None) -> bool:
    """Whether a glob ("": anything) fits one of the names."""
    return not wanted or any(name is not None and fnmatchcase(name, wanted) for name in names)
