"""A service's memory only climbs: what it takes it never gives back, until it is killed.

Healthy processes grow too: while they start, while caches fill, up to the next collection of garbage. Those fall back,
level off, or take one step within minutes; a leak goes on at its pace. Processes of Java and .NET fill their heap up to its limit
before they collect for the first time, which may take hours: their memory seen from outside says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from tools.detectors.contract import LogView, TemplateStats
from tools.detectors.logs.frequency import seconds, template_symptom
from tools.detectors.logs.slope import Point, floors_of, slope_of
from tools.detectors.thresholds import Limits
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.memory_figures import figure_of
from tools.sources.records import SampleLine

RULE = Rule(
    id="log.memory-growth",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.MEMORY_LEAK,
    severity=Severity.HIGH,
    condition=(
        "RSS of one service process and its children at `memory_samples` samples or more over `memory_span`, its first"
        " `memory_settling` left out: it never falls by more than `memory_fall`, grows by `memory_growth` and by"
        " `memory_growth_mb` at least, in each quarter of the time up to its end, and in the second half at least three quarters as much as in"
        " the first. Not for Java and .NET, whose heaps grow to their limit by design. Figures in log lines (heap, RSS) count where"
        " their floor climbs like that over the same time, and of a heap only where it was collected meanwhile."
    ),
)
RULES: tuple[Rule, ...] = (RULE,)

_LAZY_HEAPS = ("java", "dotnet")
_QUARTER_SHARE = 0.1
"""Of the whole growth, in each quarter at least: a step or two are no climb."""
_NOW_SHARE = 0.05
"""In the last eighth: what has come to its plateau climbs no more."""
_HALVES = 0.75
"""The second half's growth against the first's at least: a cache that fills grows ever more slowly."""
_FLOORS = 8
_FLOOR_HALVES = 0.5
"""As `_HALVES`, of floors, which no two spans show alike."""
_STEP_SHARE = 0.5
"""Of the whole growth, in one step at most: what was loaded at once is no climb."""
_COLLECTIONS = 3
"""Falls of a heap, without which it was not collected and tells nothing."""
_MB = 1024 * 1024
_TOOLS = {
    "node": "a heap snapshot (`node --inspect`, or v8.writeHeapSnapshot) now and in a few minutes, compared",
    "python": "tracemalloc, or `py-spy dump`, now and in a few minutes, compared",
}

_Point = tuple[int, int]
"""Time in ms, bytes."""


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom per service whose memory climbs, at each new sample that shows it."""
    for service, lines in view.samples.items():
        if view.judgement.allows("memory_ok", service=service):
            continue
        climb = _climb(_comparable(lines, view.judgement.limits), view.judgement.limits)
        if climb:
            yield _symptom(service, climb)
    yield from _in_lines(view)


def _in_lines(view: LogView) -> Iterator[Symptom]:
    limits = view.judgement.limits
    for stats in view.unexpected:
        figure = figure_of(stats.example.text) if stats.figures else None
        if figure is None or view.judgement.allows("memory_ok", service=stats.service):
            continue
        floors = _floors_that_climb(stats.figures, limits, heap=figure.heap)
        if floors:
            yield _line_symptom(stats, floors, "heap" if figure.heap else "memory")


def _floors_that_climb(figures: Sequence[_Point], limits: Limits, *, heap: bool) -> list[Point]:
    """The floors of the longest newest part whose floor climbs; [] where none does."""
    points: list[Point] = [
        point for point in figures if point[0] - figures[0][0] >= limits.memory_settling * 1000
    ]
    while len(points) >= 2 * limits.memory_samples:
        floors = floors_of(points, _FLOORS)
        falls = sum(after < before for (_, before), (_, after) in pairwise(points))
        if (falls >= _COLLECTIONS or not heap) and _floor_climbs(floors, limits):
            return floors
        points = points[len(points) // 4 :]
    return []


def _floor_climbs(floors: list[Point], limits: Limits) -> bool:
    (begin_ms, first), (end_ms, _) = floors[0], floors[-1]
    if len(floors) < _FLOORS or end_ms - begin_ms < limits.memory_span * 1000 * (_FLOORS - 1) / _FLOORS:
        return False
    growth = slope_of(floors) * (end_ms - begin_ms)
    if growth < limits.memory_growth * first or growth < limits.memory_growth_mb * _MB:
        return False
    steps = [after - before for (_, before), (_, after) in pairwise(floors)]
    if max(steps) > _STEP_SHARE * (floors[-1][1] - first):
        return False
    rises = sum(step > 0 for step in steps)
    half = len(floors) // 2
    earlier, later = slope_of(floors[: half + 1]), slope_of(floors[half - 1 :])
    return rises >= _FLOORS - 2 and floors[-1][1] > floors[-3][1] and later >= _FLOOR_HALVES * earlier


def _line_symptom(stats: TemplateStats, floors: list[Point], what: str) -> Symptom:
    (begin_ms, before), (end_ms, after) = floors[0], floors[-1]
    span_s = (end_ms - begin_ms) / 1000
    pace = slope_of(floors) * 60_000 / _MB
    return template_symptom(
        RULE,
        stats,
        location=f"{what} {stats.template}",
        evidence=(stats.first.quote(), stats.example.quote())
        if stats.first != stats.example
        else (stats.example.quote(),),
        title=f"The {what} of {stats.service} only climbs, by its own lines: {_mb(before)} to {_mb(after)} in {seconds(span_s)}",
        recommendation=(
            f"Find what {stats.service} keeps: take two snapshots of its heap a few minutes apart and compare them. Where a cache"
            f' is meant to fill, say so: [[expect]] service = "{stats.service}", memory_ok = true.'
        ),
        hypothesis=(
            f"The lowest figures of eight spans of time rise by {pace:.1f} MB a minute: what is collected gives back less each time."
        ),
    )


def _comparable(lines: Sequence[SampleLine], limits: Limits) -> list[SampleLine]:
    """The samples that may be compared with the newest: of a settled process, with as many children."""
    if not lines or (lines[-1].sample.program or "").startswith(_LAZY_HEAPS):
        return []
    newest = lines[-1].sample
    settled_ms = (newest.started_ms or lines[0].sample.at_ms) + limits.memory_settling * 1000
    return [
        line
        for line in lines
        if line.sample.processes == newest.processes and line.sample.at_ms >= settled_ms
    ]


def _climb(lines: list[SampleLine], limits: Limits) -> list[SampleLine]:
    """The longest newest part that climbs, for a leak may begin late or hide behind a start; [] where none does."""
    while len(lines) >= limits.memory_samples:
        if _climbs([(line.sample.at_ms, line.sample.rss_bytes or 0) for line in lines], limits):
            return lines
        lines = lines[max(len(lines) // 4, 1) :]
    return []


def _climbs(points: list[_Point], limits: Limits) -> bool:
    (begin_ms, first), (end_ms, last) = points[0], points[-1]
    growth = min(last - first, round(slope_of(points) * (end_ms - begin_ms)))
    if end_ms - begin_ms < limits.memory_span * 1000 or _falls(points, limits.memory_fall):
        return False
    if growth < limits.memory_growth * first or growth < limits.memory_growth_mb * _MB:
        return False
    marks = [_at(points, begin_ms + (end_ms - begin_ms) * part // 8) for part in range(9)]
    quarters = [after - before for before, after in pairwise(marks[::2])]
    if min(quarters) < _QUARTER_SHARE * growth or marks[8] - marks[7] < _NOW_SHARE * growth:
        return False
    return quarters[2] + quarters[3] >= _HALVES * (quarters[0] + quarters[1])


def _falls(points: list[_Point], share: float) -> bool:
    figures = [figure for _, figure in points]
    return any(
        now < (1 - share) * highest for now, highest in zip(figures, accumulate(figures, max), strict=True)
    )


def _at(points: list[_Point], at_ms: int) -> float:
    """The figure at a moment, on the line between its neighbours."""
    for (before_ms, before), (after_ms, after) in pairwise(points):
        if before_ms <= at_ms <= after_ms and after_ms > before_ms:
            return before + (after - before) * (at_ms - before_ms) / (after_ms - before_ms)
    return float(points[-1][1])


def _symptom(service: str, climb: list[SampleLine]) -> Symptom:
    first, middle, last = climb[0], climb[len(climb) // 2], climb[-1]
    before, after = first.sample.rss_bytes or 0, last.sample.rss_bytes or 0
    span_s = (last.sample.at_ms - first.sample.at_ms) / 1000
    pace = (after - before) / _MB * 60 / span_s
    program = last.sample.program or "its program"
    helps = next((text for name, text in _TOOLS.items() if program.startswith(name)), "a heap profile of it")
    return Symptom(
        rule=RULE,
        title=f"Memory of {service} only climbs: {_mb(before)} to {_mb(after)} in {seconds(span_s)}",
        entity=(service,),
        evidence=(first.quote(), middle.quote(), last.quote()),
        recommendation=(
            f"Find what {service} keeps: {helps}. Look at lists, maps and listeners that are only added to, and give caches a"
            f' bound. Where a cache is meant to fill, say so: [[expect]] service = "{service}", memory_ok = true.'
        ),
        service=service,
        position=(last.source, last.position),
        event_ms=last.sample.at_ms,
        pattern=f"{pace:.1f} MB a minute over {seconds(span_s)}, {len(climb)} samples",
        hypothesis=(
            f"Process {last.sample.pid} ({program}) of {service} took {_mb(after - before)} more and gave nothing back: a leak,"
            " or a cache without a bound."
        ),
    )


def _mb(figure: float) -> str:
    return f"{figure / _MB:.0f} MB"
