"""An XADD in the code without MAXLEN or MINID, to a stream that lives on the server.

Where something else caps the stream (another producer, an XTRIM, trimming seen), it is a note only.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap, code_map, is_capped
from tools.detectors.streams.families import family_of, fold
from tools.detectors.streams.symptoms import on_stream, stream_rule
from tools.detectors.streams.tracks import Track, removed, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = stream_rule(
    "stream.missing-maxlen",
    StreamCategory.MISSING_MAXLEN,
    Severity.MEDIUM,
    "an XADD in code without a cap, to a live stream; LOW where the stream is capped elsewhere",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per live stream and file that adds to it without a cap."""
    if view.code is not None:
        yield from fold(_symptoms(view, code_map(view.code)))


def _symptoms(view: StreamView, code: CodeMap) -> Iterator[Symptom]:
    for track in tracks(view).values():
        name = track.now.name
        if view.judgement.allows("unbounded_ok", stream=name):
            continue
        by_path: dict[str, CodeUse] = {}
        for use in code.uses(CodeKind.XADD, name):
            if not is_capped(use):
                by_path.setdefault(use.path, use)
        elsewhere = code.writes_capped(name) or removed(track)
        for use in by_path.values():
            yield _symptom(track, use, elsewhere=elsewhere)


def _symptom(track: Track, use: CodeUse, *, elsewhere: bool) -> Symptom:
    name, poll, place = track.now.name, track.poll, f"{use.path}:{use.line}"
    who = use.service or use.path
    rest = "Something else trims it, so far." if elsewhere else "Nothing else in the code caps it."
    return on_stream(
        RULE,
        track,
        entity=(family_of(name), use.path),
        severity=Severity.LOW if elsewhere else Severity.MEDIUM,
        files=(use.path,),
        evidence=(use.quote(), track.now.quote(poll.number, poll.source, track.now.info)),
        title=f"{who} adds to {name} without a cap ({place})",
        hypothesis=f"{place} sends XADD to {name} without MAXLEN or MINID. {rest}",
        recommendation=f"In {place}, add a cap: MAXLEN ~ <entries> (approximate trimming costs almost nothing).",
    )
