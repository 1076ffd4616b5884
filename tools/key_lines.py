"""The body of a private key that is printed a line at a time: where in a line it stands, also inside of JSON and quotes.

Its lines hold nothing that could be looked for, so only lines behind `-----BEGIN … PRIVATE KEY` are asked about.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import re2

LINE_CHARACTERS = 24
"""Least length of a line that is not a key's last. They are 64 or 70; some loggers break them once more."""
_LAST_CHARACTERS = 4
_NO_WORD = 40
_RUN = re2.compile(
    r"(?:\\[nrt]|^|[^A-Za-z0-9+/=\\_-])((?:[A-Za-z0-9+]|\\{0,3}/){4,}={0,2})(?:(?:\\{1,3}[nrt])*\\{0,3}[\"'`]|\s*$|[^A-Za-z0-9+/=_-])"
)
_AT_END = re2.compile(r"(?:^|[\s|\]])([A-Za-z0-9+/]{2,}={0,2})\s*$")
_HEADER = re2.compile(r"Proc-Type: |DEK-Info: |Version: |Comment: ")
_FIGURES = re.compile(r"\d+")
_QUOTES = frozenset("\"'`")
_DIGITS = frozenset("0123456789+/")


class KeyLine(NamedTuple):
    """What a line behind a key's beginning has of it: character spans of the body, and how it goes on."""

    spans: tuple[tuple[int, int], ...]
    prefix: str
    """What stands before the body, its figures left out: the same on each line of a key."""
    ends: bool = False
    """Whether this is the key's last line, for it is shorter."""


def look(plain: str, prefix: str | None) -> KeyLine:
    """The body of a key in a line. `prefix` is that of the line of body before it; None where there was none."""
    whole = _AT_END.search(plain)
    if whole is not None:
        start, end = whole.span(1)
        before = _FIGURES.sub("", plain[:start])
        run = plain[start:end]
        # A line that is nothing but 40 letters is no word, and in a key hardly any has no digit.
        alone = not plain[:start].strip() and (end - start >= _NO_WORD or any(map(str.isdigit, run)))
        if end - start >= LINE_CHARACTERS and (alone or _is_mixed(run)):
            return KeyLine(((start, len(plain)),), before)
        if prefix is not None and before == prefix and _may_be_last(run):
            return KeyLine(((start, len(plain)),), before, ends=True)
    return _inside(plain)


def is_part(plain: str) -> bool:
    """Whether a line without body still belongs to a key: a header of it, or nothing."""
    return not plain.strip() or _HEADER.search(plain) is not None


def _inside(plain: str) -> KeyLine:
    spans: list[tuple[int, int]] = []
    at = 0
    while (match := _RUN.search(plain, at)) is not None:
        start, end = match.span(1)
        at = max(end, at + 1)
        quoted = start > 0 and (plain[start - 1] in _QUOTES or plain[start - 2 : start - 1] == "\\")
        closed = plain[end:].lstrip("\\nrt")[:1] in _QUOTES
        least = LINE_CHARACTERS if quoted and closed else 2 * LINE_CHARACTERS
        run = plain[start:end]
        if (len(run) >= least and _is_mixed(run)) or (quoted and closed and _is_padded(run)):
            spans.append((start, end))
    return KeyLine(tuple(spans), _FIGURES.sub("", plain[: spans[0][0]]) if spans else "")


def _is_mixed(run: str) -> bool:
    """Base64 of random bytes, as a digest in hex, a path or a long name is not."""
    return not run.isupper() and not run.islower() and not _DIGITS.isdisjoint(run)


def _may_be_last(run: str) -> bool:
    return _is_padded(run) or not (run.islower() or run.isdigit() or run.istitle() or run.isupper())


def _is_padded(run: str) -> bool:
    return run.endswith("=") and len(run) >= _LAST_CHARACTERS
