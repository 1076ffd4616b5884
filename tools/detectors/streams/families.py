"""Streams whose names differ only in ids are one family: one finding, with its members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

import re2

from tools.findings.rule import Symptom

MEMBERS_SHOWN = 5
MEMBERS_MAX = 100
"""Members that a finding lists: it is written again at each poll, and a family may have thousands."""
NAMES_KEPT = 32_768
"""Streams of which is remembered what their names say: more than one audit follows."""

_UUID = re2.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_HEX = frozenset("0123456789abcdefABCDEF")
_ULID = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_SEPARATORS = frozenset(":./_-{}|#@ ")


@lru_cache(maxsize=NAMES_KEPT)
def family_of(name: str) -> str:
    """The name with `{}` for each part that is an id: a number, a UUID, a ULID, 8 or more hex digits.

    `v1` and `orders2` are names, not ids: only whole parts between separators count.
    """
    parts: list[str] = []
    part = ""
    for char in _UUID.sub("0", name):
        if char in _SEPARATORS:
            parts += [_part(part), char]
            part = ""
        else:
            part += char
    return "".join([*parts, _part(part)])


def _part(part: str) -> str:
    return "{}" if _is_id(part) else part


def _is_id(part: str) -> bool:
    if part.isdigit():
        return True
    if not any(char.isdigit() for char in part):
        return False
    return (len(part) >= 8 and _HEX.issuperset(part)) or (len(part) == 26 and _ULID.issuperset(part))


def fold(symptoms: Iterable[Symptom]) -> Iterator[Symptom]:
    """Symptoms of one rule, those of one family made one. The worst speaks, and names the others."""
    found: dict[tuple[str, ...], list[Symptom]] = {}
    for symptom in symptoms:
        found.setdefault((symptom.rule.id, *symptom.entity, symptom.location), []).append(symptom)
    for members in found.values():
        ordered = sorted(members, key=_rank)
        names = list(dict.fromkeys(member.stream or "" for member in ordered))
        yield members[0] if len(names) < 2 else _merged(ordered, names)


def _merged(members: list[Symptom], names: list[str]) -> Symptom:
    worst = members[0]
    family = worst.entity[0]
    shown = ", ".join(names[:MEMBERS_SHOWN])
    more = f" and {len(names) - MEMBERS_SHOWN} more" if len(names) > MEMBERS_SHOWN else ""
    others = f" So it is for {len(names)} streams of the family {family}: {shown}{more}."
    return replace(
        worst,
        title=f"{worst.title} (and {len(names) - 1} more of {family})",
        hypothesis=worst.hypothesis + others,
        evidence=tuple(quote for member in members[:MEMBERS_SHOWN] for quote in member.evidence[:2]),
        stream=family,
        members=tuple(names[:MEMBERS_MAX]),
        more_members=max(0, len(names) - MEMBERS_MAX),
    )


def _rank(symptom: Symptom) -> int:
    level = symptom.severity or symptom.rule.severity
    return level.rank if level is not None else 9
