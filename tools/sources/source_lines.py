"""The lines of a text as editors, git and `verify` count them: a line feed ends one, and nothing else does.

`str.splitlines` also ends them at form feeds and at characters of Unicode (U+0085, U+2028): every line below would be
quoted one too far down.
"""

from __future__ import annotations


def lines_of(text: str) -> list[str]:
    """The lines without their ends; a carriage return before an end belongs to it."""
    found = [line.removesuffix("\r") for line in text.split("\n")]
    return found[:-1] if not found[-1] else found
