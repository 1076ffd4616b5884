"""A consumer that is dead or overloaded explains time-outs and retries of the services around it.

Tried from the strongest sign to the weakest: the log line names the stream, the group or the service that should
have answered; the service that waits reads what the late one writes (its answers); it is next to the stream.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream
from tools.synthesis.entities import Entity, EntityKind, words_of
from tools.synthesis.wiring import Wiring


def _cause(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER)
    if late is None:
        return
    owners = wiring.owners_of(late.stream, late.consumer_group)
    for name in (*owners, late.stream, late.consumer_group):
        if name:
            yield Entity(EntityKind.MENTION, name)
    for owner in owners:
        for written in wiring.written_by(owner):
            for reader in wiring.consumers.get(written, ()):
                if reader not in owners:
                    yield Entity(EntityKind.WAITING, reader)
    for near in (*wiring.neighbours(late.stream), *owners):
        yield Entity(EntityKind.NEIGHBOUR, near)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    waiting = as_log(finding, LogCategory.TIMEOUT, LogCategory.RETRY_STORM)
    if waiting is None:
        return
    for word in words_of(waiting):
        if word != waiting.service:
            yield Entity(EntityKind.MENTION, word)
    yield Entity(EntityKind.WAITING, waiting.service)
    yield Entity(EntityKind.NEIGHBOUR, waiting.service)


RULE = CausalRule(
    name="late-consumer-times-out-neighbours",
    says="this group answers late or never, so services that wait for it time out and try again",
    cause=_cause,
    effect=_effect,
    shared=False,
)
