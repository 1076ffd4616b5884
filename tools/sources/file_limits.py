"""How much one file may say: a small one can be written that says more than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from tools.sources.project_yaml import limited_visits

RECORDS_MAX = 70_000
"""Of one file: a service that publishes every port (65,535) still fits."""
_Record = TypeVar("_Record")


def within_limits(found: Iterable[_Record], tell: Callable[[str], None]) -> list[_Record]:
    """The records of one file, at most RECORDS_MAX; `tell` gets a sentence where there are more.

    Raises TooManyNodes where aliases or references multiply the nodes of the file.
    """
    with limited_visits():
        kept = list(islice(found, RECORDS_MAX + 1))
    if len(kept) > RECORDS_MAX:
        tell(f"only the first {RECORDS_MAX} of its statements were kept")
    return kept[:RECORDS_MAX]
