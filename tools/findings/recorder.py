"""The recorder: the only way from symptom to finding.

It gives the id, makes the fingerprint, masks and stores the evidence, counts occurrences and writes
revisions. The journal is the truth: a recorder that starts on an existing journal goes on where it ended.
A finding is written at once when it is new or its severity rises; one that only grew is written again by
`flush`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from tools.clock import iso
from tools.errors import JournalCorrupt, StaleAttempt
from tools.findings.build import Evidence, build, ended, merge
from tools.findings.evidence import EvidenceStore
from tools.findings.fingerprint import fingerprint
from tools.findings.journal import Journal, read
from tools.findings.model import FINDING, AgentId, ConfigFinding, Finding, Origin, dump, rank_of
from tools.findings.rule import Symptom
from tools.masking import mask
from tools.workspace import Workspace

OnReject = Callable[[str, str], None]
"""Told the rule id and the reason when a symptom could not become a finding."""


MODEL_NUMBERS_FROM = 90_001
"""What a model found is numbered apart, so that the ids of measured findings are the same without it."""


class Recorder:
    """Findings of one agent in one session. `attempt` is the agent's attempt that holds the right to write.

    The session itself records what a model found, beside the agent's watcher (`origin` and no attempt): two recorders
    share the journal, and neither touches the other's findings, fingerprints or numbers.
    """

    def __init__(
        self,
        workspace: Workspace,
        agent: AgentId,
        attempt: int | None,
        on_reject: OnReject,
        origin: Origin = Origin.MEASURED,
    ) -> None:
        self._agent = agent
        self._attempt = attempt
        self._attempt_file = workspace.agent_dir(agent) / "attempt"
        self._on_reject = on_reject
        self._journal = Journal(workspace.findings(agent))
        self._evidence = EvidenceStore(workspace, workspace.evidence(agent))
        known = load(self._journal.path)
        own = [finding for finding in known if finding.origin is origin]
        first = MODEL_NUMBERS_FROM if origin is Origin.MODEL else 1
        self._origin = origin
        self._by_fingerprint = {finding.fingerprint: finding for finding in own}
        self._last_number = max(map(_number, own), default=first - 1)
        self._grown: set[str] = set()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The newest revision of every finding, in order of their ids."""
        return tuple(self._by_fingerprint.values())

    def record(self, symptom: Symptom, at_ms: int) -> Finding | None:
        """Turn a symptom into a finding or count it on the one that is there.

        Returns the finding when it was written (new, or more severe), else None. A symptom that is not a
        valid finding is reported to `on_reject` and not written. Raises StaleAttempt, OSError.
        """
        if symptom.origin is not self._origin:
            raise ValueError(f"{symptom.rule.id}: {symptom.origin} is not what this recorder writes")
        key = identity(symptom)
        known = self._by_fingerprint.get(key)
        try:
            if known is None:
                return self._write(self._new(symptom, key, at_ms))
            if _counted(known, symptom) and not _is_over(known):
                return None
            seen = self._evidence_of(symptom) if self._renews(symptom, known) else None
            grown = merge(known, symptom, iso(at_ms), seen)
        except ValidationError as error:
            self._on_reject(symptom.rule.id, str(error))
            return None
        self._by_fingerprint[key] = grown
        if rank_of(grown) < rank_of(known) or _is_over(known):  # what is back is told at once
            return self._write(grown.model_copy(update={"revision": known.revision + 1}))
        self._grown.add(key)
        return None

    def end(self, key: str, at_ms: int, changed: Sequence[str]) -> None:
        """Say of the finding with this fingerprint that the files, of which `changed` did, no longer show it.

        Does nothing where there is no such finding about configuration, or that is said already. Raises
        StaleAttempt, OSError.
        """
        known = self._by_fingerprint.get(key)
        if isinstance(known, ConfigFinding) and known.ended_at is None:
            over = ended(known, iso(at_ms), changed)
            self._write(over.model_copy(update={"revision": known.revision + 1}))

    def flush(self) -> int:
        """Write a revision of every finding that grew since; returns how many."""
        grown, self._grown = sorted(self._grown), set()
        for key in grown:
            finding = self._by_fingerprint[key]
            self._write(finding.model_copy(update={"revision": finding.revision + 1}))
        return len(grown)

    def close(self) -> None:
        """Close the files; call `flush` first."""
        self._journal.close()
        self._evidence.close()

    def _new(self, symptom: Symptom, key: str, at_ms: int) -> Finding:
        finding_id = f"{self._agent.prefix}-{self._last_number + 1:03d}"
        return build(symptom, finding_id, key, iso(at_ms), self._evidence_of(symptom))

    def _renews(self, symptom: Symptom, known: Finding) -> bool:
        # Words, figures and evidence come from one sighting. A state is seen anew at each poll; a line that
        # repeats says nothing new, and thousands of copies of it would say it no better.
        new, old = rank_of_symptom(symptom), rank_of(known)
        return new < old or (new == old and self._agent is not AgentId.LOG_WATCHER)

    def _evidence_of(self, symptom: Symptom) -> Evidence:
        pieces = [self._evidence.add(quote) for quote in symptom.evidence]
        return "\n".join(text for text, _ in pieces), tuple(reference for _, reference in pieces)

    def _write(self, finding: Finding) -> Finding:
        self._journal.append(dump(finding), self._may_write)
        self._last_number = max(self._last_number, _number(finding))
        self._by_fingerprint[finding.fingerprint] = finding
        self._grown.discard(finding.fingerprint)
        return finding

    def _may_write(self) -> None:
        if self._attempt is None:
            return
        held = read_attempt(self._attempt_file)
        if held != self._attempt:
            raise StaleAttempt(
                f"{self._agent.slug}: attempt {self._attempt} may not write; attempt {held} does"
            )


def _counted(known: Finding, symptom: Symptom) -> bool:
    if symptom.position is None:
        return False
    source, position = symptom.position
    return position <= known.counted_to.get(source, -1)


def _is_over(known: Finding) -> bool:
    return isinstance(known, ConfigFinding) and known.ended_at is not None


def _number(finding: Finding) -> int:
    return int(finding.finding_id.rpartition("-")[2])


def rank_of_symptom(symptom: Symptom) -> int:
    """Severity or priority of a symptom on the scale of `Severity.rank`."""
    level = symptom.severity or symptom.rule.severity or symptom.priority or symptom.rule.priority
    if level is None:
        raise ValueError(f"{symptom.rule.id}: neither severity nor priority")
    return level.rank


def identity(symptom: Symptom, renamed: Mapping[str, str] | None = None) -> str:
    """The fingerprint of a symptom's finding; with `renamed` (new name → old), under the files' old names."""
    old = renamed or {}
    parts = tuple(old.get(part, part) for part in map(mask, symptom.entity))
    place = mask(symptom.location)
    return fingerprint(symptom.rule.id, parts, old.get(place, place))


def load(path: Path) -> list[Finding]:
    """The newest revision of every finding of a journal, in order of first appearance. Raises JournalCorrupt."""
    return list({finding.finding_id: finding for finding in revisions(path)}.values())


def revisions(path: Path) -> Iterator[Finding]:
    """Every line of a journal, oldest first. Raises JournalCorrupt."""
    for offset, line in read(path):
        try:
            yield FINDING.validate_json(line)
        except ValidationError as error:
            reason = error.errors(include_input=False)[0]["msg"]
            raise JournalCorrupt(f"{path}: byte {offset}: not a finding ({reason})") from error


def read_attempt(path: Path) -> int:
    """The attempt that may write; 0 where none was ever started."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
