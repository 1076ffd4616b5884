"""What the rules say of files that changed while the session ran, against what they said of them before.

Services go on with what they read when they were started: that a server is not as the files are now is told only where
it is not as they were at the start either. What was told and the files no longer show has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agents.detecting import Detector, symptoms_in
from agents.loop import Reporter
from tools.detectors.config.silence import silenced
from tools.detectors.contract import ConfigView
from tools.findings.recorder import identity
from tools.findings.rule import Symptom
from tools.sources.records import CodeIndex


class Comparison:
    """Looks with the newest reading, beside the first and the one before."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._readings: list[CodeIndex] = []
        """Of the start, and of the last look."""

    def begin(self, first: CodeIndex) -> None:
        """Take the index of the start; called again it does nothing."""
        self._readings = self._readings or [first]

    def look(self, detectors: Sequence[Detector], view: ConfigView, changed: Sequence[str]) -> None:
        """Record what the newest reading (`view.index`) shows, and end what only the earlier ones do.

        Every reading is compared with the same server at the same moment, so a difference is one of the files:
        `changed` names those that are not as at the start. Raises StaleAttempt, OSError.
        """
        earlier = [self._keys(detectors, replace(view, index=index)) for index in self._readings]
        now, broken = symptoms_in(detectors, view, self._reporter)
        at_start = earlier[0]
        for symptom in now:
            if not silenced(view.index, symptom) and (
                not _is_about_server(symptom, view) or identity(symptom) in at_start
            ):
                self._reporter.record(symptom)
        shown = {identity(symptom) for symptom in now}
        at_ms = self._reporter.at_ms or self._reporter.clock.now_ms()
        for key, rule in sorted({pair for keys in earlier for pair in keys.items()}):
            if key not in shown and rule not in broken:
                self._reporter.recorder.end(key, at_ms, changed)
        self._readings[1:] = [view.index]

    def _keys(self, detectors: Iterable[Detector], view: ConfigView) -> dict[str, str]:
        """Fingerprint → rule of all that the rules say."""
        found, _ = symptoms_in(detectors, view, self._reporter)
        return {identity(symptom): symptom.rule.id for symptom in found}


def _is_about_server(symptom: Symptom, view: ConfigView) -> bool:
    return view.now is not None and symptom.position is not None and symptom.position[0] == view.now.source
