"""Findings under another fingerprint than before: their file was moved, or the line that they are about was edited.

A fingerprint of code holds the text of its line, and that of a file its path; what only these tell apart is one finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tools.synthesis import cross_agent
from tools.synthesis.sessions.record import KnownFinding, SessionRecord


class Pair(NamedTuple):
    """The earlier finding, and how the later one differs, in words. `alone`: no other one could be meant."""

    then: KnownFinding
    how: str
    alone: bool


_Pairs = Mapping[str, Pair]
_EDITED = "its line reads otherwise"
_OF_ROOT = "its root is another one, of which the same is said"


def pairs(absent: Sequence[KnownFinding], fresh: Sequence[KnownFinding], later: SessionRecord) -> _Pairs:
    """New fingerprint → the earlier finding that it is."""
    moved = _moves(absent, fresh, later)
    gone = {pair.then.fingerprint for pair in moved.values()}
    return {
        **moved,
        **_edits(
            [known for known in absent if known.fingerprint not in gone],
            [known for known in fresh if known.fingerprint not in moved],
        ),
    }


def _moves(
    absent: Iterable[KnownFinding], fresh: Iterable[KnownFinding], later: SessionRecord
) -> dict[str, Pair]:
    """The same rule quotes the same lines, the file that held them is gone, and nothing else could be meant."""
    if later.scope is None or later.scope.files is None:
        return {}
    there = frozenset(later.scope.files)
    left = _by(_content, (known for known in absent if known.files and not there.intersection(known.files)))
    came = _by(_content, (known for known in fresh if known.files))
    return {
        came[key][0].fingerprint: Pair(
            left[key][0], f"moved from {', '.join(left[key][0].files)}", alone=True
        )
        for key in left.keys() & came.keys()
        if len(left[key]) == len(came[key]) == 1
    }


def _edits(absent: Iterable[KnownFinding], fresh: Iterable[KnownFinding]) -> dict[str, Pair]:
    """What says word for word the same of the same files; where there are several, in the order of their ids.

    All that a reader is told of these is equal, so it does not matter which of them is which.
    """
    left, came = _by(_said, absent), _by(_said, fresh)
    return {
        now.fingerprint: Pair(
            then, _EDITED if then.files else _OF_ROOT, alone=len(left[key]) == len(came[key]) == 1
        )
        for key in left.keys() & came.keys()
        for then, now in zip(left[key], came[key], strict=False)
    }


def _by(
    key_of: Callable[[KnownFinding], tuple[object, ...] | None], findings: Iterable[KnownFinding]
) -> dict[tuple[object, ...], list[KnownFinding]]:
    found: dict[tuple[object, ...], list[KnownFinding]] = defaultdict(list)
    for known in sorted(findings, key=lambda known: (len(known.finding_id), known.finding_id)):
        key = key_of(known)
        if key is not None:
            found[key].append(known)
    return found


def _content(known: KnownFinding) -> tuple[object, ...] | None:
    return (known.rule_id, known.streams, known.group, known.quoted) if known.quoted else None


def _said(known: KnownFinding) -> tuple[object, ...] | None:
    said = (known.rule_id, known.title, known.streams, known.group, known.services, known.files)
    # What joins findings is called after its root: it is another one where that is, and has no file itself.
    return said if known.files or known.rule_id == cross_agent.RULE.id else None
