"""A message that a group was given last and does not finish explains that nothing was delivered after it, and more waits.

A reader that hangs in its work holds the last message of its group: that it is stuck is the nearer fact, the lag
follows. Where entries went on being delivered, the group is slow for another reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools import linear
from tools.findings.model import Finding, StreamCategory, StreamFinding, stream_shown
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.kinds import as_stream
from tools.synthesis.entities import EVIDENCE_CHARS_MAX, Entity, EntityKind
from tools.synthesis.wiring import Wiring

STANDS_STILL = "Nothing was delivered since the poll before"
"""How the rule on lag says so."""
_LAST_DELIVERED = linear.compile(r'"last-delivered-id":"(\d{1,20}-\d{1,20})"')


def _cause(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    stuck = as_stream(finding, StreamCategory.STUCK_MESSAGE)
    if stuck is not None:
        yield from (_held(stuck, message_id) for message_id in stuck.message_ids)


def _effect(finding: Finding, _wiring: Wiring) -> Iterator[Entity]:
    late = as_stream(finding, StreamCategory.CONSUMER_LAG)
    if late is not None and STANDS_STILL in late.hypothesis:
        last = _LAST_DELIVERED.search(late.evidence[:EVIDENCE_CHARS_MAX])
        if last is not None:
            yield _held(late, last.group(1))


def _held(finding: StreamFinding, message_id: str) -> Entity:
    return Entity(
        EntityKind.MESSAGE, f"{message_id} of group {finding.consumer_group}", stream_shown(finding)
    )


RULE = CausalRule(
    name="held-message-stops-its-group",
    says="the group was given this message last, has not finished it and was given nothing after it",
    causes=(StreamCategory.STUCK_MESSAGE,),
    effects=(StreamCategory.CONSUMER_LAG,),
    cause=_cause,
    effect=_effect,
    shared=False,
)
