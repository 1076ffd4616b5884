"""What in an alert file can have no effect: said before the night in which it was counted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

from orchestrator.alerts.episodes import EVENTS, STATUSES, Episode
from orchestrator.alerts.rules import AlertRules, Match, Route, every, routes_of
from orchestrator.session import rules as session_rules
from tools.detectors import registry
from tools.findings.model import AgentId, ConfigCategory, LogCategory, Severity, StreamCategory

_AT_LEAST = ">="


@cache
def vocabulary() -> Mapping[str, frozenset[str]]:
    """The values that these labels can have. What the audited system names (services, streams) nobody knows before."""
    rules = {*registry.rules(), *(rule.id for rule in session_rules.RULES)}
    categories = {item.value for kind in (LogCategory, StreamCategory, ConfigCategory) for item in kind}
    return {
        "event": frozenset(EVENTS),
        "severity": frozenset(Severity),
        "category": frozenset({*categories, ""}),
        "agent": frozenset({*AgentId, ""}),
        "status": frozenset({*STATUSES, ""}),
        "rule": frozenset({*rules, ""}),
    }


def problems(rules: AlertRules, episodes: Sequence[Episode], now_ms: int) -> Iterator[str]:
    """Sentences about what can have no effect, and about what had none on the episodes that are remembered."""
    used = {timing.receiver for _, timing in every(rules.route)}
    for receiver in rules.receivers:
        if receiver.name not in used:
            yield f"the receiver {receiver.name!r} is named by no route"
    for route, timing in every(rules.route):
        for match in (route.match, *route.match_any):
            yield from (f"{_name(timing.place)}: {text}" for text in _idle(match))
        yield from (f"{_name(timing.place)}: {text}" for text in _shadowed(route))
    for number, silence in enumerate(rules.silences):
        if silence.until_ms <= now_ms:
            yield f"silences[{number}] ended at {silence.until}; remove it"
        yield from (f"silences[{number}]: {text}" for text in _idle(silence.match))
        yield from _unmatched(f"silences[{number}]", silence.match, episodes)
    for number, inhibition in enumerate(rules.inhibit):
        for part, match in (("source", inhibition.source), ("target", inhibition.target)):
            yield from (f"inhibit[{number}].{part}: {text}" for text in _idle(match))


def taken(rules: AlertRules, episodes: Sequence[Episode]) -> Iterator[str]:
    """How many of the episodes that are remembered each route takes."""
    counts = {timing.place: 0 for _, timing in every(rules.route)}
    for item in episodes:
        for timing in routes_of(rules, item.labels):
            counts[timing.place] += 1
    for _, timing in every(rules.route):
        yield f"{_name(timing.place)} → {timing.receiver}: {counts[timing.place]} of {len(episodes)} episodes"


def _idle(match: Match) -> Iterator[str]:
    for name, values in vocabulary().items():
        patterns: tuple[str, ...] = getattr(match, name)
        for pattern in patterns:
            plain = pattern.removeprefix(_AT_LEAST).strip().casefold()
            if not any(fnmatchcase(value.casefold(), plain) for value in values):
                yield f"{name}: {pattern!r} can match nothing"


def _shadowed(route: Route) -> Iterator[str]:
    """Routes below this one that an earlier one leaves nothing."""
    before: list[Route] = []
    for number, child in enumerate(route.routes):
        wanted = (child.match, child.match_any)
        if any(one.takes_all or (one.match, one.match_any) == wanted for one in before):
            yield f"routes[{number}] can never be reached: an earlier one takes all that it matches"
        if not child.go_on:
            before.append(child)


def _unmatched(name: str, match: Match, episodes: Sequence[Episode]) -> Iterator[str]:
    if episodes and not any(match.holds(item.labels) for item in episodes):
        yield f"{name} matches none of the {len(episodes)} episodes that are remembered"


def _name(place: str) -> str:
    return "route" + "".join(f".routes[{number}]" for number in place.split(".")[1:])
