"""Reports for pages: a shop in trouble, the same five thousand times over, and a session that saw nothing."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from tests.fakes.clock import ManualClock
from tests.report.made_session import START_MS, make
from tools.report.html import page
from tools.report.model import Report, StreamHealth, TopologyEdge
from tools.report.write import write_report
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


def html_of(report: Report) -> str:
    """The page of a report."""
    return page.render(report)
