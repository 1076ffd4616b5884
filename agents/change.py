"""What a change brings: findings that the revision it is compared with does not have.

The rules look at the whole of both sides, and what they find is compared by fingerprint, which holds no line number.
Findings in changed lines would be quicker to tell, and wrong both ways: a consumer whose `xack` the change deletes,
or a variable that it drops from `.env.example`, is found at a line that nobody touched; and a line that was only
moved or indented is changed and brings nothing. A finding that is worse than before is reported too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from agents.detecting import Detector, symptoms_in
from agents.loop import Reporter
from tools.errors import SourceUnavailable
from tools.findings.model import AgentId
from tools.findings.recorder import identity, rank_of_symptom
from tools.findings.rule import Symptom
from tools.sources.change import ChangeCounts, write_counts
from tools.sources.code.index import read_index
from tools.sources.records import CodeIndex, Gap

_WHAT = "what the change brings"


class Change:
    """What was known of the base, by fingerprint, and which of that was seen again."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._compares = reporter.job.change is not None
        self._known: dict[str, int] | None = None
        self._renamed: Mapping[str, str] = {}
        self._broken: frozenset[str] = frozenset()
        self._still: set[str] = set()
        self._worse: set[str] = set()

    @classmethod
    def of(
        cls, reporter: Reporter, detectors: Iterable[Detector], view_of: Callable[[CodeIndex], object]
    ) -> Change:
        """What the rules find in the base, as they will look at the project; without one, everything is new.

        Where the base cannot be read nothing is: a finding that was there before would be called new. A gap says so.
        """
        change = cls(reporter)
        if change._compares:
            change._read(detectors, view_of)
        return change

    def brings(self, symptom: Symptom) -> bool:
        """Whether a symptom is not known of the base, or is worse than it was there."""
        if not self._compares:
            return True
        if self._known is None or symptom.rule.id in self._broken:
            return False
        key = identity(symptom, self._renamed)
        known = self._known.get(key)
        if known is None:
            return True
        worse = rank_of_symptom(symptom) < known
        (self._worse if worse else self._still).add(key)
        return worse

    def write(self) -> None:
        """Leave the counts for the report. Raises OSError."""
        if self._known is not None:
            still = len(self._still - self._worse)
            counts = ChangeCounts(before=len(self._known), still=still, worse=len(self._worse))
            write_counts(self._reporter.workspace, AgentId(self._reporter.job.agent), counts)

    def _read(self, detectors: Iterable[Detector], view_of: Callable[[CodeIndex], object]) -> None:
        workspace = self._reporter.workspace
        try:
            base = read_index(workspace.base_index)
            self._renamed = msgspec.json.decode(workspace.renamed_files.read_bytes(), type=dict[str, str])
        except (OSError, SourceUnavailable, msgspec.DecodeError) as error:
            self._tell(f"the revision to compare with was not read: {error}")
            return
        failed = next(
            (gap for gap in base.gaps if gap.blind and not base.files_read and not base.facts), None
        )
        if failed is not None:
            self._tell(f"the revision to compare with could not be read: {failed.why}")
            return
        found, self._broken = symptoms_in(detectors, view_of(base), self._reporter, gap=False)
        self._known = {}
        for symptom in found:
            key = identity(symptom)
            self._known[key] = min(rank_of_symptom(symptom), self._known.get(key, 99))
        if self._broken:
            self._tell(f"rules failed on the revision to compare with: {', '.join(sorted(self._broken))}")

    def _tell(self, why: str) -> None:
        fix = "Run without --diff-base for the whole view; the events of this session hold the error."
        now_ms = self._reporter.clock.now_ms()
        self._reporter.gap(Gap(what=_WHAT, why=why, fix=fix, source=self._reporter.job.agent, at_ms=now_ms))
