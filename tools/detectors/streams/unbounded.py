"""Nothing bounds a stream: no producer in the code caps it, and nothing was ever seen to take entries away.

A server without a memory limit ends when it is full; one with a limit refuses writes or evicts whole streams.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import many, on_stream, stream_rule
from tools.detectors.streams.tracks import Track, added, removed, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind

RULE = stream_rule(
    "stream.unbounded",
    StreamCategory.UNBOUNDED_STREAM,
    Severity.MEDIUM,
    "no producer caps the stream (code) and it is never trimmed (runtime); with no producer in the code, only at "
    "10,000 entries and more that still grow",
)
RULES: tuple[Rule, ...] = (RULE,)

_LENGTH_WITHOUT_CODE = 10_000


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per stream that nothing bounds."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        name = track.now.name
        if removed(track) or code.writes_capped(name) or view.judgement.allows("unbounded_ok", stream=name):
            continue
        if code.unresolved(CodeKind.XTRIM):
            continue  # a trimmer whose streams are not known may trim this one
        places = code.uses(CodeKind.XADD, name)
        if places:
            yield _symptom(track, code, 1.0)
        elif _long_and_growing(track):
            yield _symptom(track, code, 0.6)


def _long_and_growing(track: Track) -> bool:
    return track.now.info.length >= _LENGTH_WITHOUT_CODE and added(track.states[0], track.now) > 0


def _symptom(track: Track, code: CodeMap, confidence: float) -> Symptom:
    name, rate = track.now.name, track.messages_per_minute
    places = code.uses(CodeKind.XADD, name)
    where = ", ".join(f"{use.path}:{use.line}" for use in places[:3])
    wrote = f"The code that writes it ({where}) sets no cap" if places else "No code that writes it was found"
    pace = "" if not rate else f" at {rate:g} entries a minute"
    poll = track.poll
    return on_stream(
        RULE,
        track,
        confidence=confidence,
        evidence=(
            track.now.quote(poll.number, poll.source, track.now.info),
            *(use.quote() for use in places[:2]),
        ),
        title=f"Nothing bounds stream {name}",
        hypothesis=(
            f"{wrote}, and the server has never removed one of its {many(track.now.info.length, 'entry', 'entries')}. "
            f"It grows{pace} until memory ends."
        ),
        recommendation=(
            f"Cap {name} where it is written: XADD {name} MAXLEN ~ <entries> * … (or MINID ~ <oldest id>)"
            + (f" in {where}." if where else ".")
        ),
    )
