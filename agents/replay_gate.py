"""The evidence gate for what was said in a session that is over: held against its recording, as of when it was said.

What the session itself recorded must still hold a quote. The files of the audited project live on: of a quote that one
held then, the copy that the session's own gate kept is enough, and is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from agents.evidence_gate import EvidenceGate, NotThere, place_of
from agents.investigation.answer import ModelQuote
from tools.clock import iso
from tools.errors import StreamgaugeError
from tools.findings import readings
from tools.findings.evidence import read_copy
from tools.findings.model import AgentId, EvidenceKind, Finding, Origin
from tools.findings.readings import Reading
from tools.findings.recorder import revisions
from tools.findings.rule import Quote
from tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Record:
    """What the gate of a recorded session let pass, and which finding each id was."""

    workspace: Workspace
    fingerprints: Mapping[str, str]
    copies: Mapping[tuple[str, str], Quote]
    """Quotes of the project's files, by file and text."""
    own: tuple[Finding, ...] = ()
    """What its model found alone."""

    @classmethod
    def of(cls, workspace: Workspace) -> Record:
        """Read it; a journal that is damaged proves nothing."""
        fingerprints: dict[str, str] = {}
        copies: dict[tuple[str, str], Quote] = {}
        own: list[Finding] = []
        for agent in AgentId:
            try:
                found = list(revisions(workspace.findings(agent)))
                said = list(readings.read(workspace, agent))
            except (StreamgaugeError, OSError):
                continue
            fingerprints |= {finding.finding_id: finding.fingerprint for finding in found}
            own += [finding for finding in found if finding.origin is Origin.MODEL]
            copies |= {(quote.source, quote.text): quote for quote in _quotes(workspace, found, said)}
        return cls(workspace, fingerprints, copies, tuple(own))


def _quotes(workspace: Workspace, found: Iterable[Finding], said: Iterable[Reading]) -> Iterator[Quote]:
    """What readings and own findings quote, the latter with their places last."""
    for reading in said:
        for quote in reading.quotes:
            yield Quote(EvidenceKind.FILE, quote.source, quote.text)
    for finding in found:
        for reference in finding.evidence_refs if finding.origin is Origin.MODEL else ():
            with suppress(ValueError):  # a copy that is damaged proves nothing
                if reference.kind is EvidenceKind.FILE:
                    text = read_copy(workspace, reference)
                    yield Quote(reference.kind, reference.source, text, reference.locator)


@dataclass
class RecordedGate(EvidenceGate):
    """Holds claims of `at_ms` against `workspace`, which has the findings again, and the recording of `record`."""

    record: Record = field(kw_only=True)
    at_ms: int = field(kw_only=True)
    copies_only: list[str] = field(default_factory=list, kw_only=True)
    """Files of which a copy alone holds what was quoted."""

    @property
    def recorded(self) -> Workspace:
        """Where the session's logs and journals lie."""
        return self.record.workspace

    def revisions(self, agent: AgentId) -> Iterator[Finding]:
        """Those that were there when it was said."""
        at = iso(self.at_ms)
        return (finding for finding in super().revisions(agent) if finding.last_seen <= at)

    def named_before(self) -> tuple[Finding, ...]:
        """What passed then: files may be gone since, and names that it had from one of them."""
        return self.record.own

    def check_ids(self, ids: Iterable[str]) -> None:
        """Raises NotThere also where an id is that of another finding than it was."""
        named = tuple(ids)
        EvidenceGate.check_ids(self, named)
        for name in named:
            if self._is_other(name):
                raise NotThere(f"{name[:40]} is another finding than it was")

    def find(self, quote: ModelQuote) -> Quote | None:
        """The quote with its place; of a file of the project, with that which it had."""
        if self._is_other(quote.source):
            return None
        found, source = EvidenceGate.find(self, quote), place_of(quote)
        if found is not None and found.kind is not EvidenceKind.FILE:
            return found
        lies_there = self._inside(self.recorded.root, source) is not None
        copy = None if lies_there else self.record.copies.get((source, quote.text))
        if copy is None:
            return found
        if found is None:
            self.copies_only.append(source)
        return copy

    def _is_other(self, name: str) -> bool:
        known = self.findings().get(name)
        return known is not None and known[-1].fingerprint != self.record.fingerprints.get(name)
