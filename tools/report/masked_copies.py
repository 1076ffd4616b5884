"""Whether a text that sources masked by the name beside a secret still stands in its file.

Such a mask cannot be made again from the line alone, so what stands between the marks is looked for in the raw text,
in order. A mark stands for something, and between quotes for one literal: a file that says less or more has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import re2

COPY_CHARS_MAX = 2000
"""Of a copy that are compared: lines that sources show are shorter."""

_MARK = re2.compile(r"\[masked:[^\[\]\s]{1,160}(?:\]|$)")
"""The last one may have been cut."""
_SAYS = re2.compile(r"[A-Za-z0-9]")
_QUOTES = frozenset("\"'`")
_CUT = "…"


def stands_in(raw: str, copy: str) -> bool:
    """Whether `raw` holds all that `copy` shows around its marks, in order; both without white space.

    False for a copy without marks, and for one that shows nothing else: what cannot be compared is not proven.
    """
    pieces = _MARK.split(_encodable(copy[:COPY_CHARS_MAX].removesuffix(_CUT)))
    if len(pieces) < 2 or _SAYS.search("".join(pieces)) is None:
        return False
    return re2.compile(_pattern(pieces)).search(_encodable(raw)) is not None


def _pattern(pieces: Sequence[str]) -> str:
    parts = [re2.escape(pieces[0])]
    for before, after in pairwise(pieces):
        quote = before[-1:]
        between = rf"(?:[^{quote}\\]|\\[\s\S])+" if quote in _QUOTES and after[:1] == quote else r"[\s\S]+?"
        parts += [between, re2.escape(after)]
    return "".join(parts)


def _encodable(text: str) -> str:
    """re2 takes no lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
