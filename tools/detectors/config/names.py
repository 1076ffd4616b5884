"""When two names mean the same: spelt with other marks, in another case, in the plural."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import re2

_WORDS = re2.compile(r"[A-Z]+(?:[a-z0-9]+)?|[a-z]+|[0-9]+|\{\}")
_CLOSE = 0.75
"""Share of common characters from which one name is called another's likely meaning (difflib's ratio)."""


def normal(name: str) -> tuple[str, ...]:
    """The words of a name, small and singular: `orders:placed`, `OrderPlaced` and `order_placed` are one."""
    words = (word.lower() for word in _WORDS.findall(name))
    return tuple(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in words
    )


def meant(name: str, candidates: Collection[str]) -> str | None:
    """The candidate that was most likely meant; None where none is near."""
    same = sorted(other for other in candidates if other != name and normal(other) == normal(name))
    if same:
        return same[0]
    return next(iter(get_close_matches(name, sorted(set(candidates) - {name}), 1, _CLOSE)), None)
