"""Files of the audited project by their path in it, in what the report says itself.

Traces name files by where they lie on the machine that ran them. Evidence stays as it was said: it is proven byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from tools.report.model import Reason, Report, RoadmapItem, Verdict

Shown = Callable[[str], str]

_SAID = ("title", "recommendation", "hypothesis", "expected", "actual")
"""Fields of a finding that are its rule's words."""


def relative(report: Report, project_root: str) -> Report:
    """The report with the project's folder left out of the sentences of rules and of the sections made from them."""
    prefixes = _prefixes(project_root)
    if not prefixes:
        return report

    def shown(text: str) -> str:
        for prefix in prefixes:
            text = text.replace(prefix, "")
        return text

    return structs.replace(
        report,
        verdict=_verdict(report.verdict, shown),
        clusters=tuple(
            structs.replace(one, title=shown(one.title), recommendation=shown(one.recommendation))
            for one in report.clusters
        ),
        roadmap=tuple(_item(item, shown) for item in report.roadmap),
        drift=tuple(
            structs.replace(row, expected=shown(row.expected), actual=shown(row.actual))
            for row in report.drift
        ),
        streams=tuple(structs.replace(row, verdict=shown(row.verdict)) for row in report.streams),
        findings=tuple(
            finding | {key: shown(finding[key]) for key in _SAID if key in finding}
            for finding in report.findings
        ),
    )


def _verdict(verdict: Verdict, shown: Shown) -> Verdict:
    return structs.replace(
        verdict,
        why=_reasons(verdict.why, shown),
        others=_reasons(verdict.others, shown),
        first=_reasons(verdict.first, shown),
    )


def _item(item: RoadmapItem, shown: Shown) -> RoadmapItem:
    return structs.replace(
        item,
        title=shown(item.title),
        action=shown(item.action),
        evidence=shown(item.evidence),
        now=None if item.now is None else shown(item.now),
        also=_reasons(item.also, shown),
        remains=_reasons(item.remains, shown),
    )


def _reasons(reasons: tuple[Reason, ...], shown: Shown) -> tuple[Reason, ...]:
    return tuple(_reason(reason, shown) for reason in reasons)


def _reason(reason: Reason, shown: Shown) -> Reason:
    now, seen = (None if text is None else shown(text) for text in (reason.now, reason.seen))
    return structs.replace(reason, text=shown(reason.text), now=now, seen=seen)


def _prefixes(project_root: str) -> tuple[str, ...]:
    """The folder as it was given and behind symbolic links, the longer first; nothing where it is the whole machine."""
    given = Path(project_root)
    if not given.is_absolute():
        return ()
    try:
        real = given.resolve()
    except (OSError, RuntimeError, ValueError):
        real = given
    found = {f"{path.as_posix().rstrip('/')}/" for path in (given, real)} - {"/"}
    return tuple(sorted(found, key=lambda prefix: (-len(prefix), prefix)))
