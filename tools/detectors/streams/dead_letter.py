"""Messages arrive on a dead-letter stream: somewhere their handling failed for good."""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import many, on_stream, stream_rule
from tools.detectors.streams.tracks import Track, added, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom

RULE = stream_rule(
    "stream.dead-letter",
    StreamCategory.DELIVERY_FAILURE,
    Severity.HIGH,
    "a dead-letter stream that receives while it is watched",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per dead-letter stream, at each poll at which it has received since the one before."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        if roles.is_dead_letter(view, track.now.name):
            new = _received(view, track)
            if new > 0:
                yield _symptom(view, track, code, new)


def _received(view: StreamView, track: Track) -> int:
    """Entries since the poll before, or since the baseline; all of them on a stream that was not there."""
    if len(track.states) > 1:
        return added(track.states[-2], track.now)
    if view.now.after_gap:
        return 0
    if len(view.polls) > 1 or not track.old:
        return track.now.info.length if view.baseline.number != view.now.number else 0
    return added(track.first, track.now)


def _in_all(view: StreamView, track: Track) -> int | None:
    """What came in all the time that it was watched; None across a gap, where the server may have lost some or been restored."""
    if track.since_gap_ms is not None:
        return None
    since = added(track.first, track.now)
    # One that was not there at the baseline was seen first with what had come until then.
    return since if track.old or view.baseline.number == view.now.number else since + track.first.info.length


def _symptom(view: StreamView, track: Track, code: CodeMap, new: int) -> Symptom:
    name, last = track.now.name, track.now.info.last_entry_id
    in_all = _in_all(view, track)
    came = "messages" if in_all is None else many(max(in_all, new), "message")
    producers = code.producers(name)
    by = f" by {', '.join(producers[:3])}" if producers else ""
    return on_stream(
        RULE,
        track,
        count=new,
        message_ids=() if last is None else (last,),
        title=f"Dead-letter stream {name} received {came}",
        hypothesis=(
            f"While it was watched {came} came to {name}{by}, which now holds {track.now.info.length:,}: handling them "
            "failed for good."
        ),
        recommendation=(
            f"Read the newest (XREVRANGE {name} + - COUNT 5) for its reason and source, mend that handler, then replay "
            f"what is on {name}."
        ),
    )
