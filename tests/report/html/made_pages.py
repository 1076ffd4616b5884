"""Reports for pages: a shop in trouble, the same five thousand times over, and a session that saw nothing."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.fakes.clock import ManualClock
from tests.report.made_session import START_MS, make
from tools.report.html import page
from tools.report.model import Report
from tools.report.streams_model import StreamHealth, TopologyEdge
from tools.report.write import write_report
from tools.synthesis.sessions.comparison import Compared, SessionComparison, State, TrendPoint
from tools.workspace import Workspace

HOSTILE = (
    ' </script><script>window.broken=1</script><!-- "><img src=x onerror="window.broken=2"> {{data}} '
    "\u202egnp.exe\u202c \x1b[31mred\x1b[0m \u2028 ]]> <svg onload=window.broken=3> javascript:window.broken=4 `${1}` "
)
PASSWORD = "password=hunter2hunter2"


def shop(folder: Path, hostile: str = "") -> Report:
    """The report of a session in trouble."""
    made = make(folder, hostile)
    return write_report(made.workspace, made.project, made.clock)


def nothing(folder: Path) -> Report:
    """The report of a workspace in which nothing was ever written."""
    workspace = Workspace(folder / "monitor-session")
    workspace.create()
    return write_report(workspace, folder, ManualClock(START_MS))


def large(report: Report, findings: int, streams: int) -> Report:
    """The same report with so many findings and streams of other names."""
    known, health = report.findings, report.streams
    many = [
        {**known[at % len(known)], "findingId": f"LW-{at + 1000}", "title": f"number {at:05} of many"}
        for at in range(findings)
    ]
    rows = [_stream(health[at % len(health)], at) for at in range(streams)]
    edges = [
        TopologyEdge(service=f"service-{at % 40}", stream=row.stream, direction="writes")
        for at, row in enumerate(rows)
    ]
    return replace(report, findings=tuple(many), streams=tuple(rows), topology=tuple(edges), critical=())


def _stream(row: StreamHealth, at: int) -> StreamHealth:
    return replace(row, stream=f"stream-{at:05}")


def compared(report: Report, new: str) -> SessionComparison:
    """A comparison in which the finding `new` is new and another is gone."""
    later = report.session_id
    point = TrendPoint(
        session_id="earlier", ended_ms=START_MS, incomplete="", by_severity={"HIGH": 1}, enhancements=0
    )
    return SessionComparison(
        earlier="earlier",
        earlier_ended_ms=START_MS,
        later=later,
        counts={"new": 1, "resolved": 1, "updated": 0},
        flapping=0,
        accepted=0,
        notes=(),
        findings=(
            _row(State.NEW, new, later, "CRITICAL", "new", ""),
            _row(State.RESOLVED, "LW-077", "earlier", "HIGH", "<i>gone</i>", "it was looked for"),
        ),
        trend=(point, replace(point, session_id=later)),
    )


def _row(state: State, finding_id: str, session_id: str, *said: str) -> Compared:
    level, title, change = said
    return Compared(
        state=state,
        fingerprint="v1:0",
        finding_id=finding_id,
        session_id=session_id,
        rule_id="log.error",
        category="BUG",
        level=level,
        title=title,
        services=(),
        streams=(),
        change=change,
    )


def html_of(report: Report) -> str:
    """The page of a report."""
    return page.render(report)
