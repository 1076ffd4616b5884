"""The words of a log template, and which templates stand for which: `<*>` is any word."""

from __future__ import annotations

from typing import NamedTuple

from tools import linear

VARIABLE = "<*>"
"""What varies."""
_PARTS = linear.compile(r"[^\s=/]*[^\s=/.,:;]")
Words = tuple[str, ...]


class Split(NamedTuple):
    """A template in words and what stands between them."""

    words: Words
    between: Words

    def joined(self, words: Words) -> str:
        """A template of other words."""
        return "".join(part for pair in zip(self.between, (*words, ""), strict=True) for part in pair)


def covers(template: str, other: str) -> bool:
    """Whether a template stands for another one: each word is the same, or `<*>` in the first."""
    if template == other:
        return True
    if VARIABLE not in template:
        return False
    mine, its = split_of(template), split_of(other)
    if len(mine.words) != len(its.words) or mine.between != its.between:
        return False
    return all(word in {VARIABLE, one} for word, one in zip(mine.words, its.words, strict=True))


def split_of(template: str) -> Split:
    """Its words: segments of a path, a name and its value are words by themselves, the signs behind one are none of it."""
    spans = [match.span() for match in _PARTS.finditer(template)]
    bounds = [0, *(place for span in spans for place in span), len(template)]
    return Split(
        tuple(template[begin:end] for begin, end in spans),
        tuple(template[begin:end] for begin, end in zip(bounds[::2], bounds[1::2], strict=True)),
    )
