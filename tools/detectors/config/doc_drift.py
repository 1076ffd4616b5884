"""A document says of a stream what is not so: it is nowhere else, or other services write or read it.

Only documents that name at least one real stream are judged, and only where every stream name in the code that
could be the documented one is resolved and no code holds the name as a text. The document's line and the code's are quoted: that of the name that was most
likely meant, else of a stream that the document has right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.detectors.code import known
from tools.detectors.config import names
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, CodeKind, CodeUse, ConfigFact, FactKind

RULE = Rule(
    id="config.doc-drift",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.DOC_DRIFT,
    condition=(
        "a stream in a document's table or AsyncAPI file that the code does not name and the server does not have: "
        "MEDIUM; without a server to look at: LOW; a table that says which services write or read a stream, none of which does: LOW"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_OPEN_MARKS = "{<*"
_ROLES = {"writers": (CodeKind.XADD,), "readers": (CodeKind.XREADGROUP, CodeKind.XREAD)}
_VERBS = {"writers": "writes", "readers": "reads"}


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each documented stream that is nowhere else."""
    documents: dict[str, list[ConfigFact]] = defaultdict(list)
    for fact in view.index.facts:
        if fact.kind is FactKind.STREAM:
            documents[fact.path].append(fact)
    absent: dict[str, list[ConfigFact]] = defaultdict(list)
    for facts in documents.values():
        real = [fact for fact in facts if _exists(view, fact.name)]
        tables = {fact.details.get("table") for fact in real}
        for fact in facts if real else ():
            if fact in real or fact.details.get("named") or set(fact.name) & set(_OPEN_MARKS):
                continue
            # A table under Channel or Topic is one of streams where it has a real one.
            if not fact.details.get("unsure") or fact.details.get("table") in tables:
                absent[fact.name].append(fact)
    for name, facts in sorted(absent.items()):
        if not _may_be_open(view.index, name):
            yield _symptom(view, facts, documents[facts[0].path])
    for facts in documents.values():
        for fact in facts:
            yield from _roles(view.index, fact)


def _roles(index: CodeIndex, fact: ConfigFact) -> Iterator[Symptom]:
    """What a table says of who writes and reads a stream, against the code."""
    for role, kinds in _ROLES.items():
        said = {name for name in fact.details.get(role, "").split(",") if name in index.services}
        uses = [use for use in known.of_kind(index, *kinds) if known.may_be(use.stream, fact.name)]
        if not said or not uses or len(said) < len(fact.details[role].split(",")):
            continue
        # A use in shared code, or of an open name, may be anybody's.
        if any(use.service is None or not known.known(use.stream) for use in uses):
            continue
        if not said & {use.service for use in uses}:
            yield _role_symptom(fact, role, sorted(said), uses)


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
    code, is_meant = _in_code(view.index, fact.name, near)
    instead = (
        f" {code.path}:{code.line} has {known.value(code.stream)!r}." if code is not None and is_meant else ""
    )
    return Symptom(
        rule=RULE,
        severity=Severity.MEDIUM if view.now is not None else Severity.LOW,
        title=f"{fact.path} documents the stream {fact.name!r}, which is nowhere else",
        entity=(fact.name,),
        location=fact.path,
        evidence=(
            *(found.quote() for found in facts[:5]),
            *(known.chain_quotes(code, code.stream)[:3] if code is not None else ()),
        ),
        recommendation=f"Remove {fact.name!r} from {fact.path}:{fact.line}, or correct the name.{instead}",
        position=(fact.path, 0),
        service=fact.service,
        streams=(fact.name,),
        files=(
            *(f"{found.path}:{found.line}" for found in facts),
            *(known.files_of([code]) if code is not None else ()),
        ),
        expected=f"a stream that exists, as the others of this document ({', '.join(near)})",
        actual=looked,
    )


def _in_code(index: CodeIndex, name: str, documented: list[str]) -> tuple[CodeUse | None, bool]:
    """The use of the name that was most likely meant, else of one that is documented too; and which it is."""
    uses: dict[str, CodeUse] = {}
    for use in known.of_kind(index, *known.STREAM_KINDS):
        if known.known(use.stream):
            uses.setdefault(use.stream.value or "", use)
    meant = names.meant(name, uses.keys() - set(documented))
    if meant is not None:
        return uses[meant], True
    return next((uses[other] for other in documented if other in uses), None), False


def _role_symptom(fact: ConfigFact, role: str, said: list[str], uses: list[CodeUse]) -> Symptom:
    verb, services = _VERBS[role], known.services_of(uses)
    return Symptom(
        rule=RULE,
        severity=Severity.LOW,
        title=f"{fact.path} says that {' and '.join(said)} {verb} {fact.name!r}; in the code {' and '.join(services)} does",
        entity=(fact.name, role),
        location=fact.path,
        evidence=(fact.quote(), *known.chain_quotes(uses[0], uses[0].stream)[:3]),
        recommendation=f"Correct {fact.path}:{fact.line}: {uses[0].path}:{uses[0].line} {verb} it.",
        confidence=known.confidence_of(uses[0].stream),
        position=(fact.path, 0),
        service=services[0] if len(services) == 1 else "cross-service",
        streams=(fact.name,),
        files=(f"{fact.path}:{fact.line}", *known.files_of(uses[:3])),
        expected=f"{' and '.join(said)} {verb} it ({fact.path}:{fact.line})",
        actual=f"{', '.join(known.files_of(uses[:3]))}",
    )
