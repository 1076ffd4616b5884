"""The evidence gate: a claim of the model stands on quotes that are there, byte for byte, and on findings that exist.

A finding of its own names services, streams, groups and files that are known (`known_names.py`).

Quotes are looked for in what the session recorded: its log files, its journals of polls and samples, the evidence of
measured findings, and the files of the audited project. What the model was told, said itself, or can make a tool say
is no evidence. Whatever fails is counted and never written.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from agents.investigation.answer import QUOTE_CHARS_MAX, QUOTES_MAX, ModelQuote, OwnFinding
from agents.known_names import KnownNames, Named
from tools.errors import StreamgaugeError
from tools.findings.model import AgentId, EvidenceKind, Finding, Locator, Origin
from tools.findings.recorder import revisions
from tools.findings.rule import Quote
from tools.masking import mask
from tools.workspace import Workspace

QUOTE_CHARS_MIN = 8
"""A shorter piece is found everywhere and proves nothing."""
FILE_BYTES_MAX = 8 * 1024 * 1024
"""As `verify` reads source files again."""
_JOURNALS = frozenset({"streams/polls.jsonl", "streams/samples.jsonl"})
_ROTATED = "logs/merged.log"
_LINE = re.compile(r":\d+(?:-\d+)?$")
_HIDDEN = frozenset({".git", ".state", ".archive"})


class NotThere(Exception):
    """A quote or an id that is not where it is said to be. In: the sentence that says so."""


@dataclass
class EvidenceGate:
    """Looks things up in one session. It reads files and may be slow: not in the event loop's thread."""

    workspace: Workspace
    project_root: Path
    _findings: dict[str, list[Finding]] | None = field(default=None, init=False)

    @property
    def recorded(self) -> Workspace:
        """Where the session's logs and journals lie."""
        return self.workspace

    def findings(self) -> Mapping[str, list[Finding]]:
        """Every finding of the session by id, each revision with evidence of its own, as of the first call."""
        if self._findings is None:
            self._findings = {}
            for agent in AgentId:
                try:
                    found = list(self.revisions(agent))
                except (StreamgaugeError, OSError):
                    continue
                for finding in found:
                    known = self._findings.setdefault(finding.finding_id, [])
                    if not known or known[-1].evidence != finding.evidence:
                        known.append(finding)
        return self._findings

    def revisions(self, agent: AgentId) -> Iterator[Finding]:
        """An agent's findings, each revision, oldest first. Raises JournalCorrupt, OSError."""
        return revisions(self.workspace.findings(agent))

    def check_ids(self, ids: Iterable[str]) -> None:
        """Raises NotThere where a cited finding does not exist."""
        for name in ids:
            if name not in self.findings():
                raise NotThere(f"there is no finding {name[:40]!r}")

    def check_quotes(self, quotes: tuple[ModelQuote, ...]) -> tuple[Quote, ...]:
        """Each quote with its place. Raises NotThere for the first that is not there."""
        if len(quotes) > QUOTES_MAX:
            raise NotThere(f"{len(quotes)} quotes; at most {QUOTES_MAX} are looked up")
        return tuple(self._place(quote) for quote in quotes)

    def check_names(self, said: OwnFinding, quotes: tuple[Quote, ...]) -> Named:
        """What a finding names. Raises NotThere where neither the session nor its code nor its evidence knows it."""
        named, unknown = self._names.named(said, (*quotes, *self._cited(said.related_findings)))
        if unknown:
            raise NotThere("; ".join(unknown))
        return named

    def _cited(self, ids: Iterable[str]) -> Iterator[Quote]:
        """What the measured findings that it rests on have as evidence; they are as true as a quote."""
        for name in ids:
            for found in self.findings().get(name, ()):
                if found.origin is Origin.MEASURED:
                    yield Quote(EvidenceKind.FINDING, name, found.evidence)

    @cached_property
    def _names(self) -> KnownNames:
        # Of what the model found alone the names are its own.
        measured = [found for found in self._all_revisions() if found.origin is Origin.MEASURED]
        return KnownNames(self.recorded, self.project_root, (*measured, *self.named_before()))

    def named_before(self) -> tuple[Finding, ...]:
        """Findings whose names count whoever found them: none, where nobody has checked them."""
        return ()

    def _all_revisions(self) -> Iterator[Finding]:
        for known in self.findings().values():
            yield from known

    def _place(self, quote: ModelQuote) -> Quote:
        if len("".join(quote.text.split())) < QUOTE_CHARS_MIN or len(quote.text) > QUOTE_CHARS_MAX:
            raise NotThere(
                f"a quote has {len(quote.text)} characters; quote {QUOTE_CHARS_MIN} to {QUOTE_CHARS_MAX}"
            )
        found = self.find(quote)
        if found is None:
            raise NotThere(f"{quote.source[:80]!r} does not hold this quote: {quote.text[:60]!r}")
        return found

    def find(self, quote: ModelQuote) -> Quote | None:
        """The quote with its place; None where it is nowhere."""
        return self._in_finding(quote) or self._in_session(quote) or self._in_project(quote)

    def _in_finding(self, quote: ModelQuote) -> Quote | None:
        # Of a state that is seen anew at each poll the model was shown an earlier revision: the journal holds it.
        for finding in self.findings().get(quote.source, ()):
            if finding.origin is Origin.MEASURED and quote.text in finding.evidence:
                source = f"findings/{finding.agent_id.slug}.jsonl"
                return Quote(EvidenceKind.FINDING, source, quote.text, Locator(finding_id=finding.finding_id))
        return None

    def _in_session(self, quote: ModelQuote) -> Quote | None:
        source = place_of(quote)
        is_log = source.startswith("logs/")
        if not is_log and source not in _JOURNALS:
            return None
        path = self._inside(self.recorded.root, source)
        if is_log and path is not None and not path.is_relative_to(self.recorded.path("logs").resolve()):
            return None
        offset = None if path is None else _find(path, quote.text.encode("utf-8", "surrogatepass"))
        if path is None or offset is None:
            return None
        if not is_log or source.startswith(_ROTATED):
            # A journal's lines are encoded anew when they are verified, and a rotated file moves: the copy proves.
            kind = EvidenceKind.LOG if is_log else EvidenceKind.REDIS
            return Quote(kind, source, quote.text)
        length = len(quote.text.encode("utf-8", "surrogatepass"))
        return Quote(EvidenceKind.LOG, source, quote.text, Locator(byte_offset=offset, byte_length=length))

    def _in_project(self, quote: ModelQuote) -> Quote | None:
        source = place_of(quote)
        path = self._inside(self.project_root, source)
        if path is None or self._is_ours(path) or path.stat().st_size > FILE_BYTES_MAX:
            return None
        # What stands for a byte that is no UTF-8 is in no file.
        how = "strict" if "\ufffd" in quote.text else "replace"
        try:
            text = mask(path.read_bytes().decode("utf-8", how))
        except (OSError, UnicodeDecodeError):
            return None
        offset = text.find(quote.text)
        if offset < 0:
            return None
        line = text.count("\n", 0, offset) + 1
        return Quote(EvidenceKind.FILE, source, quote.text, Locator(line=line))

    def _inside(self, root: Path, source: str) -> Path | None:
        """The regular file of that name below a folder, links followed; None for what is none or leads outside.

        No name has `..` in it: it would lead from the logs to the model's own words, and verify finds no such file.
        """
        if not source or "\0" in source or len(source) > 1000 or ".." in source.split("/"):
            return None
        try:
            path = (root / source).resolve()
            inside = path.is_relative_to(root.resolve()) and path.is_file()
        except (OSError, RuntimeError, ValueError):
            return None
        return path if inside else None

    def _is_ours(self, path: Path) -> bool:
        """What the session writes, wherever it lies: the model's own words stand there too."""
        if path.is_relative_to(self.workspace.root.resolve()):
            return True
        root = self.project_root.resolve()
        folders = [folder for folder in path.parents if folder.is_relative_to(root)]
        if any((folder / self.workspace.session_id_file.name).exists() for folder in folders):
            return True
        return bool(_HIDDEN & set(path.relative_to(root).parts))


def place_of(quote: ModelQuote) -> str:
    """The source that a quote names, without a line number."""
    return _LINE.sub("", quote.source.strip())


def _find(path: Path, text: bytes) -> int | None:
    """The offset of the first place of some bytes in a file, however large."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            offset = data.find(text)
    except (OSError, ValueError):  # gone, or empty
        return None
    return None if offset < 0 else offset
