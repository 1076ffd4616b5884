"""Which archives may go: pure, from what they say of themselves and how many of each kind are to stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from orchestrator.archive.layout import BagInfo


class Policy(NamedTuple):
    """How many stay: of the newest, and of the newest of each day, week (ISO) and month, UTC."""

    last: int = 7
    daily: int = 14
    weekly: int = 8
    monthly: int = 12


class Kept(NamedTuple):
    """One archive and why it stays; no reason means that it may go."""

    name: str
    info: BagInfo
    reasons: tuple[str, ...]


def decide(
    archives: Sequence[tuple[str, BagInfo]], policy: Policy, named: frozenset[str] = frozenset()
) -> list[Kept]:
    """Every archive, newest first, with the reasons for which it stays.

    `named` are archives or runs that the user wants to keep. The newest archive that is complete always stays, so
    does the newest complete one of each series (what the next session is compared with), and so does every one with
    critical findings that have not ended.
    """
    newest_first = sorted(archives, key=lambda item: (item[1].started_ms, item[1].number), reverse=True)
    reasons: dict[str, list[str]] = {name: [] for name, _ in newest_first}
    _keep_periods(newest_first, policy, reasons)
    good = [(name, info) for name, info in newest_first if not info.incomplete]
    if good:
        reasons[good[0][0]].append("the newest good run")
    for series in {info.series for _, info in good}:
        name = next(name for name, info in good if info.series == series)
        reasons[name].append("baseline of the next session")
    for name, info in newest_first:
        if info.open_criticals:
            reasons[name].append(f"{info.open_criticals} open critical findings")
        if name in named or info.run in named:
            reasons[name].append("named")
    return [Kept(name, info, tuple(reasons[name])) for name, info in newest_first]


def _keep_periods(
    newest_first: Sequence[tuple[str, BagInfo]], policy: Policy, reasons: dict[str, list[str]]
) -> None:
    for name, _ in newest_first[: policy.last]:
        reasons[name].append("one of the last")
    for count, period, what in (
        (policy.daily, _day, "the newest of its day"),
        (policy.weekly, _week, "the newest of its week"),
        (policy.monthly, _month, "the newest of its month"),
    ):
        for name in _newest_of_each(newest_first, period, count):
            reasons[name].append(what)


def _newest_of_each(
    newest_first: Sequence[tuple[str, BagInfo]], period: Callable[[datetime], str], count: int
) -> list[str]:
    found: dict[str, str] = {}
    for name, info in newest_first:
        if len(found) >= count:
            break
        found.setdefault(period(datetime.fromtimestamp(info.started_ms / 1000, tz=UTC)), name)
    return list(found.values())[:count]


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _week(moment: datetime) -> str:
    return f"{moment:%G-%V}"


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"
