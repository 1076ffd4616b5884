"""What `run` says at its end: health, counts, the worst findings, where the report is, what the exit code means."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.cli.boundary import FINDINGS, HUNG_UP, INTERRUPTED, MEANINGS, TERMINATED
from orchestrator.cli.terminal_text import clean
from tools.findings.model import Enhancement, Finding, LogFinding, Severity, rank_of
from tools.report.html import page
from tools.synthesis.sessions.comparison import SessionComparison

TOP = 5
LAST_LINES = 10
_TITLE_WIDTH = 100
_CUT_SHORT = {
    HUNG_UP: "ended by SIGHUP",
    INTERRUPTED: "ended by Ctrl-C (SIGINT)",
    TERMINATED: "ended by SIGTERM",
}


def lines(
    *,
    health: str,
    findings: Sequence[Finding],
    gaps: int,
    report: Path | None,
    workspace: Path,
    exit_code: int,
    fail_on: str,
    change: str = "",
    compared: SessionComparison | None = None,
) -> Iterator[str]:
    """The summary, line by line. Without a `report` it says how one is made of the `workspace`."""
    counts = Counter(finding.severity for finding in findings if not isinstance(finding, Enhancement))
    ideas = sum(isinstance(finding, Enhancement) for finding in findings)
    yield ""
    yield f"health     {health}"
    yield "findings   " + ", ".join(f"{counts[severity]} {severity}" for severity in Severity)
    if ideas:
        yield f"           {ideas} enhancement{'' if ideas == 1 else 's'}"
    if compared is not None:
        yield from _compared(compared)
    if change:
        yield f"partial    {clean(change)}"
    if gaps:
        yield f"not seen   {gaps} thing{'' if gaps == 1 else 's'}; section 7 of the report names each"
    yield from _worst(findings)
    yield from _last_words(findings)
    if report is not None:
        yield f"report     {clean(str(report))}"
        yield f"as a page  {clean(str(report.with_name(page.FILE)))}"
    else:
        again = clean(shlex.join(("streamgauge", "report", "--workspace", str(workspace))))
        yield f"report     none was written; `{again}` makes it from what was recorded"
    yield f"exit code  {exit_code}: {meaning(exit_code, fail_on, reported=report is not None)}"


def _compared(found: SessionComparison) -> Iterator[str]:
    if found.earlier:
        counts = ", ".join(f"{count} {state}" for state, count in found.counts.items() if count)
        yield f"compared   {counts or 'nothing'} (against {clean(found.earlier)})"
    over = [
        entry for entry in found.acceptances if entry.state in {"worse", "expired", "unused"} or entry.now
    ]
    for entry in over[:TOP]:
        now = f"; its finding is {clean(entry.now)} now" if entry.now else ""
        now += ", write that" if entry.now and entry.state == "in force" else ""
        if entry.level:
            level = clean(entry.level)
            now = f'; its finding is {level} now, which nobody accepted: level = "{level}" does'
        yield f"accepted   {entry.state}: {clean(entry.fingerprint)} at {clean(entry.place)}{now}"
    if len(over) > TOP:
        yield f"           and {len(over) - TOP} more; the report names each"


def meaning(exit_code: int, fail_on: str, *, reported: bool = True) -> str:
    """What an exit code says, with the severity that was asked for, and whether there is a report."""
    if exit_code in _CUT_SHORT:
        return f"{_CUT_SHORT[exit_code]}; {'the report is written' if reported else 'no report was written'}"
    text = MEANINGS.get(exit_code, "unknown")
    return text.replace("--fail-on", fail_on) if exit_code <= FINDINGS else text


def _last_words(findings: Sequence[Finding]) -> Iterator[str]:
    """The end of the output of what did not get ready: most often it says why."""
    from orchestrator.session.rules import NOT_READY

    for finding in findings:
        if finding.rule_id == NOT_READY.id and isinstance(finding, LogFinding):
            yield f"last lines of {clean(finding.service)}"
            for line in finding.evidence.rstrip().split("\n")[-LAST_LINES:]:
                yield f"           | {clean(line, _TITLE_WIDTH)}"


def _worst(findings: Sequence[Finding]) -> Iterator[str]:
    ordered = sorted(
        findings, key=lambda item: (rank_of(item), isinstance(item, Enhancement), item.timestamp)
    )
    for number, finding in enumerate(ordered[:TOP]):
        level = finding.priority if isinstance(finding, Enhancement) else finding.severity
        label = "worst      " if number == 0 else " " * 11
        yield f"{label}{level:<11} {finding.finding_id:<8} {clean(finding.title, _TITLE_WIDTH)}"
