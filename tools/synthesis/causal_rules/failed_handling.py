"""An error of the handler explains that its message is delivered again: the handling fails, so nothing acknowledges it.

They meet in the message that the error names; where it names none, in the group whose stream and own name it tells,
if it is a trace of the service that reads for the group and was there before the redelivery. Only for an error that
says what failed (a trace, an exception, a field, a time-out, the end of the process): a line that only says that the
message could not be handled is what each failing delivery says.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.findings.model import Finding, LogCategory, LogFinding, StreamCategory
from tools.synthesis import entities
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_log, as_stream, is_dead_letter, is_restart, is_silence
from tools.synthesis.causal_rules.signs import TRACE, says_what_failed
from tools.synthesis.entities import Entity, message_ids_of, words_of
from tools.synthesis.wiring import Wiring

_ERRORS = (LogCategory.BUG, LogCategory.CRASH, LogCategory.TIMEOUT)


def failed_handling_of(finding: Finding) -> LogFinding | None:
    """The finding where it is an error that says what failed."""
    error = as_log(finding, *_ERRORS)
    if error is None or is_restart(error) or is_silence(error):
        return None
    return error if error.category is not LogCategory.BUG or says_what_failed(error) else None


def _names_it(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    error = failed_handling_of(finding)
    if error is not None:
        yield from entities.messages_of(error, wiring)


def _redelivered(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and not is_dead_letter(failing):
        yield from entities.messages_of(failing, wiring)


def _handler(finding: Finding, wiring: Wiring) -> Iterator[Entity]:
    error = as_log(finding, LogCategory.BUG, LogCategory.CRASH)
    if error is None or error.rule_id != TRACE or message_ids_of(error):
        return
    words = words_of(error)
    for stream in words:
        for group in wiring.groups_of(error.service, stream):
            if group in words:
                yield entities.group(stream, group)


def _group(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    failing = as_stream(finding, StreamCategory.DELIVERY_FAILURE)
    if failing is not None and failing.consumer_group and not is_dead_letter(failing):
        yield entities.group(failing.stream, failing.consumer_group)


RULE = CausalRule(
    name="failing-handler-brings-message-back",
    says="the handler fails on this message, so it is not acknowledged and comes again",
    causes=_ERRORS,
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_names_it,
    effect=_redelivered,
)
UNNAMED = CausalRule(
    name="failing-handler-brings-messages-back",
    says="the handler of this group failed before, and what it does not acknowledge comes again",
    causes=(LogCategory.BUG, LogCategory.CRASH),
    effects=(StreamCategory.DELIVERY_FAILURE,),
    cause=_handler,
    effect=_group,
    shared=False,
    lead_ms=0,
)
