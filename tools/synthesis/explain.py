"""Causal rules applied to findings: who explains whom.

Each effect gets one parent, its nearest explanation, so that the parents form a forest and every cluster has a
root. Further causes of the same kind on the same name are linked as contributing. Causes are filed by key and
looked up: `lookups` counts that work and grows with the number of findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tools.clock import from_iso
from tools.findings.model import Finding, rank_of
from tools.synthesis import causal_rules
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.entities import STRONG, Entity, EntityKind, strong_entities_of
from tools.synthesis.wiring import Wiring

SLACK_MS = 60_000
"""An effect may have been seen for the last time this long before its cause was first seen: detectors of
different agents look at their own pace, and a threshold is crossed some time after the trouble began."""
CANDIDATES_MAX = 8
"""How many causes of one key are tried for one effect, the strongest first."""
POPULAR = 8
"""A correlation id in more findings than this is a constant, not one flow."""
_DEPTH_MAX = 64
SHARED = "same-"
"""Begins the rule of a link that only says that two findings are about one name."""


class Link(Struct, frozen=True, kw_only=True, rename="camel"):
    """One step of a chain: `cause` explains `effect` (finding ids), and what name or time joins them."""

    rule: str
    says: str
    cause: str
    effect: str
    via: str
    at: str
    """When the effect was first observed."""


@dataclass
class Explanation:
    """All links of a set of findings. `parents`: effect → cause; `lookups`: the work it took."""

    parents: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    lookups: int = 0

    def descends(self, finding_id: str, ancestor: str) -> bool:
        """Whether `ancestor` is `finding_id` or explains it over any number of steps."""
        current: str | None = finding_id
        for _ in range(_DEPTH_MAX):
            if current is None or current == ancestor:
                return current is not None
            current = self.parents.get(current)
        return True


def explain(
    findings: Sequence[Finding], wiring: Wiring, rules: Iterable[CausalRule] = causal_rules.RULES
) -> Explanation:
    """Links between `findings`; their order does not matter."""
    ordered = sorted(findings, key=_strength)
    explanation = Explanation()
    for rule in rules:
        _apply(rule, ordered, wiring, explanation)
    _join_strong(ordered, explanation)
    return explanation


def _strength(finding: Finding) -> tuple[int, float, str, str]:
    return rank_of(finding), -finding.confidence, finding.timestamp, finding.finding_id


def _apply(rule: CausalRule, ordered: list[Finding], wiring: Wiring, explanation: Explanation) -> None:
    filed: dict[Entity, list[Finding]] = {}
    for finding in ordered:
        for key in dict.fromkeys(rule.cause(finding, wiring)):
            explanation.lookups += 1
            filed.setdefault(key, []).append(finding)
    used: set[Entity] = set()
    for effect in ordered if filed else ():
        if effect.finding_id in explanation.parents:
            continue
        found = _parent(effect, rule.effect(effect, wiring), filed, explanation)
        if found is None:
            continue
        key, parent = found
        explanation.parents[effect.finding_id] = parent.finding_id
        explanation.links.append(_link(rule, parent, effect, key))
        if rule.shared and key not in used:
            used.add(key)
            for cause in filed[key]:
                explanation.lookups += 1
                if cause is not parent and _explains(cause, effect, explanation):
                    explanation.links.append(_link(rule, cause, effect, key))


def _parent(
    effect: Finding, keys: Iterable[Entity], filed: dict[Entity, list[Finding]], explanation: Explanation
) -> tuple[Entity, Finding] | None:
    for key in keys:
        explanation.lookups += 1
        for cause in filed.get(key, [])[:CANDIDATES_MAX]:
            explanation.lookups += 1
            if _explains(cause, effect, explanation):
                return key, cause
    return None


def _explains(cause: Finding, effect: Finding, explanation: Explanation) -> bool:
    if from_iso(effect.last_seen) < from_iso(cause.timestamp) - SLACK_MS:
        return False
    return not explanation.descends(cause.finding_id, effect.finding_id)


def _link(rule: CausalRule, cause: Finding, effect: Finding, key: Entity) -> Link:
    return Link(
        rule=rule.name,
        says=rule.says,
        cause=cause.finding_id,
        effect=effect.finding_id,
        via=str(key),
        at=effect.timestamp,
    )


def _join_strong(ordered: list[Finding], explanation: Explanation) -> None:
    sharing: dict[Entity, list[Finding]] = {}
    for finding in ordered:
        for entity in strong_entities_of(finding):
            explanation.lookups += 1
            sharing.setdefault(entity, []).append(finding)
    for entity in sorted(sharing, key=lambda item: (STRONG.index(item.kind), item.name)):
        sharers = sharing[entity]
        if entity.kind is EntityKind.CORRELATION and len(sharers) > POPULAR:
            continue
        first = sharers[0]
        for other in sharers[1:]:
            explanation.lookups += 1
            explanation.links.append(
                Link(
                    rule=f"{SHARED}{entity.kind.value.replace(' ', '-')}",
                    says=f"both are about {entity}",
                    cause=first.finding_id,
                    effect=other.finding_id,
                    via=str(entity),
                    at=other.timestamp,
                )
            )
