"""The detector runner: every rule of one kind over one view; a rule that breaks is an event and blinds no other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from agents.loop import Reporter
from tools.errors import StaleAttempt
from tools.findings.rule import Rule, Symptom
from tools.masking import mask


class Detector(Protocol):
    """A rule module, whatever it looks at."""

    RULES: tuple[Rule, ...]

    def detect(self, view: Any) -> Iterator[Symptom]:
        """Symptoms in the view."""
        ...


def run_detectors(
    detectors: Iterable[Detector],
    view: object,
    reporter: Reporter,
    wanted: Callable[[Symptom], bool] = lambda _: True,
) -> int:
    """Record every symptom of every rule that is `wanted`; returns how many there were.

    An unknown error inside a rule becomes an `error` event with its traceback; the symptoms it had yielded
    stand. Raises StaleAttempt and OSError (the journal's), which are nobody's rule.
    """
    count = 0
    for detector in detectors:
        try:
            for symptom in detector.detect(view):
                if wanted(symptom):
                    reporter.record(symptom)
                    count += 1
        except (StaleAttempt, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - the runner is one of the three places that may
            _tell(error, detector, reporter)
    return count


def symptoms_in(
    detectors: Iterable[Detector], view: object, reporter: Reporter
) -> tuple[list[Symptom], frozenset[str]]:
    """The symptoms in a view that nothing is recorded of, and the ids of the rules that broke on it."""
    found: list[Symptom] = []
    broken: set[str] = set()
    for detector in detectors:
        try:
            found.extend(detector.detect(view))
        except Exception as error:  # noqa: BLE001 - as above: one broken rule does not blind the others
            broken |= {rule.id for rule in detector.RULES}
            _tell(error, detector, reporter)
    return found, frozenset(broken)


def _tell(error: Exception, detector: Detector, reporter: Reporter) -> None:
    rule = ", ".join(rule.id for rule in detector.RULES)
    text = mask("".join(traceback.format_exception(error)))
    reporter.event("error", rule=rule, reason=mask(str(error)) or type(error).__name__, traceback=text)
