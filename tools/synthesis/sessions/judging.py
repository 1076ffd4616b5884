"""What limits and intent say of one finding: a change of them that is about something else changes nothing for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from pydantic import ValidationError

from tools.detectors.thresholds import Expectation, Judgement
from tools.findings.model import AgentId
from tools.sources.records import plain_name
from tools.synthesis.sessions.record import KnownFinding

_HEX = 16
_FAMILY = "{}"
_BY_LIMITS = frozenset({"stream", "log", "live"})
"""How rules begin that ask for limits; others ask for what `[[expect]]` allows only."""


class Judging:
    """What a judgement says of one finding after the other: what there is to say of an entity is put together once."""

    def __init__(self, judgement: Judgement) -> None:
        self._limits = judgement.limits.model_dump_json()
        self._lines = [lines.model_dump_json() for lines in judgement.expected_lines]
        self._expect = [
            (entry, entry.model_dump_json(exclude={"owner", "reason"})) for entry in judgement.expect
        ]
        self._known: dict[tuple[object, ...], str] = {}

    def digest(self, known: KnownFinding) -> str:
        """Of all that a rule may ask about the entity of a finding; where it is the same, so is the judgement."""
        kind = known.rule_id.partition(".")[0]
        key = (kind, known.agent, known.streams, known.group, known.services)
        if key not in self._known:
            text = "\n".join(self._asked(kind, known))
            self._known[key] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX]
        return self._known[key]

    def _asked(self, kind: str, known: KnownFinding) -> Iterator[str]:
        if kind in _BY_LIMITS:
            yield self._limits
        yield from (text for entry, text in self._expect if _may_be_about(entry, known))
        if known.agent == AgentId.LOG_WATCHER.slug:
            yield from self._lines


def read(text: str) -> Judging | None:
    """Of a judgement as a record holds it; None where it holds none that this version reads."""
    try:
        return Judging(Judgement.model_validate_json(text)) if text else None
    except ValidationError:
        return None


def _may_be_about(entry: Expectation, known: KnownFinding) -> bool:
    """Unless one of its globs is about something else for certain."""
    groups = () if known.group is None else (known.group,)
    about_stream = entry.stream is None or any(_fits(entry.stream, name) for name in known.streams)
    # Of documents and their like a stream may be meant that none is named with; lines and code name all that they are about.
    about_stream = about_stream or (not known.streams and known.rule_id.startswith("config."))
    return about_stream and _any(entry.group, groups) and _any(entry.service, known.services)


def _any(glob: str | None, names: Iterable[str]) -> bool:
    """Where a finding names none, it may be about any."""
    known = tuple(names)
    return glob is None or not known or any(fnmatchcase(name, glob) for name in known)


def _fits(glob: str, name: str) -> bool:
    # What a family stands for is not known one by one.
    return _FAMILY in name or fnmatchcase(name, glob) or fnmatchcase(plain_name(name), glob)
