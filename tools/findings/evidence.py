"""Evidence references: made from the very bytes, and read again by `verify`.

Each quoted piece is written once, masked, to `recording/evidence-<agent>.jsonl` as `{"sha256":…,"text":…}`;
the reference holds where it was seen (source and locator), where the copy lies, and the copy's hash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from tools import masking
from tools.findings import journal
from tools.findings.model import EvidenceCopy, EvidenceRef
from tools.findings.rule import Quote
from tools.workspace import Workspace


class EvidenceStore:
    """Writes the pieces that one agent's findings quote; a piece that is there is not written again."""

    def __init__(self, workspace: Workspace, path: Path) -> None:
        self._relative = str(path.relative_to(workspace.root))
        self._journal = journal.Journal(path)
        self._known: dict[str, EvidenceCopy] = {}
        for offset, line in journal.read(path):
            data = msgspec.json.decode(line)
            self._known[data["sha256"]] = self._copy(offset, len(line))

    def add(self, quote: Quote) -> tuple[str, EvidenceRef]:
        """The masked text of a quote and its reference. Raises OSError where the disk refuses."""
        text = masking.mask(quote.text)
        sha256 = digest(text)
        copy = self._known.get(sha256)
        if copy is None:
            line = msgspec.json.encode({"sha256": sha256, "text": text})
            copy = self._known[sha256] = self._copy(*self._journal.append_encoded(line))
        source = masking.mask(quote.source)
        reference = EvidenceRef(
            kind=quote.kind, source=source, locator=quote.locator, copy_at=copy, sha256=sha256
        )
        return text, reference

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def _copy(self, offset: int, length: int) -> EvidenceCopy:
        return EvidenceCopy(path=self._relative, byte_offset=offset, byte_length=length)


def digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_copy(workspace: Workspace, reference: EvidenceRef) -> str:
    """The text of a piece as it lies in the workspace.

    Raises ValueError where the copy is missing, unreadable or its hash is another.
    """
    at = reference.copy_at
    try:
        with workspace.path(at.path).open("rb") as file:
            file.seek(at.byte_offset)
            line = file.read(at.byte_length)
        text = msgspec.json.decode(line)["text"]
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{at.path} at byte {at.byte_offset}: not readable ({error})") from error
    if not isinstance(text, str) or digest(text) != reference.sha256:
        raise ValueError(f"{at.path} at byte {at.byte_offset}: the hash is another")
    return text
