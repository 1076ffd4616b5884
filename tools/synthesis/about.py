"""Which findings are about a stream: those that name it, and those that name its family.

A finding that was made of one family's streams names the family, and not all of them. Where the last poll shows on
which of them it holds (a lag above its limit, pending entries), it is about these; else about each.
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
            found = [by_name[name]] if name in by_name else _members(finding, families.get(name, []), limits)
            for state in found:
                about.setdefault(state.name, []).append(finding)
    return about


def _members(finding: Finding, family: list[StreamState], limits: Judgement) -> list[StreamState]:
    if not isinstance(finding, StreamFinding):
        return family
    return [state for state in family if _shows(finding, state, limits)] or family


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
