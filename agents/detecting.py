"""The detector runner: every rule of one kind over one view; a rule that breaks is an event and blinds no other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from agents.loop import Reporter
from tools.errors import StaleAttempt
from tools.findings.rule import Rule, Symptom
from tools.masking import mask
from tools.sources.gaps import untold
from tools.sources.records import Gap

_TOLD_MAX = 3
"""Of one rule and look: more events of one defect say nothing more."""

OF_FILES_MAX = 500
"""Symptoms of one rule about code or configuration: a project that has more is not read to the end of them."""


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
    most: int | None = None,
) -> int:
    """Record every symptom of every rule that is `wanted`; returns how many there were.

    With `most`, so many symptoms of a module of rules are recorded, and a gap says that there are more.
    An unknown error inside a rule, or about one symptom, becomes an `error` event with its traceback, and a gap. What the
    rule had yielded stands; of a view that has `parts` it sees each part by itself then, so that one line costs no other.
    Raises StaleAttempt and OSError (the journal's), which are nobody's rule.
    """
    count = 0
    for detector in detectors:
        told = 0
        for symptom in _symptoms(detector, view, reporter):
            try:
                if not wanted(symptom):
                    continue
                if most is not None and told >= most:
                    _tell_more(detector, reporter, most)
                    break
                reporter.record(symptom)
                told += 1
            except (StaleAttempt, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - the runner is one of the three places that may
                _tell(error, detector, reporter)
        count += told
    return count


def _symptoms(detector: Detector, view: object, reporter: Reporter) -> Iterator[Symptom]:
    found: list[Symptom] = []
    error = None
    try:
        for symptom in detector.detect(view):
            found.append(symptom)
            yield symptom
    except (StaleAttempt, OSError):
        raise
    except Exception as caught:  # noqa: BLE001 - as above
        error = caught
    if error is not None:
        yield from _part_by_part(detector, view, found, error, reporter)


def _part_by_part(
    detector: Detector, view: object, found: list[Symptom], error: Exception, reporter: Reporter
) -> Iterator[Symptom]:
    """What a rule that broke on a view says of its parts, beside what it had found."""
    parts = getattr(view, "parts", None)
    broken = [error] if parts is None else []
    for part in parts() if parts is not None else ():
        more, error_in_part = _until_it_breaks(detector, part)
        fresh = [symptom for symptom in more if symptom not in found]
        found += fresh
        yield from fresh
        if error_in_part is not None:
            broken.append(error_in_part)
    # Where each part is fine by itself, only what the rule makes of all together is not known.
    for one in broken[:_TOLD_MAX] or [error]:
        _tell(one, detector, reporter)


def _until_it_breaks(detector: Detector, view: object) -> tuple[list[Symptom], Exception | None]:
    found: list[Symptom] = []
    try:
        found.extend(detector.detect(view))
    except (StaleAttempt, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return found, error
    return found, None


def _tell_more(detector: Detector, reporter: Reporter, most: int) -> None:
    source, at_ms = f"agents/{reporter.job.agent}", reporter.clock.now_ms()
    reporter.gap(untold((rule.id for rule in detector.RULES), most, source, at_ms))


def symptoms_in(
    detectors: Iterable[Detector], view: object, reporter: Reporter, *, gap: bool = True
) -> tuple[list[Symptom], frozenset[str]]:
    """The symptoms in a view that nothing is recorded of, and the ids of the rules that broke on it.

    Without `gap` that is an event alone: the caller says what is not known for it.
    """
    found: list[Symptom] = []
    broken: set[str] = set()
    for detector in detectors:
        try:
            found.extend(detector.detect(view))
        except Exception as error:  # noqa: BLE001 - as above: one broken rule does not blind the others
            broken |= {rule.id for rule in detector.RULES}
            (_tell if gap else _event)(error, detector, reporter)
    return found, frozenset(broken)


def _event(error: Exception, detector: Detector, reporter: Reporter) -> None:
    rule = ", ".join(rule.id for rule in detector.RULES)
    text = mask("".join(traceback.format_exception(error)))
    reporter.event("error", rule=rule, reason=mask(str(error)) or type(error).__name__, traceback=text)


def _tell(error: Exception, detector: Detector, reporter: Reporter) -> None:
    _event(error, detector, reporter)
    rule = ", ".join(rule.id for rule in detector.RULES)
    why = f"a rule failed ({type(error).__name__}): the `error` event in events.jsonl has its traceback"
    fix = "Report it with that event; everything else was judged."
    reporter.gap(
        Gap(
            what=f"some of what {rule} looks at",
            why=why,
            fix=fix,
            source="rules",
            at_ms=reporter.clock.now_ms(),
        )
    )
