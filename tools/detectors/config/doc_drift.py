"""A document's table or AsyncAPI file names a stream that neither the code nor the server has.

Only documents that name at least one real stream are judged, and only where every stream name in the code that
could be the documented one is resolved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.detectors.code import known
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, ConfigFact, FactKind

RULE = Rule(
    id="config.doc-drift",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.DOC_DRIFT,
    condition=(
        "a stream in a document's table or AsyncAPI file that the code does not name and the server does not have: "
        "MEDIUM; without a server to look at: LOW"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_OPEN_MARKS = "{<*"


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each documented stream that is nowhere else."""
    documents: dict[str, list[ConfigFact]] = defaultdict(list)
    for fact in view.index.facts:
        if fact.kind is FactKind.STREAM:
            documents[fact.path].append(fact)
    absent: dict[str, list[ConfigFact]] = defaultdict(list)
    for facts in documents.values():
        real = [fact for fact in facts if _exists(view, fact.name)]
        if real:
            for fact in facts:
                if fact not in real and not set(fact.name) & set(_OPEN_MARKS):
                    absent[fact.name].append(fact)
    for name, facts in sorted(absent.items()):
        if not _may_be_open(view.index, name):
            yield _symptom(view, facts, documents[facts[0].path])


def _exists(view: ConfigView, name: str) -> bool:
    if view.now is not None and view.now.in_code(name) is not None:
        return True
    if any(entry.matches(stream=name) for entry in view.judgement.expect):
        return True
    return any(known.value(use.stream) == name for use in view.index.uses)


def _may_be_open(index: CodeIndex, name: str) -> bool:
    return any(use.kind in known.STREAM_KINDS and known.may_be(use.stream, name) for use in index.uses)


def _symptom(view: ConfigView, facts: list[ConfigFact], document: list[ConfigFact]) -> Symptom:
    fact = facts[0]
    looked = (
        "the server does not have it, the code does not name it" if view.now else "the code does not name it"
    )
    near = [other.name for other in document if other.name != fact.name][:5]
    return Symptom(
        rule=RULE,
        severity=Severity.MEDIUM if view.now is not None else Severity.LOW,
        title=f"{fact.path} documents the stream {fact.name!r}, which is nowhere else",
        entity=(fact.name,),
        location=fact.path,
        evidence=tuple(found.quote() for found in facts[:5]),
        recommendation=f"Remove {fact.name!r} from {fact.path}:{fact.line}, or correct the name.",
        position=(fact.path, 0),
        service=fact.service,
        streams=(fact.name,),
        files=tuple(f"{found.path}:{found.line}" for found in facts),
        expected=f"a stream that exists, as the others of this document ({', '.join(near)})",
        actual=looked,
    )
