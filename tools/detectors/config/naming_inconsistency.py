"""One stream under two spellings: `orders:placed` is written and `order.placed` is read, so nothing arrives.

Names count as one where they differ in marks, case and plurals only. It speaks of resolved names alone, and is grave
only where one is written and never read, the other read and never written, by any code or on the server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import combinations

from tools.detectors.code import known
from tools.detectors.config.names import normal
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="config.naming-inconsistency",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.NAMING_INCONSISTENCY,
    condition=(
        "two stream names in code that differ only in marks, case or plurals: LOW; where one is only written and the "
        "other only read, in code and on the server: HIGH"
    ),
    severity=Severity.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
_READS = frozenset({CodeKind.XREAD, CodeKind.XREADGROUP, CodeKind.XGROUP_CREATE})
_USED = _READS | {CodeKind.XADD}


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each pair of spellings."""
    uses: dict[str, list[CodeUse]] = defaultdict(list)
    for use in known.of_kind(view.index, *_USED):
        if known.known(use.stream) and not known.silenced(view.index, RULE.id, use):
            uses[use.stream.value or ""].append(use)
    spellings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(uses):
        spellings[normal(name)].append(name)
    for words, names in sorted(spellings.items()):
        for first, second in combinations(names, 2):
            if words and not _are_apart(uses[first], uses[second]):
                yield _symptom(view, uses[first], uses[second])


def _are_apart(first: list[CodeUse], second: list[CodeUse]) -> bool:
    """Whether one place uses both, so that they are told apart on purpose."""
    return bool({(use.path, use.line) for use in first} & {(use.path, use.line) for use in second})


def _name(uses: list[CodeUse]) -> str:
    return known.value(uses[0].stream) or ""


def _breaks(view: ConfigView, written: list[CodeUse], read: list[CodeUse]) -> bool:
    """Whether what is written under one name is never read, and what is read under the other never written."""
    if any(use.kind in _READS for use in written) or any(use.kind is CodeKind.XADD for use in read):
        return False
    if _may_be_used(view, {CodeKind.XADD}, _name(read)) or _may_be_used(view, _READS, _name(written)):
        return False
    if view.now is None:
        return True
    there, here = view.now.in_code(_name(read)), view.now.in_code(_name(written))
    return (there is None or there.info.length == 0) and not (here and here.groups)


def _may_be_used(view: ConfigView, kinds: Collection[CodeKind], stream: str) -> bool:
    """Whether a use whose name is not resolved could be of this stream."""
    return any(
        not known.known(use.stream) and known.may_be(use.stream, stream)
        for use in known.of_kind(view.index, *kinds)
    )


def _symptom(view: ConfigView, first: list[CodeUse], second: list[CodeUse]) -> Symptom:
    is_written = any(use.kind is CodeKind.XADD for use in first)
    written, read = (first, second) if is_written else (second, first)
    breaks = _breaks(view, written, read)
    one, other = written[0], read[0]
    names = _name(written), _name(read)
    what = "is written and never read" if breaks else "is used"
    then = "is read and never written" if breaks else "is used too"
    return Symptom(
        rule=RULE,
        severity=Severity.HIGH if breaks else Severity.LOW,
        title=f"Stream {names[0]!r} {what}, {names[1]!r} {then}: two spellings of one name",
        entity=tuple(sorted(names)),
        evidence=(*known.chain_quotes(one, one.stream)[:3], *known.chain_quotes(other, other.stream)[:3]),
        recommendation=(
            f"Use one name, from one constant: {one.path}:{one.line} has {names[0]!r}, "
            f"{other.path}:{other.line} has {names[1]!r}."
        ),
        confidence=known.confidence_of(one.stream, other.stream),
        position=("config", 0),
        service=one.service if one.service == other.service else "cross-service",
        streams=names,
        files=known.files_of([one, other]),
        expected="one spelling for one stream",
        actual=f"{names[0]!r} and {names[1]!r}",
    )
