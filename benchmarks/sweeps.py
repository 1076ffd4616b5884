"""Sweeps that are not paced, against the server's own time and against the same questions one at a time."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from benchmarks import dataset
from benchmarks.bars import ONE_BY_ONE, QUIET_COMMANDS, SWEEP_SERVER_CPU, SWEEP_WALL
from benchmarks.looking import Looker, unpaced
from benchmarks.questions import Question, asked_by
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, Spent, patient_client
from tools.sources.records import Poll

Made = TypeVar("Made")

LATER_LOOKS = 20
"""Half of a session's polls. In the first few, lags and samples are still being read that one look's budget did not
reach."""

QUIET_LOOKS = 3
"""In a row; the product sweeps anyway after so many."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One piece of work: what it took us and what it took the server."""

    wall_s: float
    client_cpu_s: float
    spent: Spent
    told_us: int = 0
    """The cost that the poll itself reports."""

    @property
    def told_share(self) -> float:
        """That cost against the truth."""
        return self.told_us / 1e6 / self.spent.inside_s if self.spent.inside_s else 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one poller saw: all at first, then all again a few times, then nothing moved."""

    first: Timed
    later: tuple[Timed, ...]
    quiet: tuple[Timed, ...]


def timed(server: BenchServer, work: Callable[[], Made]) -> tuple[Timed, Made]:
    """Do it once, measured; also gives what was made."""
    with server.measure() as meter:
        began, cpu = time.perf_counter(), time.process_time()
        made = work()
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return Timed(wall_s, cpu_s, meter.spent), made


def one_round(server: BenchServer, shape: dataset.Shape) -> Round:
    """A new poller: a first sweep, further sweeps, and looks when nothing moved."""
    ours = unpaced(server.url)
    try:
        first, poll = _looked(server, ours, None)
        _check(poll, shape)
        later, quiet = [], []
        for number in range(LATER_LOOKS):
            server.client.set("moved", number)  # it might be a stream's name, so everything is looked at
            look, poll = _looked(server, ours, poll)
            later.append(look)
        for _ in range(QUIET_LOOKS):
            look, poll = _looked(server, ours, poll)
            quiet.append(look)
        return Round(first, tuple(later), tuple(quiet))
    finally:
        ours.close()


def _looked(server: BenchServer, ours: Looker, previous: Poll | None) -> tuple[Timed, Poll]:
    gc.collect()  # what an earlier look left behind is not this one's work
    done, poll = timed(server, partial(ours.look, previous))
    return replace(done, told_us=poll.cost.server_us), poll


def measure(server: BenchServer, shape: dataset.Shape, rounds: int, report: Report) -> None:
    """Full sweeps against their floor, later looks, and looks at a server where nothing moved."""
    one_round(server, shape)  # the first one pays for imports and for memory that later ones find
    done = [one_round(server, shape) for _ in range(rounds)]
    firsts = [one.first for one in done]
    laters = [look for one in done for look in one.later]
    _tell_sweeps("a full sweep, not paced", firsts, report, bars=True)
    _tell_sweeps("a look at what is known already, not paced", laters, report, bars=False)
    report.figure(
        "own cost as the poll reports it, against the truth",
        f"first sweep {_median(one.told_share for one in firsts):.2f}, "
        f"later ones {_median(one.told_share for one in laters):.2f}, "
        f"nothing moved {_median(one.told_share for item in done for one in item.quiet):.2f}",
    )
    _tell_quiet([look for one in done for look in one.quiet], report)


def _tell_sweeps(what: str, looks: list[Timed], report: Report, *, bars: bool) -> None:
    """Wall time and server CPU against the floor, which is the server's own time inside the commands."""
    sample = looks[-1].spent
    calls = ", ".join(f"{name} {count:,}" for name, count in sample.calls.items())
    floor = f"floor {_ms([look.spent.inside_s for look in looks])} inside {sample.commands:,} commands"
    report.row(
        Row(
            f"{what}: wall against the floor",
            _median(look.wall_s / look.spent.inside_s for look in looks),
            SWEEP_WALL if bars else None,
            f"wall {_ms([look.wall_s for look in looks])}, {floor}; {len(looks)} sweeps; CPU of the poller "
            f"{_ms([look.client_cpu_s for look in looks])}",
        )
    )
    report.row(
        Row(
            f"{what}: server CPU against the floor",
            _median(look.spent.cpu_s / look.spent.inside_s for look in looks),
            SWEEP_SERVER_CPU if bars else None,
            f"server CPU {_ms([look.spent.cpu_s for look in looks])}, {floor}",
        )
    )
    report.figure(f"{what}: commands", calls)


def _tell_quiet(looks: list[Timed], report: Report) -> None:
    worst = max(looks, key=lambda look: look.spent.commands)
    said = ", ".join(f"{name} {count}" for name, count in worst.spent.calls.items())
    report.row(
        Row(
            "commands of a poll when nothing moved",
            worst.spent.commands,
            QUIET_COMMANDS,
            f"the most of {len(looks)} polls: {said}; {worst.spent.reads} round trips; "
            f"{_median(look.spent.inside_s for look in looks) * 1e6:.0f} µs inside commands, "
            f"server CPU {_median(look.spent.cpu_s for look in looks) * 1e6:.0f} µs, "
            f"wall {_ms([look.wall_s for look in looks])}, "
            f"CPU of the poller {_ms([look.client_cpu_s for look in looks])}",
        )
    )


def measure_one_by_one(server: BenchServer, rounds: int, report: Report) -> None:
    """The same questions with redis-py, each in a round trip of its own, in pairs with a full sweep of ours."""
    questions = asked_by(server.port, _full_sweep)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed(server, partial(_full_sweep, server.url))[0])
        with patient_client(server.url) as client:
            client.response_callbacks.clear()  # what redis-py makes of a reply costs the server nothing
            client.ping()
            theirs.append(timed(server, partial(_ask, client, questions))[0])
    report.row(
        Row(
            "the same questions one at a time with redis-py: server CPU against ours",
            _median(their.spent.cpu_s / our.spent.cpu_s for our, their in zip(ours, theirs, strict=True)),
            ONE_BY_ONE,
            f"theirs {_ms([one.spent.cpu_s for one in theirs])} for {theirs[0].spent.commands:,} commands in wall "
            f"{theirs[0].wall_s:.1f} s and {theirs[0].client_cpu_s:.1f} s of client CPU; "
            f"ours {_ms([one.spent.cpu_s for one in ours])}; median of {rounds} pairs",
        )
    )


def _full_sweep(url: str) -> None:
    ours = unpaced(url)
    ours.look(None)
    ours.close()


def _ask(client: Any, questions: list[Question]) -> None:
    for question in questions:
        client.execute_command(*question)


def _check(poll: Poll, shape: dataset.Shape) -> None:
    """A quick sweep that did not see everything is no measurement."""
    seen = len(poll.streams)
    pending = sum(len(group.pending) for stream in poll.streams for group in stream.groups)
    wanted = shape.streams * shape.groups * shape.consumers * shape.pending
    if seen != shape.streams or pending != wanted:
        raise SystemExit(
            f"the sweep saw {seen} of {shape.streams} streams, {pending} of {wanted} pending entries"
        )


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _ms(seconds: list[float]) -> str:
    """Median and range, in milliseconds."""
    low, mid, high = min(seconds) * 1e3, statistics.median(seconds) * 1e3, max(seconds) * 1e3
    digits = 0 if mid >= 20 else 2
    return f"{mid:.{digits}f} ms ({low:.{digits}f}–{high:.{digits}f})"
