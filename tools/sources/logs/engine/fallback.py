"""The same scan with re2, for machines without a wheel of hyperscan: several times slower, with the same result."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import re2

from tools.sources.logs.engine.beside import may_be_odd, message_ends
from tools.sources.logs.engine.patterns import Mark, Pattern
from tools.sources.logs.engine.scanning import Hits, Ints, merged

_GROUP = 12
"""Expressions that are tried together: more of them make an automaton that is made again and again."""


class Buffers:
    """Each group of patterns goes over the block once, and on to the next line where it found something."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        grouped: dict[int, list[str]] = defaultdict(list)
        for pattern in patterns:
            if pattern.mark & Mark.MESSAGE:
                continue
            flags = "(?i:" if pattern.caseless else "(?:"
            grouped[int(pattern.mark)].append(f"{flags}{pattern.expression})")
        self._groups = [
            (mark, _compiled("|".join(parts[start : start + _GROUP])))
            for mark, parts in grouped.items()
            for start in range(0, len(parts), _GROUP)
        ]

    def scan(self, data: bytes | memoryview, newlines: Ints) -> Hits:
        """What the lines hold."""
        text = bytes(data)
        odd = may_be_odd(text)
        ends = newlines.tolist()
        found: list[tuple[int, int, int]] = []
        for mark, pattern in self._groups:
            at = 0 if odd or not mark & Mark.ODD else len(text)
            while at < len(text) and (match := pattern.search(text, at)) is not None:
                line = int(np.searchsorted(newlines, match.end() - 1))
                found.append((mark, line, match.end()))
                at = ends[line] + 1
        marks, lines, places = np.array(found, np.int64).reshape(-1, 3).T
        return merged(marks, lines, places, message_ends(text), newlines)


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return re2.compile(f"(?m){expression}".encode("latin-1"), options)
