"""What msgspec knows of our records, learned before threads need it.

msgspec learns a record's fields when one is decoded for the first time, and marks the record as known before it has
learned them all: a second thread that decodes the same one in that moment ends the process (msgspec 0.22,
`SIGSEGV`; measured with four threads at once).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec


def prepare() -> int:
    """Make msgspec learn every record that is imported by now; returns how many. Call it while no thread decodes."""
    learned = 0
    for kind in set(_below(msgspec.Struct)):
        with suppress(TypeError, NameError):  # one that is never decoded need not be decodable
            msgspec.json.Decoder(kind)
            learned += 1
    return learned


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
