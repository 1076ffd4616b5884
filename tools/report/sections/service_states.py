"""Whether a service that ended, was started again or fell silent ran at the end of the window, as far as was seen.

Three things tell it: the session's own look at processes (`events.jsonl`, managed mode), the last recorded line, and
reads of its groups at the last poll. Where none of them does, it is not known, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tools.clock import from_iso, iso
from tools.findings.model import LogCategory, LogFinding, Severity, rank_of
from tools.quantities import format_duration
from tools.report.context import Context
from tools.report.model import ServiceState
from tools.synthesis.causal_rules.kinds import as_log, is_restart, is_silence
from tools.synthesis.health import is_measured
from tools.synthesis.log_survey import ServiceLog

NEAR_MS = 15_000
"""A line or a read so shortly before the end shows that the service ran then: one poll interval of the default."""
LAST_WORDS_MS = 1000
"""So long after a crash what ran the service may still tell of it (`exited with code 1`)."""
State = Literal["running", "down", "unknown"]
TOLD_MAX = 5
"""Services that one sentence names."""
_RUNS = frozenset({"service-ready", "service-restarted", "service-back"})
_GONE = "service-gone"
_RESTARTED = "service-restarted"


@dataclass
class _Story:
    """What tells of one service. `look` is what was seen of its process last, and when (ms since the epoch)."""

    crashes: list[LogFinding] = field(default_factory=list)
    look: tuple[str, int] | None = None
    looked_restarts: int = 0
    troubled: bool = False


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of the window: when, and what each service logged and read last."""

    end_ms: int
    logs: Mapping[str, ServiceLog]
    alive: Mapping[str, Sequence[tuple[str, str]]]


def build(context: Context) -> tuple[ServiceState, ...]:
    """One for each service about which something tells that it ended, or whose process was seen to go."""
    stories: dict[str, _Story] = {}
    for finding in context.findings:
        crash = as_log(finding, LogCategory.CRASH, LogCategory.ANOMALY)
        if crash is not None and is_measured(crash):
            story = stories.setdefault(crash.service, _Story())
            story.troubled = story.troubled or _tells_of_an_end(crash)
            if crash.category is LogCategory.CRASH:
                story.crashes.append(crash)
    for kind, service, at_ms in _looks(context):
        story = stories.setdefault(service, _Story())
        story.look = kind, at_ms
        story.looked_restarts += kind == _RESTARTED
        story.troubled = story.troubled or kind not in {"service-ready", "service-back"}
    troubled = {name: story for name, story in sorted(stories.items()) if story.troubled}
    ending = _Ending(
        context.data.end_ms, {log.service: log for log in context.data.logs.services}, alive_groups(context)
    )
    return tuple(_state(ending, name, story) for name, story in troubled.items())


def told(states: Sequence[ServiceState]) -> str:
    """One sentence for the first page, what is down first; "" where there is nothing to tell."""
    order = {"down": 0, "unknown": 1, "running": 2}
    first = sorted(states, key=lambda one: (order[one.state], one.service))
    more = f"; and {len(first) - TOLD_MAX} more" if len(first) > TOLD_MAX else ""
    said = "; ".join(f"{one.service}: {one.says}" for one in first[:TOLD_MAX])
    return f"{said}{more}." if said else ""


def _tells_of_an_end(finding: LogFinding) -> bool:
    ends = finding.category is LogCategory.CRASH and rank_of(finding) <= Severity.HIGH.rank
    return ends or is_silence(finding)


def _looks(context: Context) -> Iterator[tuple[str, str, int]]:
    """What the session saw of the services' processes, in its order."""
    for event in context.data.events:
        kind, service, at = event.get("type"), event.get("service"), event.get("at")
        if kind not in _RUNS and kind != _GONE:
            continue
        if isinstance(kind, str) and isinstance(service, str) and isinstance(at, str):
            try:
                yield kind, service, from_iso(at)
            except ValueError:
                continue


def _state(ending: _Ending, service: str, story: _Story) -> ServiceState:
    log = ending.logs.get(service)
    line_ms = None if log is None else log.last_arrived_ms
    state, seen = _seen(ending, service, story, line_ms)
    restarts, restart_ms = _restarts(story)
    times = "once" if restarts == 1 else f"{restarts} times"
    again = "" if restart_ms is None else f"started again {times}, last at {_clock(restart_ms)}; "
    return ServiceState(
        service=service,
        state=state,
        restarts=restarts,
        last_start=None if restart_ms is None else iso(restart_ms),
        last_line=None if line_ms is None else iso(line_ms),
        says=f"{again}{seen}",
    )


def _seen(ending: _Ending, service: str, story: _Story, line_ms: int | None) -> tuple[State, str]:
    """State, and the half sentence that tells it."""
    end_ms, look = ending.end_ms, story.look
    silent_ms = None if line_ms is None else max(0, end_ms - line_ms)
    silent = "" if silent_ms is None else f"its last line came {_length(silent_ms)} before the end"
    if look is not None and look[0] == _GONE and (line_ms is None or line_ms <= look[1] + NEAR_MS):
        return "down", f"DOWN at the end of the window, its process gone from {_clock(look[1])} on"
    if silent_ms is not None and silent_ms <= NEAR_MS and _logged_on(story, line_ms):
        return "running", "it ran at the end of the window, and still logged"
    if look is not None and _outlived(story, look[1], end_ms):
        return "running", f"its process ran at the end of the window{f', but {silent}' if silent else ''}"
    read = ending.alive.get(service)
    if read and _outlived(story, end_ms - NEAR_MS, end_ms):
        return "running", f"it ran at the end of the window, and still read {read[0][0]}"
    return "unknown", f"whether it ran at the end of the window is not known{f': {silent}' if silent else ''}"


def _logged_on(story: _Story, line_ms: int | None) -> bool:
    """Whether its last line came after it crashed last: what it says as it dies shows no life. A start does."""
    ends = [one for one in story.crashes if not is_silence(one) and not is_restart(one)]
    crashed_ms = max((from_iso(one.last_seen) for one in ends), default=None)
    return crashed_ms is None or (line_ms or 0) > crashed_ms + LAST_WORDS_MS


def _outlived(story: _Story, look_ms: int, end_ms: int) -> bool:
    """Whether its process was there after its last crash: seen later, or looked at since and not missed."""
    crashed_ms = max((from_iso(one.last_seen) for one in story.crashes if not is_silence(one)), default=None)
    return crashed_ms is None or crashed_ms < max(look_ms, end_ms - NEAR_MS)


def _restarts(story: _Story) -> tuple[int, int | None]:
    """How often it was seen to start again, and when last; of the log's and the process' story the longer one."""
    found = [one for one in story.crashes if is_restart(one)]
    times = [from_iso(one.last_seen) for one in found]
    if story.look is not None and story.look[0] == _RESTARTED:
        times.append(story.look[1])
    return max(sum(one.occurrences for one in found), story.looked_restarts), max(times, default=None)


def alive_groups(context: Context) -> Mapping[str, Sequence[tuple[str, str]]]:
    """By service the stream and group with which it read within `NEAR_MS` of the last poll, of those that by code only it has."""
    final, owners = context.data.final, context.wiring.owners
    found: dict[str, list[tuple[str, str]]] = {}
    for stream in final.streams if final is not None else ():
        for group in stream.groups:
            name = stream.name, group.info.name
            who = owners.get(name, ())
            if len(who) == 1 and any(one.idle <= NEAR_MS for one in group.consumers or ()):
                found.setdefault(who[0], []).append(name)
    return found


def _clock(ms: int) -> str:
    return f"{iso(ms)[11:19]} UTC"


def _length(ms: int) -> str:
    return format_duration(round(ms / 1000)) if ms >= 1000 else f"{ms}ms"
