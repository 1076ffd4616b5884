"""Entries were trimmed or deleted before a group was given them: messages lost without an error anywhere.

Told only where it is proven (`detectors/ledger/interval.py` says how), with the figure that is proven at least. The
ledger in the report holds what could not be told.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tools.detectors.contract import StreamView
from tools.detectors.ledger.book import Account, Loss
from tools.detectors.ledger.records import Point
from tools.detectors.streams.code_map import CodeMap, code_map, is_capped
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import YOUNG_MS, Track, active_consumers, tracks
from tools.findings.model import EvidenceKind, Locator, Severity, StreamCategory
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, GroupState, entry_key

RULE = stream_rule(
    "stream.silent-loss",
    StreamCategory.DELIVERY_FAILURE,
    Severity.CRITICAL,
    "entries were trimmed or deleted before a group was given them, proven by two polls: CRITICAL where the group is "
    "read by anybody, HIGH where no consumer was seen within `consumer_idle` (5 min); not with `loss_ok`",
)
RULES: tuple[Rule, ...] = (RULE,)

_PLACES = 3


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group that is newly proven to have lost entries."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    if view.ledger is None:
        return
    losses = list(view.ledger.losses())
    found = tracks(view) if losses else {}
    code = code_map(view.code if losses else None)
    for loss in losses:
        track = found.get(loss.stream)
        group = None if track is None else track.now.group(loss.group)
        account = view.ledger.account(loss.stream, loss.group)
        if track is None or group is None or account is None:
            continue
        names = {"stream": loss.stream, "group": loss.group}
        if not view.judgement.allows("loss_ok", **names) and not _deploys(account, track.poll.at_ms):
            idle_max_ms = view.judgement.limits_for(**names).consumer_idle * 1000
            moved = account.last.delivered != account.start.delivered
            works = moved or bool(active_consumers(group, idle_max_ms))
            yield _symptom(track, group, loss, code, works=works)


def _deploys(account: Account, now_ms: int) -> bool:
    """Whether the group appeared a moment ago and was given nothing yet: its consumers are about to start."""
    unread = account.last.delivered == account.start.delivered
    return account.born_ms is not None and unread and now_ms - account.born_ms < YOUNG_MS


def _symptom(track: Track, group: GroupState, loss: Loss, code: CodeMap, *, works: bool) -> Symptom:
    name, stream = group.info.name, track.now.name
    figure = many(loss.total.least, "entry", "entries")
    figure = figure if loss.total.exact else f"at least {figure}"
    who, places = _remover(loss, code, stream)
    return on_group(
        RULE,
        track,
        group,
        severity=Severity.CRITICAL if works else Severity.HIGH,
        count=loss.new,
        title=f"Group {name} lost {figure} of {stream}: removed before it read them",
        evidence=(
            *_quotes(loss.before, track),
            *_quotes(loss.after, track),
            *(use.quote() for use in places[:2]),
        ),
        hypothesis=f"{_proof(loss, name, stream)} {who}"
        + ("" if works else f" Nobody was seen reading for {name}."),
        recommendation=_advice(track, places, name),
    )


def _quotes(point: Point, track: Track) -> tuple[Quote, ...]:
    """Both replies of one poll, as they stand in the journal."""
    place, source = Locator(poll=point.poll, stream=track.now.name), track.poll.source
    parts = (point.info, point.group, *(() if point.lag is None else (point.lag,)))
    return tuple(Quote(EvidenceKind.REDIS, source, text, place) for text in map(_encoded, parts))


def _encoded(part: object) -> str:
    return msgspec.json.encode(part).decode()


def _proof(loss: Loss, name: str, stream: str) -> str:
    before, after = loss.before, loss.after
    span = seconds(max(after.at_ms - before.at_ms, 0))
    first = after.info.first_entry_id
    left = f"{stream} now begins at {first}" if first else f"{stream} is now empty"
    given = after.group.last_delivered_id
    new = many(loss.new, "entry", "entries")
    if before.delivered == after.delivered:
        return (
            f"Between poll {before.poll} and poll {after.poll} ({span}) {name} was given nothing (it stands at {given}), "
            f"{left}, and {new} behind {given} {'is' if loss.new == 1 else 'are'} gone."
        )
    return (
        f"Between poll {before.poll} and poll {after.poll} ({span}) {name} moved to {given}, {left}, and of what was "
        f"added {new} at least {'was' if loss.new == 1 else 'were'} neither given to it nor {'is' if loss.new == 1 else 'are'} there."
    )


def _remover(loss: Loss, code: CodeMap, stream: str) -> tuple[str, list[CodeUse]]:
    """Who took them away, as far as it is known, and the places in the code."""
    told = loss.after.info.max_deleted_entry_id
    by_xdel = told is not None and entry_key(told) > loss.before.delivered
    trims = [use for use in code.uses(CodeKind.XADD, stream) if is_capped(use)]
    trims += code.uses(CodeKind.XTRIM, stream)
    if by_xdel:
        return f"XDEL was sent to {stream} beyond what {loss.group} had read.", trims
    if not trims:
        xdel = " (or deleted from: the server does not tell)" if told is None else ""
        return f"{stream} was trimmed by a producer's MAXLEN or MINID, or by XTRIM{xdel}.", []
    where = ", ".join(f"{use.path}:{use.line}" for use in trims[:_PLACES])
    return f"{stream} is trimmed in {where}.", trims


def _advice(track: Track, places: list[CodeUse], name: str) -> str:
    stream = track.now.name
    where = f" ({', '.join(f'{use.path}:{use.line}' for use in places[:_PLACES])})" if places else ""
    return (
        f"Raise the cap of {stream}{where} above what is added during the longest time in which {name} does not read, or "
        f"make {name} read faster; delete an entry only when every group has acknowledged it. If {name} may miss "
        f'entries, say so: [[expect]] stream = "{stream}", group = "{name}", loss_ok = true.'
    )
