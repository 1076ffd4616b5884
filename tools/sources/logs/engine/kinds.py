"""What lines are: of all lines that say the same one is judged, and the others are counted as that.

Many lines of a block get their keys at once (`alike`), few of them, and those that are read by more, one by one
(`keys`). Caches hold keys and verdicts, and nothing of the lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tools.sources.logs.digits import apart, own_name, without_digits
from tools.sources.logs.engine import alike, keys
from tools.sources.logs.engine.batch import plain
from tools.sources.logs.engine.budgets import Budget, Work
from tools.sources.logs.engine.folded import Folded
from tools.sources.logs.engine.patterns import KEYED, Mark
from tools.sources.logs.engine.positions import firsts
from tools.sources.logs.engine.scanning import Ints
from tools.sources.logs.window import Judged, Window

CACHE_MAX = 50_000
MANY = 24
"""Lines from which on it is quicker to make all keys at once."""
TOGETHER_MAX = 1024
"""So many at a time: their columns stay in a processor's cache."""
_KEYED, _STATUS, _ODD = int(KEYED), int(Mark.STATUS), int(Mark.ODD)
_SPREAD = 0x1E3779B97F4A7C15
"""So that marks move all bits of a key."""
_ESCAPE = b"\x1b"


class Kinds:
    """The kinds of lines that are known, of all sources."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._alike: dict[int, Judged] = {}
        self._quick: dict[int, Judged] = {}
        self._thorough: dict[int, Judged] = {}

    @property
    def judged(self) -> int:
        """How many kinds were judged by a line of theirs."""
        return len(self._thorough)

    def sort(self, folded: Folded, rows: Ints, budget: Budget) -> None:
        """Put each of the lines to those of its kind, where rules look at it; what is over the budget is left out."""
        if len(rows) >= MANY:
            lengths = folded.table.tails[rows] - folded.table.starts[rows]
            together = alike.is_alike(folded.table.first[rows], lengths, folded.marks[rows])
            access = (folded.marks[rows] & _STATUS) != 0
            left = [rows[~together]]
            for of_requests in (False, True):
                chosen = rows[together & (access == of_requests)]
                left += [
                    self._sort_together(folded, chosen[at : at + TOGETHER_MAX], budget, access=of_requests)
                    for at in range(0, len(chosen), TOGETHER_MAX)
                ]
            rows = np.concatenate(left)
        self._sort_each(folded, rows, budget)

    def take(self, folded: Folded, row: int, judged: Judged) -> None:
        """Put one line to those of its kind."""
        if judged.verdict:
            folded.groups.setdefault(cached(judged), []).append(np.array([row], np.int64))

    def _sort_together(self, folded: Folded, rows: Ints, budget: Budget, *, access: bool) -> Ints:
        """As many as have a key; returns the others."""
        if len(rows) < MANY:
            return rows
        said = alike.said_by(b"".join(_parts(folded, rows)), folded.marks[rows], access=access)
        left = rows[[at for at, text in enumerate(said) if text is None]] if None in said else rows[:0]
        cache, groups = self._alike, folded.groups
        for key, members in _same(_keys(folded, rows, said)):
            judged = cache.get(key)
            known, unknown = (members, []) if judged is not None else (members[:0], members.tolist())
            for number, at in enumerate(unknown):
                judged = self._known(folded, int(rows[at]), budget) if said[at] is not None else None
                if judged is not None:
                    _keep(cache, key, judged)
                    known = members[number:]
                    break
            if judged is not None and judged.verdict:
                groups.setdefault(judged, []).append(rows[known])
        return left

    def _sort_each(self, folded: Folded, rows: Ints, budget: Budget) -> None:
        for row in rows.tolist():
            judged = self._known(folded, row, budget)
            if judged is not None:
                self.take(folded, row, judged)

    def _known(self, folded: Folded, row: int, budget: Budget) -> Judged | None:
        """What a line is, by its own key; None where that is over the budget."""
        mark, text = int(folded.marks[row]), folded.text(row, keys.READ_BYTES)
        length = len(text)
        if mark & _ODD or _ESCAPE in text:
            text = plain(text)
        text = apart(text, own_name(folded.batch.origin.service))
        salt, rest = _salts(folded)[bool(folded.times[row] >= 0)], b""
        if length == keys.READ_BYTES:
            start, end = int(folded.table.starts[row]), int(folded.table.tails[row])
            rest = folded.data[start + length : end]
        said = without_digits(text)
        told = hash((keys.told_by(text, mark), salt, folded.batch.level(row), rest))
        key = keys.of(said, told)
        judged = self._quick.get(key)
        if judged is None:
            judged = self._judged(folded, row, keys.of(keys.shaped(said, mark), told), budget)
            if judged is not None:
                _keep(self._quick, key, judged)
        return judged

    def _judged(self, folded: Folded, row: int, key: int, budget: Budget) -> Judged | None:
        known, mark = self._thorough.get(key), int(folded.marks[row])
        if known is None:
            if not budget.take(Work.JUDGE, mark, folded.size(row)):
                return None
            line = folded.record(row)
            known = cached(self._window.judge(line))
            name = line.service, line.source, known.verdict, known.template
            if known.verdict and not self._window.knows(name) and not budget.take(Work.KIND, mark):
                return None
            _keep(self._thorough, key, known)
        return known


def cached(judged: Judged) -> Judged:
    """What holds for all lines of its kind: that there is a trace, not which."""
    return judged if judged.trace is None else judged._replace(trace="")


def _parts(folded: Folded, rows: Ints) -> list[bytes]:
    data, table = folded.data, folded.table
    spans = zip(table.starts[rows].tolist(), table.tails[rows].tolist(), strict=True)
    text = b"\n".join([data[start:end] for start, end in spans])
    if _ESCAPE in text:
        text = plain(text)
    service = folded.batch.origin.service
    name = own_name(service)
    if name is not None and service.encode().lower() in text.lower():
        text = apart(text, name)
    return [text, b"\n"]


def _keys(folded: Folded, rows: Ints, said: Sequence[bytes | None]) -> Ints:
    """One number for each line, the same for lines that mean the same: what they say, their marks, whether they have a time."""
    keys_ = np.fromiter(map(hash, said), np.int64, len(said))
    salts = np.array(_salts(folded), np.int64)[(folded.times[rows] >= 0).astype(np.int64)]
    found: Ints = (keys_ ^ (folded.marks[rows] & _KEYED) * _SPREAD) * _SPREAD ^ salts
    levels = folded.batch.block.levels
    if levels:
        found ^= np.fromiter((hash(levels[row]) for row in rows.tolist()), np.int64, len(rows))
    return found


def _same(keys_: Ints) -> Iterator[tuple[int, Ints]]:
    """Each number and where it stands, in the order of the first places."""
    order = np.argsort(keys_, kind="stable")
    begins = firsts(keys_[order])
    ends = [*begins[1:].tolist(), len(order)]
    spans = sorted(zip(order[begins].tolist(), begins.tolist(), ends, strict=True))
    for first, begin, end in spans:
        yield int(keys_[first]), order[begin:end]


def _salts(folded: Folded) -> tuple[int, int]:
    origin = folded.batch.origin
    return hash((origin.service, origin.captured, False)), hash((origin.service, origin.captured, True))


def _keep(cache: dict[int, Judged], key: int, judged: Judged) -> None:
    if len(cache) >= CACHE_MAX:
        cache.clear()
    cache[key] = judged
