"""Every causal rule asked about every finding that concerns it: causes filed by key, effects with the keys they share.

Causes are filed by key and looked up, so that the work grows with the number of findings, not with that of their pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.clock import from_iso
from tools.findings.model import ConfigCategory, ConfigFinding, Enhancement, Finding
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.entities import Entity, strong_entities_of
from tools.synthesis.wiring import Wiring

KEYS_MAX = 16
"""Keys of one effect that are kept, of those under which causes are filed."""
_DEPTH_MAX = 64


class Told:
    """A finding and what explains it so far; `number` is its place among all, the strongest first."""

    # By reference from one to the next: of 100,000 findings each look into a map by id would be one into far memory.
    __slots__ = ("_seen_ms", "finding", "number", "parent")

    def __init__(self, number: int, finding: Finding) -> None:
        self.number, self.finding = number, finding
        self.parent: Told | None = None
        self._seen_ms: tuple[int, int] | None = None

    @property
    def seen_ms(self) -> tuple[int, int]:
        """When it was seen first and last, in ms since the epoch."""
        if self._seen_ms is None:
            self._seen_ms = from_iso(self.finding.timestamp), from_iso(self.finding.last_seen)
        return self._seen_ms

    def descends(self, ancestor: Told) -> bool:
        """Whether `ancestor` is this one or explains it over any number of steps; also where there are too many."""
        current: Told | None = self
        for _ in range(_DEPTH_MAX):
            if current is None or current is ancestor:
                return current is not None
            current = current.parent
        return True

    def root(self) -> Told:
        """What explains it over all steps; itself where nothing does."""
        current = self
        for _ in range(_DEPTH_MAX):
            if current.parent is None:
                break
            current = current.parent
        return current

    def is_standing(self) -> bool:
        """Whether it stands in files, which are older than the session; a stream that appears in it is not."""
        finding = self.finding
        if isinstance(finding, ConfigFinding):
            return finding.category is not ConfigCategory.ROGUE_STREAM
        return isinstance(finding, Enhancement)


@dataclass
class Asked:
    """One rule with what it said of the findings: causes by key, and effects with those keys that causes have."""

    rule: CausalRule
    causes: dict[Entity, list[Told]] = field(default_factory=dict)
    effects: list[tuple[Told, list[Entity]]] = field(default_factory=list)


@dataclass
class Answers:
    """What all rules said. `sharing`: the findings by their strong entities; `lookups`: the work it took."""

    asked: list[Asked]
    sharing: dict[Entity, list[Told]] = field(default_factory=dict)
    lookups: int = 0


def ask(rules: Iterable[CausalRule], ordered: list[Told], wiring: Wiring) -> Answers:
    """Every rule about the findings that concern it; finding by finding, so that its text is looked through once."""
    answers = Answers([Asked(rule) for rule in rules])
    _causes(answers, ordered, wiring)
    _effects(answers, ordered, wiring)
    return answers


def _causes(answers: Answers, ordered: list[Told], wiring: Wiring) -> None:
    concerned = _ByKind((one, one.rule.causes) for one in answers.asked)
    for told in ordered:
        finding = told.finding
        for one in concerned.of(finding):
            for key in dict.fromkeys(one.rule.cause(finding, wiring)):
                answers.lookups += 1
                one.causes.setdefault(key, []).append(told)


def _effects(answers: Answers, ordered: list[Told], wiring: Wiring) -> None:
    concerned = _ByKind((one, one.rule.effects) for one in answers.asked if one.causes)
    sharing = answers.sharing
    for told in ordered:
        finding = told.finding
        for one in concerned.of(finding):
            filed = one.causes
            known: list[Entity] = []
            for key in one.rule.effect(finding, wiring):
                answers.lookups += 1
                if key in filed and len(known) < KEYS_MAX:
                    known.append(key)
            if known:
                one.effects.append((told, known))
        for entity in strong_entities_of(finding, wiring):
            answers.lookups += 1
            sharing.setdefault(entity, []).append(told)


class _ByKind:
    """The rules that are asked about findings of a category or rule id; those of a pair are put together once."""

    def __init__(self, kinds: Iterable[tuple[Asked, tuple[str, ...]]]) -> None:
        self._by_name: dict[str, list[Asked]] = {}
        for one, names in kinds:
            for name in dict.fromkeys(names):
                self._by_name.setdefault(name, []).append(one)
        self._by_pair: dict[tuple[str, str], list[Asked]] = {}

    def of(self, finding: Finding) -> list[Asked]:
        pair = finding.category, finding.rule_id
        found = self._by_pair.get(pair)
        if found is None:
            found = [one for name in pair for one in self._by_name.get(name, ())]
            self._by_pair[pair] = found
        return found
