"""A stream grows at poll after poll, and a group falls behind or nobody reads it.

Length grows by design until something trims, so where every group keeps up this is a LOW note, and only as long
as nothing is known to cap the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import may_be_read_plainly
from tools.detectors.streams.symptoms import many, on_stream, stream_rule
from tools.detectors.streams.tracks import Track, added, removed, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind

RULE = stream_rule(
    "stream.growing",
    StreamCategory.STREAM_GROWING,
    Severity.HIGH,
    "length grew on more than `growing_polls` (2) polls in a row: HIGH where a group falls behind or nobody "
    "reads; LOW where every group keeps up and no cap is known; nothing where nobody reads but the code caps it (stream.no-consumer-group says that)",
)
RULES: tuple[Rule, ...] = (RULE,)

_BEHIND_SHARE = 0.25
"""Of the entries added while the stream grew: a group that missed so many does not keep up."""

_BEHIND_ENTRIES_MIN = 20
"""Fewer entries than this are a batch in the making."""


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per growing stream that is anybody's business."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        name = track.now.name
        steps = view.judgement.limits_for(stream=name).growing_polls + 1
        if not _grew(track, steps) or roles.needs_no_group(view, name):
            continue
        behind = _falling_behind(track, steps)
        if behind:
            yield _symptom(track, steps, Severity.HIGH, f"Group {behind} falls behind as it grows.", behind)
        elif _nobody_reads(view, track, code):
            if not code.writes_capped(name) and not removed(track):
                yield _symptom(
                    track, steps, Severity.HIGH, "No group and no XREAD reader was seen on it.", None
                )
        elif not _cap_known(view, track, code) and not view.judgement.allows("unbounded_ok", stream=name):
            reason = "Every group keeps up, but no cap was seen: in the end it takes all memory."
            yield _symptom(track, steps, Severity.LOW, reason, None)


def _grew(track: Track, steps: int) -> bool:
    lengths = [state.info.length for state in track.states[-steps - 1 :]]
    return len(lengths) == steps + 1 and all(before < after for before, after in pairwise(lengths))


def _falling_behind(track: Track, steps: int) -> str | None:
    """The group whose lag rose at every step, by a good share of what was added."""
    grown = added(track.states[-steps - 1], track.states[-1])
    for group in track.now.groups:
        history = track.group(group.info.name)[-steps - 1 :]
        lags = [item.lag.messages for item in history if item.lag is not None]
        if len(lags) == steps + 1 and all(before < after for before, after in pairwise(lags)):
            missed = lags[-1] - lags[0]
            if missed >= max(_BEHIND_ENTRIES_MIN, _BEHIND_SHARE * grown):
                return group.info.name
    return None


def _nobody_reads(view: StreamView, track: Track, code: CodeMap) -> bool:
    name = track.now.name
    return (
        not track.now.groups
        and not view.judgement.allows("no_group_ok", stream=name)
        and not may_be_read_plainly(view, name, code)
    )


def _cap_known(view: StreamView, track: Track, code: CodeMap) -> bool:
    """A cap in code, or trimming seen; without the code, or with writers it does not name, nothing can be said."""
    name = track.now.name
    unsure = not code.uses(CodeKind.XADD, name) and code.unresolved(CodeKind.XADD) > 0
    unsure = unsure or code.unresolved(CodeKind.XTRIM) > 0 or view.code is None
    return unsure or code.writes_capped(name) or removed(track)


def _symptom(track: Track, steps: int, severity: Severity, reason: str, group: str | None) -> Symptom:
    state, polls, name = track.now, track.polls[-steps - 1 :], track.now.name
    before, after = track.states[-steps - 1].info.length, state.info.length
    rate = track.messages_per_minute
    pace = "" if rate is None else f", {rate:g} entries a minute"
    return on_stream(
        RULE,
        track,
        severity=severity,
        confidence=1.0 if severity is Severity.HIGH else 0.8,
        title=f"Stream {name} grows: {before:,} to {many(after, 'entry', 'entries')} in {steps} polls",
        evidence=tuple(
            old.quote(poll.number, poll.source, old.info)
            for poll, old in ((polls[0], track.states[-steps - 1]), (polls[-1], state))
        ),
        hypothesis=f"{name} grew on {steps} polls in a row{pace}. {reason}",
        recommendation=(
            f"Mend or scale the consumers of group {group} on {name}."
            if group
            else f"Cap {name} where it is written (XADD {name} MAXLEN ~ n), and give it a consumer group or retire it."
        ),
    )
