"""The detector runner: every rule of one kind over one view; a rule that breaks is an event and blinds no other."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
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


def run_detectors(detectors: Iterable[Detector], view: object, reporter: Reporter) -> int:
    """Record every symptom of every rule; returns how many there were.

    An unknown error inside a rule becomes an `error` event with its traceback; the symptoms it had yielded
    stand. Raises StaleAttempt and OSError (the journal's), which are nobody's rule.
    """
    count = 0
    for detector in detectors:
        try:
            for symptom in detector.detect(view):
                reporter.record(symptom)
                count += 1
        except (StaleAttempt, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - the runner is one of the three places that may
            rule = ", ".join(rule.id for rule in detector.RULES)
            text = mask("".join(traceback.format_exception(error)))
            reporter.event(
                "error", rule=rule, reason=mask(str(error)) or type(error).__name__, traceback=text
            )
    return count
