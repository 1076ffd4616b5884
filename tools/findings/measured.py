"""What rules wrote into the journals of a session, read on as the journals grow: no line is parsed twice."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tools.errors import JournalCorrupt
from tools.findings.journal import read
from tools.findings.model import FINDING, Finding, Origin


class MeasuredLines:
    """The revisions in one journal that are not a model's. `count` is how many of them were read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count, self._offset = 0, 0
        self._found: dict[str, Finding] = {}

    def newest(self, most: int | None = None) -> list[Finding]:
        """The newest revision of every finding, in order of first appearance; with `most`, among so many lines.

        Fewer lines than before are read anew. Raises JournalCorrupt, and goes on from there with the next call.
        """
        if most is not None and most < self.count:
            self.count, self._offset, self._found = 0, 0, {}
        for offset, line in read(self._path, self._offset):
            if most is not None and self.count >= most:
                break
            try:
                finding = FINDING.validate_json(line)
            except ValidationError as error:
                reason = error.errors(include_input=False)[0]["msg"]
                raise JournalCorrupt(f"{self._path}: byte {offset}: not a finding ({reason})") from error
            self._offset = offset + len(line) + 1
            if finding.origin is Origin.MEASURED:
                self._found[finding.finding_id] = finding
                self.count += 1
        return list(self._found.values())
