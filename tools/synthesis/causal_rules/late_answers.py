"""A consumer that is dead or overloaded explains time-outs and retries of the services that wait for its answers.

Tried from the stronger sign to the weaker: the log line names the group or the service that should have answered, or
the stream where it answers anybody; the service that waits writes what the late one reads and reads what it writes.
A service that only shares a stream with it waits for nothing, and neither does a line that tells of a network peer.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis.causal_rules.contract import FIVE_MINUTES_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream
from tools.synthesis.entities import Entity, EntityKind, words_of
from tools.synthesis.wiring import Wiring

_NETWORK = frozenset(
    {"ETIMEDOUT", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENOTFOUND", "EAI_AGAIN", "EPIPE"}
)
"""What a connection that failed says."""


def _cause(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER)
    if late is None:
        return
    owners = wiring.owners_of(late.stream, late.consumer_group)
    readers = {
        reader
        for owner in owners
        for written in wiring.written_by(owner)
        for reader in wiring.consumers.get(written, ())
    }
    for name in (*owners, late.consumer_group, late.stream if readers else None):
        if name:
            yield Entity(EntityKind.MENTION, name)
    for asker in wiring.producers.get(late.stream, ()):
        if asker in readers and asker not in owners:
            yield Entity(EntityKind.WAITING, asker)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    waiting = as_log(finding, LogCategory.TIMEOUT, LogCategory.RETRY_STORM)
    if waiting is None:
        return
    words = words_of(waiting)
    for word in words:
        if word != waiting.service:
            yield Entity(EntityKind.MENTION, word)
    if _NETWORK.isdisjoint(words):
        yield Entity(EntityKind.WAITING, waiting.service)


RULE = CausalRule(
    name="late-consumer-times-out-neighbours",
    says="this group answers late or never, so services that wait for it time out and try again",
    causes=(StreamCategory.CONSUMER_LAG, StreamCategory.DEAD_CONSUMER),
    effects=(LogCategory.TIMEOUT, LogCategory.RETRY_STORM),
    cause=_cause,
    effect=_effect,
    shared=False,
    lead_ms=FIVE_MINUTES_MS,
)
