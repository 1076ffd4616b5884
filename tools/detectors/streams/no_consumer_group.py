"""A stream that no consumer group reads: what is added to it is delivered to nobody who would acknowledge it."""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import may_be_read_plainly
from tools.detectors.streams.symptoms import many, on_stream, stream_rule
from tools.detectors.streams.tracks import Track, is_young, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom

RULE = stream_rule(
    "stream.no-consumer-group",
    StreamCategory.NO_CONSUMER_GROUP,
    Severity.MEDIUM,
    "a stream with no group; INFO for dead-letter and reply streams, BullMQ events, and where plain XREAD readers "
    "are seen",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per stream (or family) without a group, at the second poll that shows it so."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        name = track.now.name
        if len(track.states) < 2 or any(state.info.groups or state.groups for state in track.states[-2:]):
            continue  # a service that starts makes the stream a moment before the group
        if is_young(track):
            continue
        if not view.judgement.allows("no_group_ok", stream=name):
            yield _symptom(view, track, code)


def _symptom(view: StreamView, track: Track, code: CodeMap) -> Symptom:
    name, reason = track.now.name, _excuse(view, track.now.name, code)
    producers = code.producers(name)
    wrote = f" It is written by {', '.join(producers[:3])}." if producers else ""
    return on_stream(
        RULE,
        track,
        severity=Severity.INFO if reason else Severity.MEDIUM,
        confidence=0.9 if reason else 1.0,
        title=f"Stream {name} has no consumer group",
        hypothesis=(
            f"{name} holds {many(track.now.info.length, 'entry', 'entries')} and no group reads it.{wrote} "
            + (reason or "Its entries are written for nobody, or its consumer was never deployed.")
        ),
        recommendation=(
            f'If {name} is meant to be read without a group, say so: [[expect]] stream = "{name}", no_group_ok = '
            f"true. Else create the group its readers use: XGROUP CREATE {name} <group> 0."
        ),
    )


def _excuse(view: StreamView, name: str, code: CodeMap) -> str:
    if roles.is_dead_letter(view, name):
        return "A dead-letter stream is read by people or by a repair job."
    if roles.is_reply(name):
        return "A reply stream is read by the one who asked."
    if roles.is_library(name):
        return "BullMQ reads its event streams by plain XREAD."
    if may_be_read_plainly(view, name, code):
        return "XREAD fan-out possible: plain XREAD readers were seen, and they leave no trace on a stream."
    return ""
