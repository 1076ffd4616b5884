"""Who is told what now: a pure function of rules, episodes, what was told before and the time. Nothing is sent here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from orchestrator.alerts.episodes import Episode, Labels, worst
from orchestrator.alerts.rules import AlertRules, Inhibition, Kind, Silence, Timing, every, routes_of
from orchestrator.alerts.state import AlertState, Decision, Group, Item, Kept, Notification, Sent, Told
from tools.clock import iso

HOUR_MS = 3_600_000
RETRY_FIRST_MS, RETRY_MAX_MS = 30_000, HOUR_MS
"""After a delivery that failed: half a minute, doubled each time, at most an hour."""
_KEY_CHARS = 40


@dataclass
class _Gathered:
    """A group while it is decided on: where it is routed, what fires in it, and what is kept from it and why."""

    group: Group
    timing: Timing | None
    firing: dict[str, Episode] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


def decide(
    rules: AlertRules,
    episodes: Sequence[Episode],
    state: AlertState,
    now_ms: int,
    *,
    settled: bool = False,
    since_ms: int | None = None,
) -> Decision:
    """What is due now. With `settled` nothing more is on its way, so no group waits for company.

    `since_ms` is when the session began that is settled: what it told while it ran has its end told with it, for
    nobody comes back when the group's interval is over.

    Call `delivered` or `failed` for each message; what is not confirmed is due again.
    """
    known = {item.key: item for item in episodes}
    scene = _Scene(rules, known, now_ms, settled, since_ms)
    gathered = _gather(rules, episodes, state, now_ms)
    ledger: list[Kept] = []
    groups: list[Group] = []
    ready: list[Notification] = []
    dues: list[int] = []
    for key in sorted(gathered):
        entry = gathered[key]
        ledger += [_kept(entry.group, known[name], why) for name, why in sorted(entry.kept.items())]
        outcome = _of_group(entry, scene)
        ledger += outcome.unasked
        if outcome.group is not None:
            groups.append(outcome.group)
        if outcome.due_ms is not None and outcome.notification is not None and outcome.due_ms <= now_ms:
            ready.append(outcome.notification)
        elif outcome.due_ms is not None:
            dues.append(outcome.due_ms)
    recent = tuple(item for item in state.sent if item.at_ms > now_ms - HOUR_MS)
    due, waiting = _within_budget(rules, ready, recent)
    for item in waiting:
        ledger += [_told_late(item, one.episode) for one in item.items]
        dues.append(
            min((one.at_ms for one in recent if one.receiver == item.receiver), default=now_ms) + HOUR_MS
        )
    due += _summaries(waiting, recent, now_ms)
    fresh, held = _newly(ledger, state.held)
    state = AlertState(groups=tuple(groups), sent=recent, held=held)
    return Decision(state=state, due=tuple(due), ledger=fresh, next_ms=min(dues, default=None))


def delivered(state: AlertState, item: Notification, now_ms: int, thread: str = "") -> AlertState:
    """The state once a message was taken. `thread` is what the channel calls its thread now, kept for what follows."""
    sent = (*state.sent, Sent(item.receiver, now_ms, summary=item.after is None))
    if item.after is None:
        return structs.replace(state, sent=sent)
    after = structs.replace(item.after, last_ms=now_ms, thread=thread or item.after.thread)
    groups = tuple(after if group.key == after.key else group for group in state.groups)
    return structs.replace(state, sent=sent, groups=groups)


def failed(state: AlertState, item: Notification, now_ms: int) -> AlertState:
    """The state once a message was refused for now: its group is tried again, each time later."""
    if item.after is None:
        return state
    key = item.after.key
    return structs.replace(
        state, groups=tuple(_retried(group, now_ms) if group.key == key else group for group in state.groups)
    )


def _retried(group: Group, now_ms: int) -> Group:
    wait_ms = min(RETRY_FIRST_MS << min(group.failures, 20), RETRY_MAX_MS)
    return structs.replace(group, failures=group.failures + 1, retry_ms=now_ms + wait_ms)


# --- Which episodes are in which group -------------------------------------------------------------------


def _gather(
    rules: AlertRules, episodes: Sequence[Episode], state: AlertState, now_ms: int
) -> dict[str, _Gathered]:
    known = {group.key: group for group in state.groups}
    found = {group.key: _Gathered(group, None) for group in state.groups}
    firing = sorted((item for item in episodes if item.fires), key=lambda item: item.key)
    for item in firing:
        why = _silence(rules.silences, item, now_ms) or _inhibition(rules.inhibit, item, firing)
        for timing in routes_of(rules, item.labels):
            values = values_of(timing, item.labels)
            key = _digest(timing.place, timing.receiver, *(f"{name}={value}" for name, value in values))
            group = known.get(key) or Group(
                key=key, place=timing.place, receiver=timing.receiver, values=values, first_ms=now_ms
            )
            entry = found.setdefault(key, _Gathered(group, timing))
            entry.timing = timing
            if why is None:
                entry.firing[item.key] = item
            else:
                entry.kept[item.key] = why
    return found


def values_of(timing: Timing, labels: Labels) -> tuple[tuple[str, str], ...]:
    """What a route groups by, and the values of one episode: those of its group."""
    return tuple((name, str(getattr(labels, name))) for name in timing.group_by)


def _silence(silences: Sequence[Silence], item: Episode, now_ms: int) -> str | None:
    for silence in silences:
        if now_ms < silence.until_ms and silence.match.holds(item.labels):
            return f"silenced by {silence.author} until {iso(silence.until_ms)[:16]}Z: {silence.comment}"
    return None


def _inhibition(rules: Sequence[Inhibition], item: Episode, firing: Sequence[Episode]) -> str | None:
    for rule in rules:
        if not rule.target.holds(item.labels) or rule.source.holds(item.labels):
            continue  # what inhibits is not inhibited by its like
        for other in firing:
            if rule.source.holds(other.labels) and all(
                getattr(other.labels, name) == getattr(item.labels, name) for name in rule.equal
            ):
                return f"inhibited by {other.title}"
    return None


# --- What is due in a group ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """What all groups have in common while they are decided on."""

    rules: AlertRules
    known: Mapping[str, Episode]
    now_ms: int
    settled: bool
    since_ms: int | None


@dataclass
class _Outcome:
    """`group` is what stays of it without a message, None where nothing does."""

    group: Group | None
    due_ms: int | None = None
    notification: Notification | None = None
    unasked: list[Kept] = field(default_factory=list)


def _of_group(entry: _Gathered, scene: _Scene) -> _Outcome:
    told = {item.key: item for item in entry.group.told}
    timing = entry.timing or _timing_of(scene.rules, entry.group)
    items = list(_news(entry, told, scene.known))
    asked = [item for item in items if timing is not None and _asked(item.kind) in timing.notify_on]
    unasked = [item for item in items if item not in asked]
    group = structs.replace(entry.group, told=_after(entry.group.told, unasked, scene))
    kept = [_kept(group, item.episode, f"{item.kind} is not asked for") for item in unasked]
    lasting = [item for key, item in entry.firing.items() if key in told and not item.momentary]
    reminds = bool(lasting) and group.last_ms is not None
    if timing is None or not (asked or reminds):
        return _Outcome(
            group if timing is not None and _stays(entry, group, timing, scene) else None, unasked=kept
        )
    return _Outcome(
        group=group,
        due_ms=_due(group, timing, scene, has_news=bool(asked)),
        notification=_notification(entry, asked, lasting, timing, scene),
        unasked=kept,
    )


def _stays(entry: _Gathered, group: Group, timing: Timing, scene: _Scene) -> bool:
    """Whether a group with nothing to tell is remembered: for as long as the interval since its last message lasts."""
    ends_ms = None if group.last_ms is None else group.last_ms + round(timing.group_interval * 1000)
    return bool(entry.firing or entry.kept or group.told) or (ends_ms is not None and scene.now_ms < ends_ms)


def _news(entry: _Gathered, told: Mapping[str, Told], known: Mapping[str, Episode]) -> Iterator[Item]:
    for key, item in sorted(entry.firing.items()):
        if key not in told:
            yield Item(Kind.NEW, item)
        elif item.rank < told[key].rank:
            yield Item(Kind.ESCALATED, item)
    for key, before in sorted(told.items()):
        episode = known.get(key)
        if before.momentary or key in entry.firing or key in entry.kept or episode is None:
            continue
        yield Item(Kind.EASED if episode.fires else Kind.RESOLVED, episode)


def _asked(kind: Kind) -> str:
    return Kind.RESOLVED if kind is Kind.EASED else kind


def _after(told: Sequence[Told], items: Sequence[Item], scene: _Scene) -> tuple[Told, ...]:
    """What the receiver knows of once these items were told, or passed over; forgotten episodes concern nobody."""
    found = {item.key: item for item in told if item.key in scene.known}
    for item in items:
        episode = item.episode
        if item.kind in {Kind.RESOLVED, Kind.EASED}:
            found.pop(episode.key, None)
        else:
            found[episode.key] = Told(episode.key, episode.rank, scene.now_ms, episode.momentary)
    return tuple(found[key] for key in sorted(found))


def _due(group: Group, timing: Timing, scene: _Scene, *, has_news: bool) -> int:
    wait_ms = 0 if scene.settled else round(timing.group_wait * 1000)
    if group.last_ms is None:
        due_ms = group.first_ms + wait_ms
    elif has_news and scene.since_ms is not None and group.last_ms >= scene.since_ms:
        due_ms = scene.now_ms
    elif has_news:
        due_ms = group.last_ms + round(timing.group_interval * 1000)
    else:
        due_ms = group.last_ms + round(timing.repeat_interval * 1000)
    return max(due_ms, group.retry_ms)


def _timing_of(rules: AlertRules, group: Group) -> Timing | None:
    """The route of a group in which nothing fires any more; None where the rules have no such route now."""
    for _, timing in every(rules.route):
        if (timing.place, timing.receiver) == (group.place, group.receiver):
            return timing
    return None


def _notification(
    entry: _Gathered, items: Sequence[Item], lasting: Sequence[Episode], timing: Timing, scene: _Scene
) -> Notification:
    group = entry.group
    after = structs.replace(
        group,
        told=_after(group.told, list(_news(entry, {one.key: one for one in group.told}, scene.known)), scene),
        number=group.number + 1,
        failures=0,
        retry_ms=0,
    )
    fires = [item for item in entry.firing.values() if not item.momentary]
    changed = {item.episode.key for item in items}
    about = list(entry.firing.values()) or [item.episode for item in items]
    return Notification(
        # With its beginning: a group that ended and came again is another one.
        id=_digest(group.key, str(group.first_ms), str(after.number)),
        # Of this route alone: the end of one group must not close the incident of another that still fires.
        dedup_key=group.key,
        receiver=group.receiver,
        values=group.values,
        items=tuple(sorted(items, key=lambda item: (item.episode.rank, item.episode.key))),
        lasting=tuple(item for item in lasting if item.key not in changed),
        severity=worst(about),
        over=not entry.firing and not entry.kept,
        reminder=not items,
        next_ms=scene.now_ms + round(timing.repeat_interval * 1000) if fires else None,
        after=after,
        notes=tuple(sorted(set(entry.kept.values()))),
    )


# --- Budget and ledger -----------------------------------------------------------------------------------


def _within_budget(
    rules: AlertRules, ready: Iterable[Notification], recent: Sequence[Sent]
) -> tuple[list[Notification], list[Notification]]:
    """What may be sent in this hour, the worst first, and what must wait."""
    limit = rules.budget.per_receiver_per_hour
    used: dict[str, int] = {}
    for sent in recent:
        used[sent.receiver] = used.get(sent.receiver, 0) + (not sent.summary)
    due: list[Notification] = []
    waiting: list[Notification] = []
    for item in sorted(ready, key=lambda item: (item.severity.rank, item.dedup_key)):
        if used.get(item.receiver, 0) < limit:
            used[item.receiver] = used.get(item.receiver, 0) + 1
            due.append(item)
        else:
            waiting.append(item)
    return due, waiting


def _summaries(waiting: Sequence[Notification], recent: Sequence[Sent], now_ms: int) -> list[Notification]:
    """One message an hour to each receiver for whom something waits."""
    told = {item.receiver for item in recent if item.summary}
    return [
        Notification(
            id=_digest(receiver, "budget", str(now_ms // HOUR_MS)),
            dedup_key=_digest(receiver, "budget"),
            receiver=receiver,
            values=(),
            items=(),
            lasting=(),
            severity=worst(one.episode for item in mine for one in item.items),
            over=False,
            reminder=False,
            next_ms=None,
            after=None,
            waiting=len(mine),
        )
        for receiver in sorted({item.receiver for item in waiting} - told)
        if (mine := [item for item in waiting if item.receiver == receiver])
    ]


def _kept(group: Group, item: Episode, why: str) -> Kept:
    return Kept(
        receiver=group.receiver,
        group=group.key,
        episode=item.key,
        severity=item.labels.severity,
        title=item.title,
        reason=why,
    )


def _told_late(waiting: Notification, item: Episode) -> Kept:
    assert waiting.after is not None
    return _kept(waiting.after, item, "the hour's budget is used up; it waits")


def _newly(
    ledger: Sequence[Kept], held: Sequence[tuple[str, str, str]]
) -> tuple[tuple[Kept, ...], tuple[tuple[str, str, str], ...]]:
    """Lines that the ledger does not have yet, and all that hold now."""
    before = set(held)
    keys = {(item.group, item.episode, item.reason): item for item in ledger}
    fresh = tuple(item for key, item in sorted(keys.items()) if key not in before)
    return fresh, tuple(sorted(keys))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_CHARS]
