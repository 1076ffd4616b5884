"""Which findings are about a stream: those that name it, and those that name its family.

A finding that was made of one family's streams is about the members that it lists. Of those that it counts only, and
of a family that code names, it is about the ones on which the last poll shows what it tells (a lag above its limit,
pending entries); where that decides nothing, about each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tools.detectors.streams.families import family_of
from tools.detectors.thresholds import Judgement
from tools.findings.model import Finding, StreamCategory, StreamFinding, streams_of
from tools.sources.records import GroupState, StreamState

_OF_PENDING = frozenset({
    StreamCategory.STUCK_MESSAGE,
    StreamCategory.MISSING_ACK,
    StreamCategory.DELIVERY_FAILURE,
})  # fmt: skip
_BY_LIMIT = "stream.consumer-lag"


def findings_about(
    findings: Iterable[Finding], states: Sequence[StreamState], judgement: Judgement | None = None
) -> Mapping[str, list[Finding]]:
    """The findings about each stream of a poll, in the order given; a stream that none is about is not listed."""
    limits = judgement or Judgement()
    by_name = {state.name: state for state in states}
    families: dict[str, list[StreamState]] = {}
    for state in states:
        if family_of(state.name) != state.name:
            families.setdefault(family_of(state.name), []).append(state)
    about: dict[str, list[Finding]] = {}
    for finding in findings:
        for name in streams_of(finding):
            members = finding.members if isinstance(finding, StreamFinding) else ()
            found = [by_name[member] for member in members or (name,) if member in by_name]
            if _counts_more(finding) or not (members or found):
                found += _others(finding, families.get(name, []), limits)
            for state in found:
                about.setdefault(state.name, []).append(finding)
    return about


def _counts_more(finding: Finding) -> bool:
    return isinstance(finding, StreamFinding) and finding.more_members > 0


def _others(finding: Finding, family: list[StreamState], limits: Judgement) -> list[StreamState]:
    """Those of its family that a finding does not list and may be about."""
    if not isinstance(finding, StreamFinding):
        return family
    listed = frozenset(finding.members)
    rest = [state for state in family if state.name not in listed]
    shown = [state for state in rest if _shows(finding, state, limits)]
    return shown if shown or listed else rest


def _shows(finding: StreamFinding, state: StreamState, limits: Judgement) -> bool:
    """Whether what the finding tells may hold of this stream, by its figures."""
    wanted = finding.consumer_group
    groups = [group for group in state.groups if wanted is None or group.info.name == wanted]
    if finding.category in _OF_PENDING:
        return any(group.info.pending > 0 for group in groups)
    if finding.category is StreamCategory.CONSUMER_LAG:
        return any(_is_behind(finding, state, group, limits) for group in groups)
    return True


def _is_behind(finding: StreamFinding, state: StreamState, group: GroupState, limits: Judgement) -> bool:
    if group.lag is None:
        return True
    if finding.rule_id != _BY_LIMIT:
        return group.lag.messages > 0
    return group.lag.messages > limits.limits_for(stream=state.name, group=group.info.name).consumer_lag
