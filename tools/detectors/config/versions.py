"""Whether a version satisfies what is asked for; a tag such as `18` or `3.11` stands for the newest of its kind."""

from __future__ import annotations

import re2
from packaging.specifiers import SpecifierSet
from semantic_version import NpmSpec, Version

_NEWEST = 9999
"""Above every minor version and patch of Node and Python."""
_SPACED = re2.compile(r"([<>=^~]=?)\s+")


def numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version: `18.12` is (18, 12)."""
    return tuple(int(part) for part in text.split(".") if part.isascii() and part.isdecimal())


def npm_allows(asked: str, version: str) -> bool | None:
    """Whether npm's range allows the newest of a version; None where the range cannot be read."""
    try:
        return bool(NpmSpec(_SPACED.sub(r"\1", asked.replace(",", " "))).match(Version(_full(version))))
    except ValueError:
        return None


def python_allows(asked: str, version: str) -> bool | None:
    """Whether a specifier of Python allows the newest of a version; None where it cannot be read."""
    try:
        return SpecifierSet(asked).contains(_full(version))
    except ValueError:  # InvalidSpecifier is one; so is a number of more digits than int() reads
        return None


def _full(version: str) -> str:
    parts = [*numbers(version), _NEWEST, _NEWEST][:3]
    return ".".join(map(str, parts))
