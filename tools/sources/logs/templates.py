"""Templates: what is the same in lines that differ only in numbers, ids and times."""

from __future__ import annotations

from typing import NamedTuple

from tools import linear

VARIABLE = "<*>"
"""What varies."""
_VARIABLE = linear.compile(
    r"\[masked:[^\[\]\s]{1,80}\]|[A-Za-z0-9_+./:@%-]*[0-9][A-Za-z0-9_+./:@%-]*|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
)
_MESSAGE_ID = linear.compile(r"(?:^|[^\w-])(\d{13}-\d{1,19})(?:$|[^\w-])")
_PARTS = linear.compile(r"[^\s=/]*[^\s=/.,:;]")
_CHARACTERS_MAX = 400
_IDS_MAX = 20


Words = tuple[str, ...]


class Split(NamedTuple):
    """A template in words and what stands between them."""

    words: Words
    between: Words

    def joined(self, words: Words) -> str:
        """A template of other words."""
        return "".join(part for pair in zip(self.between, (*words, ""), strict=True) for part in pair)


def template_of(text: str) -> str:
    """The text with every token that holds a digit, and every mask mark, as `<*>`; at most 400 characters."""
    return " ".join(_VARIABLE.sub("<*>", text[: 4 * _CHARACTERS_MAX]).split())[:_CHARACTERS_MAX]


def message_ids(text: str) -> tuple[str, ...]:
    """Stream message ids (`1748771234567-0`) in a text, in order, without repeats; at most 20."""
    if "-" not in text:
        return ()
    found = dict.fromkeys(match.group(1) for match in _MESSAGE_ID.finditer(text))
    return tuple(found)[:_IDS_MAX]


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
