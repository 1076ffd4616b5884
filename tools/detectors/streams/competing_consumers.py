"""Several consumers share one group: meant for scaling, a surprise where each was to see every message."""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import many, on_group, stream_rule
from tools.detectors.streams.tracks import Track, active_consumers, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import ConsumerInfo, GroupState

RULE = stream_rule(
    "stream.competing-consumers",
    StreamCategory.COMPETING_CONSUMERS,
    Severity.INFO,
    "several consumers of one group seen within `consumer_idle` (5 min)",
)
RULES: tuple[Rule, ...] = (RULE,)

_NAMES_SHOWN = 5


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with more than one active consumer."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            names = {"stream": track.now.name, "group": group.info.name}
            if view.judgement.allows("fan_out_ok", **names):
                continue
            active = active_consumers(group, view.judgement.limits_for(**names).consumer_idle * 1000)
            if len(active) > 1:
                yield _symptom(track, group, active)


def _symptom(track: Track, group: GroupState, active: tuple[ConsumerInfo, ...]) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    shown = ", ".join(item.name for item in active[:_NAMES_SHOWN])
    stale = group.info.consumers - len(active)
    left = f" {many(stale, 'record')} of consumers that are gone remain." if stale else ""
    return on_group(
        RULE,
        track,
        group,
        evidence=tuple(track.now.quote(poll.number, poll.source, item) for item in active[:_NAMES_SHOWN]),
        title=f"{len(active)} consumers share group {name} on {stream}",
        hypothesis=(
            f"{shown}{' and others' if len(active) > _NAMES_SHOWN else ''} each get a part of the messages, and their "
            f"order is lost between them.{left}"
        ),
        recommendation=(
            f"If every one of them must see every message of {stream}, give each its own group; else nothing is to do "
            f"(fan_out_ok = true in [[expect]] silences this)."
        ),
    )
