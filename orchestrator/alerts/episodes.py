"""Episodes: conditions that begin, may get worse and end. They are what alerts are about, never single sightings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from tools.findings.model import Severity
from tools.synthesis.sessions.comparison import SESSIONS_MAX

EVENTS = (
    "finding",
    "run.finished",
    "run.failed",
    "run.incomplete",
    "run.stalled",
    "run.anomaly",
    "chain.failed",
    "event.failed",
    "test",
)
"""Kinds of episodes; all but `finding` are momentary: they are told once and do not end."""
STATUSES = ("COMPLETED", "FAILED", "INTERRUPTED", "STALLED")
_KEPT_MS, _MOMENT_KEPT_MS = 30 * 86_400_000, 86_400_000
"""After its end an episode is forgotten: a month, a momentary one a day; a receiver that is new then hears no old news."""


class Labels(Struct, frozen=True, kw_only=True):
    """What routes, silences and groups may ask about. Texts of the audited system are masked."""

    event: str = "finding"
    severity: Severity = Severity.INFO
    category: str = ""
    agent: str = ""
    service: str = ""
    stream: str = ""
    rule: str = ""
    status: str = ""
    """Of the run."""
    cause: str = ""
    """What stands for the root cause: the fingerprint of the finding at the root of its cluster, or its own."""
    project: str = ""
    run: str = ""


NAMES = tuple(Labels.__struct_fields__)


class Episode(Struct, frozen=True, kw_only=True):
    """One condition. Times in ms since the epoch; `ended_ms` is None while it lasts. `report` is where to read on.

    `missed` is how many complete sessions in a row neither saw it nor found it gone, `missed_in` the id of the last.
    """

    key: str
    labels: Labels
    title: str
    started_ms: int
    seen_ms: int
    ended_ms: int | None = None
    momentary: bool = False
    report: str = ""
    missed: int = 0
    missed_in: str = ""

    @property
    def rank(self) -> int:
        """The lower, the worse."""
        return self.labels.severity.rank

    @property
    def fires(self) -> bool:
        """Whether it lasts; a momentary one does until it is forgotten."""
        return self.momentary or self.ended_ms is None


class Observed(Struct, frozen=True):
    """What a session says: what it saw, the keys of what it found resolved, and when it began (None: not told).

    `renamed` are the keys, before and now, of what is the same under another fingerprint. `series` begins the keys of
    all that a complete session could have seen, "" where it was none; `run` is its id.
    """

    episodes: tuple[Episode, ...]
    resolved: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    begun_ms: int | None = None
    series: str = ""
    run: str = ""


def advance(known: Sequence[Episode], observed: Observed, now_ms: int) -> tuple[Episode, ...]:
    """The episodes after a session: seen ones go on or begin, resolved ones end, all others stay as they are.

    Silence ends nothing: only what the session looked for and did not find is in `resolved`. But what no complete
    session saw any more, `SESSIONS_MAX` in a row, is let go, as the comparison of sessions does. One that ended and is
    seen again begins anew. One that is new joins the group of what lasts already and has the same root cause. The order
    is that of the keys.
    """
    found = {item.key: item for item in known if not _forgotten(item, now_ms)}
    for key in observed.resolved:
        before = found.get(key)
        if before is not None and before.ended_ms is None:
            found[key] = structs.replace(before, ended_ms=now_ms)
    groups = _groups(found, observed.episodes)
    found = dict(_still_held(found, observed))
    for item in observed.episodes:
        before = found.get(item.key)
        if before is None or before.momentary or before.ended_ms is not None:
            cause = groups.get(item.labels.cause, item.labels.cause)
            found[item.key] = structs.replace(item, labels=structs.replace(item.labels, cause=cause))
        else:
            # Its group stays the same while it lasts, whatever else is found around it.
            labels = structs.replace(item.labels, cause=before.labels.cause)
            found[item.key] = structs.replace(item, started_ms=before.started_ms, labels=labels)
    return tuple(found[key] for key in sorted(found))


def _still_held(known: Mapping[str, Episode], observed: Observed) -> Iterator[tuple[str, Episode]]:
    """All but what is let go. What was told of a session that was killed, say, no comparison ever calls resolved."""
    seen = {item.key for item in observed.episodes}
    for key, item in known.items():
        could_see = observed.series and key.startswith(observed.series) and item.ended_ms is None
        if not could_see or key in seen or item.missed_in == observed.run:
            yield key, item
        elif item.missed + 1 < SESSIONS_MAX:
            yield key, structs.replace(item, missed=item.missed + 1, missed_in=observed.run)


def _groups(known: Mapping[str, Episode], seen: Iterable[Episode]) -> Mapping[str, str]:
    """Root cause that a session names → that of the oldest of its episodes which lasts already."""
    found: dict[str, Episode] = {}
    for item in seen:
        before = known.get(item.key)
        if before is None or before.momentary or before.ended_ms is not None:
            continue
        first = found.setdefault(item.labels.cause, before)
        if (before.started_ms, before.key) < (first.started_ms, first.key):
            found[item.labels.cause] = before
    return {cause: before.labels.cause for cause, before in found.items()}


def _forgotten(item: Episode, now_ms: int) -> bool:
    if item.momentary:
        return item.started_ms < now_ms - _MOMENT_KEPT_MS
    return item.ended_ms is not None and item.ended_ms < now_ms - _KEPT_MS


def worst(episodes: Iterable[Episode]) -> Severity:
    """The worst severity among them; INFO for none."""
    return min(
        (item.labels.severity for item in episodes), key=lambda level: level.rank, default=Severity.INFO
    )
