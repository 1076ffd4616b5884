"""What a causal rule is: which finding can be a cause, which an effect, and on what name they meet.

A rule yields keys, never pairs: causes are filed under their keys once, and each effect looks its own keys up.
So the work grows with the number of findings, not with its square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.findings.model import Finding
from tools.synthesis.entities import Entity
from tools.synthesis.wiring import Wiring

Keys = Callable[[Finding, Wiring], Iterable[Entity]]
"""The keys of a finding under one rule, the most telling first; empty where the rule does not concern it."""

ONE_LOOK_MS = 60_000
"""How late a cause may be told that its first look shows: detectors look at their own pace, polls up to 30 s apart."""
FIVE_MINUTES_MS = 300_000


def told_at_once(_cause: Finding) -> int:
    """Of causes that are told when they are seen."""
    return 0


@dataclass(frozen=True, slots=True)
class CausalRule:
    """One way in which one finding explains another.

    `name` stands in the report's chains; `says` completes "the first explains the second because …".
    `causes` and `effects` are the categories or rule ids that it is asked about: it is asked about no other finding.
    `shared` is True where every cause filed under the same key contributes to the effect; else only the
    strongest one is linked (a time-out has one explanation, an unread stream may have several).
    `lead_ms` is how long before its cause was told an effect may have begun: a limit is passed some time after the
    trouble began. None where cause and effect share so much (a message, a group) that time decides nothing, but the
    effect must still have been seen when the cause began. What stands in files is older than the session.
    `told_late_ms` is how long after its beginning one cause was told, where it was told by its absence; it adds to `lead_ms`.
    `decides` is False where the cause is common without its effect: it is named as an alternative and links nothing.
    """

    name: str
    says: str
    causes: tuple[str, ...]
    effects: tuple[str, ...]
    cause: Keys
    effect: Keys
    shared: bool = True
    lead_ms: int | None = None
    told_late_ms: Callable[[Finding], int] = told_at_once
    decides: bool = True
