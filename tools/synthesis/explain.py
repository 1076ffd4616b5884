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

from tools.findings.model import ConfigFinding, Enhancement, Finding, rank_of
from tools.synthesis import causal_rules
from tools.synthesis.asking import Asked, Told, ask
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.entities import STRONG, Entity, EntityKind
from tools.synthesis.wiring import Wiring

SLACK_MS = 60_000
"""An effect may have been seen for the last time this long before its cause was first seen: detectors of
different agents look at their own pace, and a threshold is crossed some time after the trouble began."""
CANDIDATES_MAX = 8
"""How many causes of one key are tried for one effect, the strongest first."""
ALTERNATIVES_MAX = 2
"""How many other explanations of one effect are kept for one rule."""
POPULAR = 8
"""A correlation id in more findings than this is a constant, not one flow."""
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


@dataclass(frozen=True, slots=True)
class Joined:
    """Findings that links join, in the order of their ids, and those links."""

    findings: list[Finding]
    links: list[Link]


@dataclass
class Explanation:
    """All links of a set of findings. `parents`: effect → cause; `lookups`: the work it took.

    `told` are all findings, the strongest first, and `ends` the numbers of each link's cause and effect among them.
    """

    parents: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    lookups: int = 0
    told: list[Told] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)

    def joined(self) -> list[Joined]:
        """What the links join, in the order of first ids; a finding without a link is in none."""
        leader = list(range(len(self.told)))

        def find(number: int) -> int:
            while leader[number] != number:
                leader[number] = leader[leader[number]]
                number = leader[number]
            return number

        for cause, effect in self.ends:
            first, second = find(cause), find(effect)
            if first < second:
                leader[second] = first
            else:
                leader[first] = second
        made: dict[int, Joined] = {}
        for (cause, _), link in zip(self.ends, self.links, strict=True):
            made.setdefault(find(cause), Joined([], [])).links.append(link)
        for told in self.told:
            whole = made.get(find(told.number))
            if whole is not None:
                whole.findings.append(told.finding)
        for whole in made.values():
            whole.findings.sort(key=_id)
        return sorted(made.values(), key=lambda whole: whole.findings[0].finding_id)


def _id(finding: Finding) -> str:
    return finding.finding_id


def explain(
    findings: Sequence[Finding], wiring: Wiring, rules: Iterable[CausalRule] = causal_rules.RULES
) -> Explanation:
    """Links between `findings`; their order does not matter."""
    told = [Told(number, finding) for number, finding in enumerate(sorted(findings, key=_strength))]
    answers = ask(rules, told, wiring)
    linking = _Linking(answers.lookups)
    for one in answers.asked:
        linking.apply(one)
    alternatives = linking.undecided()
    linking.join_strong(answers.sharing)
    return Explanation(
        parents={
            one.finding.finding_id: one.parent.finding.finding_id for one in told if one.parent is not None
        },
        links=linking.links,
        alternatives=alternatives,
        lookups=linking.lookups,
        told=told,
        ends=linking.ends,
    )


def _strength(finding: Finding) -> tuple[int, float, bool, str, str]:
    found = not isinstance(finding, ConfigFinding | Enhancement)  # what stands in files was there before
    return rank_of(finding), -finding.confidence, found, finding.timestamp, finding.finding_id


class _Linking:
    """Links as they are found, rule by rule, with their ends' numbers, and what would explain an effect as well."""

    def __init__(self, lookups: int) -> None:
        self.links: list[Link] = []
        self.ends: list[tuple[int, int]] = []
        self.lookups = lookups
        self._others: dict[tuple[int, int], tuple[CausalRule, Told, Told, Entity]] = {}

    def apply(self, asked: Asked) -> None:
        """Find each effect's parent under one rule, or what else would explain it."""
        rule = asked.rule
        used: set[Entity] = set()
        for effect, keys in asked.effects:
            for key in keys:
                causes = asked.causes[key][:CANDIDATES_MAX]
                self.lookups += len(causes)
                fitting = [cause for cause in causes if _explains(rule, cause, effect)]
                if not fitting:
                    continue
                if rule.decides and effect.parent is None:
                    effect.parent = fitting.pop(0)
                    self._link(rule, effect.parent, effect, key)
                    if rule.shared and key not in used:
                        used.add(key)
                        self._contribute(asked, effect, key)
                    if rule.shared:
                        break
                for cause in fitting[:ALTERNATIVES_MAX]:
                    self._others.setdefault((cause.number, effect.number), (rule, cause, effect, key))
                break

    def _contribute(self, asked: Asked, effect: Told, key: Entity) -> None:
        for cause in asked.causes[key]:
            self.lookups += 1
            if cause is not effect.parent and _explains(asked.rule, cause, effect):
                self._link(asked.rule, cause, effect, key)

    def _link(self, rule: CausalRule, cause: Told, effect: Told, key: Entity) -> None:
        self._join(rule.name, rule.says, cause, effect, str(key))

    def _join(self, rule: str, says: str, cause: Told, effect: Told, via: str) -> None:
        self.ends.append((cause.number, effect.number))
        self.links.append(
            Link(
                rule=rule,
                says=says,
                cause=cause.finding.finding_id,
                effect=effect.finding.finding_id,
                via=via,
                at=effect.finding.timestamp,
            )
        )

    def undecided(self) -> list[Alternative]:
        """Those that do not lead to the root that the effect has anyway, one a pair of findings."""
        known = set(self.ends) if self._others else frozenset[tuple[int, int]]()
        return [
            Alternative(
                rule=rule.name,
                says=rule.says,
                cause=cause.finding.finding_id,
                effect=effect.finding.finding_id,
                via=str(key),
            )
            for pair, (rule, cause, effect, key) in self._others.items()
            if pair not in known and cause.root() is not effect.root()
        ]

    def join_strong(self, sharing: dict[Entity, list[Told]]) -> None:
        """Link what shares a name that is enough, to the strongest that has it."""
        shared = [entity for entity, sharers in sharing.items() if len(sharers) > 1]
        for entity in sorted(shared, key=lambda item: (STRONG.index(item.kind), item.name, item.stream)):
            first, *others = sharing[entity]
            if entity.kind is EntityKind.CORRELATION and len(others) >= POPULAR:
                continue
            via = str(entity)
            rule, says = f"{SHARED}{entity.kind.replace(' ', '-')}", f"both are about {via}"
            for other in others:
                self.lookups += 1
                self._join(rule, says, first, other, via)


def _explains(rule: CausalRule, cause: Told, effect: Told) -> bool:
    """Whether the times fit, and the cause is no consequence of its effect."""
    if not cause.is_standing():
        began_ms, last_ms = effect.seen_ms
        told_ms, _ = cause.seen_ms
        if last_ms < told_ms - SLACK_MS:
            return False
        if rule.lead_ms is not None and began_ms < told_ms - rule.lead_ms - rule.told_late_ms(cause.finding):
            return False
    return not cause.descends(effect)
