"""A consumer that is dead or overloaded explains time-outs and retries of the services that wait for its answers.

Tried from the stronger sign to the weaker: the log line says that this very service does not answer, or has it as the
host of its address; the service that waits writes what the late one reads and reads what it writes. Names of groups
and streams are words like any other, and say nothing. A service that only shares a stream with the late one waits for
nothing, and neither does a line that tells of a network peer, a database or a failed write.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, StreamCategory
from tools.synthesis.causal_rules.contract import FIVE_MINUTES_MS, CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream
from tools.synthesis.causal_rules.sign import Sign
from tools.synthesis.causal_rules.signs import hosts
from tools.synthesis.entities import EVIDENCE_CHARS_MAX, Entity, EntityKind
from tools.synthesis.wiring import Wiring

_ELSEWHERE = Sign(
    r"\b(?:ETIMEDOUT|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE)\b|"
    r"(?i:\b(?:xadd|publish\w*|connect(?:ing|ion)?|database|db|sql|query|statement|postgres\w*|mysql|mongo\w*|smtp|dns)\b)",
    "etimedout|econn|ehostunreach|enotfound|eai_again|epipe|xadd|publish|connect|database|db|sql|query|statement|postgres|"
    "mongo|smtp|dns",
)
"""What a connection that failed says, and a wait for something that is no answer of another service."""
_NAME = "['\"\x60]?([A-Za-z_][A-Za-z0-9_-]*)"
_UNANSWERED = tuple(
    Sign(pattern, words)
    for pattern, words in (
        (rf"(?i)\b(?:answers?|repl(?:y|ies)|responses?) (?:from|of|by) {_NAME}", "answer|repl|response"),
        (
            rf"(?i){_NAME}['\"\x60]? (?:did|does|has) not (?:answer|repl|respond)",
            " not answer| not repl| not respond",
        ),
        (rf"(?i)\b(?:requests?|calls?|calling|wait(?:s|ed|ing)?) (?:to|for|on) {_NAME}", "request|call|wait"),
    )
)


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
    yield from (Entity(EntityKind.MENTION, owner) for owner in owners)
    for asker in wiring.producers.get(late.stream, ()):
        if asker in readers and asker not in owners:
            yield Entity(EntityKind.WAITING, asker)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    waiting = as_log(finding, LogCategory.TIMEOUT, LogCategory.RETRY_STORM)
    if waiting is None:
        return
    text = waiting.evidence[:EVIDENCE_CHARS_MAX]
    called = hosts(text)
    said = called or {name: None for sign in _UNANSWERED for name in sign.all(text)}
    yield from (Entity(EntityKind.MENTION, name) for name in said if name != waiting.service)
    if not called and not _ELSEWHERE.is_in(text):
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
