"""Causal rules applied to findings: who explains whom.

Each effect gets one parent, its nearest explanation, so that the parents form a forest and every cluster has a
root. Further causes of the same kind on the same name are linked as contributing. What would explain an effect as
well and belongs to another trouble is an alternative: it is named, and joins nothing. Causes are filed by key and
looked up: `lookups` counts that work and grows with the number of findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tools.clock import from_iso
from tools.findings.model import ConfigCategory, ConfigFinding, Enhancement, Finding, rank_of
from tools.synthesis import causal_rules
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.entities import STRONG, Entity, EntityKind, strong_entities_of
from tools.synthesis.wiring import Wiring

SLACK_MS = 60_000
"""An effect may have been seen for the last time this long before its cause was first seen: detectors of
different agents look at their own pace, and a threshold is crossed some time after the trouble began."""
CANDIDATES_MAX = 8
"""How many causes of one key are tried for one effect, the strongest first."""
ALTERNATIVES_MAX = 2
"""How many other explanations of one effect are kept for one rule."""
KEYS_MAX = 16
"""Keys of one effect that are kept, of those under which causes are filed."""
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


class Alternative(Struct, frozen=True, kw_only=True, rename="camel"):
    """`cause` would explain `effect` too (finding ids): the evidence does not decide whether it does."""

    rule: str
    says: str
    cause: str
    effect: str
    via: str


@dataclass
class Explanation:
    """All links of a set of findings. `parents`: effect → cause; `lookups`: the work it took."""

    parents: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    lookups: int = 0

    def descends(self, finding_id: str, ancestor: str) -> bool:
        """Whether `ancestor` is `finding_id` or explains it over any number of steps."""
        current: str | None = finding_id
        for _ in range(_DEPTH_MAX):
            if current is None or current == ancestor:
                return current is not None
            current = self.parents.get(current)
        return True

    def root_of(self, finding_id: str) -> str:
        """What explains it over all steps; itself where nothing does."""
        current = finding_id
        for _ in range(_DEPTH_MAX):
            if current not in self.parents:
                break
            current = self.parents[current]
        return current


def explain(
    findings: Sequence[Finding], wiring: Wiring, rules: Iterable[CausalRule] = causal_rules.RULES
) -> Explanation:
    """Links between `findings`; their order does not matter."""
    ordered = sorted(findings, key=_strength)
    explanation = Explanation()
    asked = _ask(tuple(rules), ordered, wiring, explanation)
    times = _Times()
    for one in asked:
        _apply(one, explanation, times)
    explanation.alternatives = _undecided(explanation)
    _join_strong(ordered, wiring, explanation)
    return explanation


def _strength(finding: Finding) -> tuple[int, float, bool, str, str]:
    found = not isinstance(finding, ConfigFinding | Enhancement)  # what stands in files was there before
    return rank_of(finding), -finding.confidence, found, finding.timestamp, finding.finding_id


@dataclass
class _Asked:
    """One rule with what it said of the findings: causes by key, and effects with those keys that causes have."""

    rule: CausalRule
    causes: dict[Entity, list[Finding]] = field(default_factory=dict)
    effects: list[tuple[Finding, list[Entity]]] = field(default_factory=list)


def _ask(
    rules: tuple[CausalRule, ...], ordered: list[Finding], wiring: Wiring, explanation: Explanation
) -> list[_Asked]:
    """Every rule about the findings that concern it; finding by finding, so that its text is looked through once."""
    asked = [_Asked(rule) for rule in rules]
    causes = _by_kind(asked, [rule.causes for rule in rules])
    for finding in ordered:
        for one in _concerned(causes, finding):
            for key in dict.fromkeys(one.rule.cause(finding, wiring)):
                explanation.lookups += 1
                one.causes.setdefault(key, []).append(finding)
    effects = _by_kind(
        asked, [rule.effects if one.causes else () for one, rule in zip(asked, rules, strict=True)]
    )
    for finding in ordered:
        for one in _concerned(effects, finding):
            known: list[Entity] = []
            for key in one.rule.effect(finding, wiring):
                explanation.lookups += 1
                if key in one.causes and len(known) < KEYS_MAX:
                    known.append(key)
            if known:
                one.effects.append((finding, known))
    return asked


def _by_kind(asked: list[_Asked], kinds: list[tuple[str, ...]]) -> dict[str, list[_Asked]]:
    found: dict[str, list[_Asked]] = {}
    for one, names in zip(asked, kinds, strict=True):
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(one)
    return found


def _concerned(by_kind: dict[str, list[_Asked]], finding: Finding) -> list[_Asked]:
    return [*by_kind.get(finding.category, ()), *by_kind.get(finding.rule_id, ())]


def _apply(asked: _Asked, explanation: Explanation, times: _Times) -> None:
    rule = asked.rule
    used: set[Entity] = set()
    for effect, keys in asked.effects:
        for key in keys:
            causes = asked.causes[key]
            explanation.lookups += len(causes[:CANDIDATES_MAX])
            fitting = [
                cause
                for cause in causes[:CANDIDATES_MAX]
                if _explains(rule, cause, effect, explanation, times)
            ]
            if not fitting:
                continue
            if rule.decides and effect.finding_id not in explanation.parents:
                parent = fitting.pop(0)
                explanation.parents[effect.finding_id] = parent.finding_id
                explanation.links.append(_link(rule, parent, effect, key))
                if rule.shared and key not in used:
                    used.add(key)
                    _contribute(asked, effect, key, explanation, times)
                if rule.shared:
                    break
            _keep(rule, fitting, effect, key, explanation)
            break


def _contribute(asked: _Asked, effect: Finding, key: Entity, explanation: Explanation, times: _Times) -> None:
    for cause in asked.causes[key]:
        explanation.lookups += 1
        known = explanation.parents[effect.finding_id] == cause.finding_id
        if not known and _explains(asked.rule, cause, effect, explanation, times):
            explanation.links.append(_link(asked.rule, cause, effect, key))


def _keep(
    rule: CausalRule, causes: list[Finding], effect: Finding, key: Entity, explanation: Explanation
) -> None:
    explanation.alternatives.extend(
        Alternative(
            rule=rule.name,
            says=rule.says,
            cause=cause.finding_id,
            effect=effect.finding_id,
            via=str(key),
        )
        for cause in causes[:ALTERNATIVES_MAX]
    )


def _undecided(explanation: Explanation) -> list[Alternative]:
    """Those that do not lead to the root that the effect has anyway, one a pair of findings."""
    known = {(link.cause, link.effect) for link in explanation.links}
    kept: dict[tuple[str, str], Alternative] = {}
    for found in explanation.alternatives:
        pair = found.cause, found.effect
        if pair not in known and explanation.root_of(found.cause) != explanation.root_of(found.effect):
            kept.setdefault(pair, found)
    return list(kept.values())


def _explains(
    rule: CausalRule, cause: Finding, effect: Finding, explanation: Explanation, times: _Times
) -> bool:
    """Whether the times fit, and the cause is no consequence of its effect."""
    if not _is_standing(cause):
        began_ms, last_ms = times.of(effect)
        told_ms, _ = times.of(cause)
        if last_ms < told_ms - SLACK_MS:
            return False
        if rule.lead_ms is not None and began_ms < told_ms - rule.lead_ms - rule.told_late_ms(cause):
            return False
    return not explanation.descends(cause.finding_id, effect.finding_id)


class _Times:
    """When findings were seen first and last, in ms since the epoch; each is read once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, finding: Finding) -> tuple[int, int]:
        found = self._known.get(finding.finding_id)
        if found is None:
            found = from_iso(finding.timestamp), from_iso(finding.last_seen)
            self._known[finding.finding_id] = found
        return found


def _is_standing(cause: Finding) -> bool:
    """Whether it stands in files, which are older than the session; a stream that appears in it is not."""
    if isinstance(cause, ConfigFinding):
        return cause.category is not ConfigCategory.ROGUE_STREAM
    return isinstance(cause, Enhancement)


def _link(rule: CausalRule, cause: Finding, effect: Finding, key: Entity) -> Link:
    return Link(
        rule=rule.name,
        says=rule.says,
        cause=cause.finding_id,
        effect=effect.finding_id,
        via=str(key),
        at=effect.timestamp,
    )


def _join_strong(ordered: list[Finding], wiring: Wiring, explanation: Explanation) -> None:
    sharing: dict[Entity, list[Finding]] = {}
    for finding in ordered:
        for entity in strong_entities_of(finding, wiring):
            explanation.lookups += 1
            sharing.setdefault(entity, []).append(finding)
    shared = [entity for entity, sharers in sharing.items() if len(sharers) > 1]
    for entity in sorted(shared, key=lambda item: (STRONG.index(item.kind), item.name, item.stream)):
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
