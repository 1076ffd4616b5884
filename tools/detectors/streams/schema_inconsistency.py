"""Entries of one stream disagree: other fields, or the same field with another type.

Only entries that name the same type (`type`, `event`, …) are compared: a stream may carry several kinds of event.
Fields that are sometimes absent are common, so it is a LOW note where one field set holds the other, or where two
fields are optional each by itself (some entry has both or neither); fields that exclude each other, and types that
clash, break readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import on_stream
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import AgentId, Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import EntryShape

RULE = Rule(
    id="stream.schema-inconsistency",
    agent=AgentId.REDIS_STREAM_ANALYST,
    category=StreamCategory.SCHEMA_INCONSISTENCY,
    severity=Severity.MEDIUM,
    condition="entries of one stream (and of one type, where they name one) with different field sets or types; LOW where one "
    "field set holds the other, or the fields are optional each by itself",
    of_entries=True,
)
RULES: tuple[Rule, ...] = (RULE,)

_NUMBERS = frozenset({"int", "float"})
_FIELDS_SHOWN = 4


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per stream whose sampled entries disagree: the worst pair of them."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        if roles.is_library(track.now.name):
            continue  # a library's own fields hold whatever its jobs return
        found = [
            (severity, what, pair)
            for pair in combinations(track.now.sample, 2)
            if pair[0].variant == pair[1].variant
            for severity, what in [_difference(*pair, _field_sets(track.now.sample, pair[0].variant))]
            if severity is not None
        ]
        if found:
            severity, what, pair = min(found, key=lambda item: item[0].rank)
            yield _symptom(track, severity, what, pair)


def _field_sets(sample: tuple[EntryShape, ...], variant: int) -> list[frozenset[str]]:
    """The field sets seen of one type of entry."""
    return [frozenset(name for name, _ in item.fields) for item in sample if item.variant == variant]


def _difference(
    newer: EntryShape, older: EntryShape, seen: list[frozenset[str]]
) -> tuple[Severity | None, str]:
    new, old = dict(newer.fields), dict(older.fields)
    clashes = [name for name in new if name in old and not _compatible(new[name], old[name])]
    if clashes:
        name = clashes[0]
        return Severity.MEDIUM, f"field {name} is {new[name]} in one and {old[name]} in the other"
    only_new, only_old = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    if only_new and only_old:
        apart = any(
            all((one in fields) != (other in fields) for fields in seen)
            for one in only_new
            for other in only_old
        )
        severity = Severity.MEDIUM if apart else Severity.LOW
        return severity, f"one has {_list(only_new)} where the other has {_list(only_old)}"
    if only_new or only_old:
        return Severity.LOW, f"{_list(only_new or only_old)} is in one and not in the other"
    return None, ""


def _compatible(one: str, other: str) -> bool:
    """Numbers are of one kind; an id may be all digits by chance, and is a text; nothing is of any type."""
    types = {one, other}
    return one == other or "empty" in types or types <= _NUMBERS | {"id"} or types == {"id", "text"}


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _FIELDS_SHOWN} more" if len(names) > _FIELDS_SHOWN else ""
    return ", ".join(names[:_FIELDS_SHOWN]) + more


def _symptom(track: Track, severity: Severity, what: str, pair: tuple[EntryShape, EntryShape]) -> Symptom:
    name, poll = track.now.name, track.poll
    return on_stream(
        RULE,
        track,
        severity=severity,
        confidence=0.9 if severity is Severity.MEDIUM else 0.7,
        evidence=tuple(track.now.quote(poll.number, poll.source, item) for item in pair),
        message_ids=tuple(item.id for item in pair),
        title=f"Entries of {name} do not have one schema",
        hypothesis=f"Of the entries {pair[0].id} and {pair[1].id}, {what}. Two producers, or two versions of one, disagree.",
        recommendation=(
            f"Compare what is written to {name} (XRANGE {name} {pair[1].id} {pair[1].id} and {pair[0].id}); agree on "
            "one set of fields and types, or name the type and version of each entry in a field."
        ),
    )
