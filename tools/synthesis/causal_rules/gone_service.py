"""A service that fell silent explains groups that lost their consumer, and messages it took and does not finish.

Where its process is gone (CRASH) also the lag of its groups; where it lives (ANOMALY) it may well be reading, so
only a group that nobody reads any more, or a message that it holds and says nothing about, is explained.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import ONE_LOOK_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_silence, silent_ms
from tools.synthesis.entities import Entity, EntityKind
from tools.synthesis.wiring import Wiring

_READS = "reads"


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    gone = as_log(finding, LogCategory.CRASH)
    if gone is not None and is_silence(gone):
        yield entities.service(gone.service)
    silent = as_log(finding, LogCategory.CRASH, LogCategory.ANOMALY)
    if silent is not None and is_silence(silent):
        yield Entity(EntityKind.ROLE, f"{silent.service}: {_READS}")


def _effect(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    dead = as_stream(finding, StreamCategory.DEAD_CONSUMER, StreamCategory.STUCK_MESSAGE)
    if dead is not None:
        for owner in wiring.owners_of(dead.stream, dead.consumer_group):
            yield Entity(EntityKind.ROLE, f"{owner}: {_READS}")
    late = as_stream(finding, StreamCategory.CONSUMER_LAG)
    if late is not None:
        yield from map(entities.service, wiring.owners_of(late.stream, late.consumer_group))


RULE = CausalRule(
    name="gone-service-leaves-group-unread",
    says="the service that reads for this group is gone or does nothing any more with what it was given",
    causes=(LogCategory.CRASH, LogCategory.ANOMALY),
    effects=(StreamCategory.DEAD_CONSUMER, StreamCategory.STUCK_MESSAGE, StreamCategory.CONSUMER_LAG),
    cause=_cause,
    effect=_effect,
    lead_ms=ONE_LOOK_MS,
    told_late_ms=silent_ms,
)
