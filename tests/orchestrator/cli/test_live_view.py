"""What a person sees of a session, from nothing but its files."""

from __future__ import annotations

import io
import os

import pytest
from rich.console import Console

from orchestrator.cli import live_view, plain_view
from orchestrator.cli.tail import SessionTail
from tests.orchestrator.cli.conftest import IDEA, LAG, Recorded, stream
from tools.findings.model import AgentId, Severity

HOSTILE = "pay\x1b[2J\u202egnp [bold red]x[/] :boom:"


def screen(tail: SessionTail, height: int = 40, width: int = 120) -> str:
    console = Console(record=True, width=width, height=height, file=io.StringIO(), markup=False)
    console.print(live_view.render(tail.view, tail.clock.now_ms(), height, width))
    return console.export_text()


def plain(tail: SessionTail, *, verbose: bool = False) -> list[str]:
    out = io.StringIO()
    plain_view.show(tail.refresh(), out, verbose=verbose)
    return out.getvalue().splitlines()


@pytest.fixture
def tail(recorded: Recorded) -> SessionTail:
    return SessionTail(recorded.workspace, recorded.clock)


def under_way(recorded: Recorded) -> None:
    recorded.begin()
    recorded.event("phase", phase="preflight", status="started", detail="")
    recorded.event("phase", phase="observe", status="started", detail="")
    for number, agent in enumerate(AgentId):
        recorded.event("agent-started", agent=agent, attempt=1, pid=1000 + number)
        recorded.beat(agent)
    recorded.polls(
        (stream("orders", 10, lag=0), stream("audit", 5)),
        (stream("orders", 400, lag=390, pending=7), stream("audit", 5)),
    )
    recorded.record(LAG, "orders/g falls behind", stream="orders")
    recorded.record(IDEA, "print in service code")
    recorded.clock.advance(60)
    recorded.event(
        "supervision",
        number=1,
        redis="answers",
        agents=[{"agent": "LOG_WATCHER", "status": "running", "cpuPercent": 12.4, "rssBytes": 52_428_800}],
        services=[{"service": "orders", "alive": True}, {"service": "mail", "alive": False}],
    )


def test_the_live_view_shows_window_agents_findings_streams_and_cost(
    recorded: Recorded, tail: SessionTail
) -> None:
    under_way(recorded)
    tail.refresh()
    text = screen(tail)
    for piece in (
        "20250615_150640",
        "attach",
        "observe",
        "9m left",
        "log watcher",
        "running",
        "12 %",
        "50 MB",
        "1m ago",
        "CRITICAL 1",
        "services   1 of 2 known to live   gone: mail",
        "HIGH 0",
        "enhancements 1",
        "last critical RSA-001 orders/g falls behind",
        "3.0 ms of the server in 8 round trips, 2 polls",
    ):
        assert piece in text, piece
    orders = next(line for line in text.splitlines() if line.startswith("orders"))
    assert orders.split() == ["orders", "400", "390", "7", "▁█"]
    audit = next(line for line in text.splitlines() if line.startswith("audit"))
    assert audit.split() == ["audit", "5", "–", "0", "▄▄"]


def test_only_agents_are_listed_and_only_blindness_is_counted(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.event("agent-started", agent="INDEXER", attempt=1, pid=1)
    recorded.event("gap", what="a name", why="unresolved", blind=False)
    recorded.event("gap", what="a log", why="gone", blind=True)
    tail.refresh()
    assert "indexer" not in screen(tail)
    assert "gaps 1" in screen(tail)


class _After:
    """Set after so many questions."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_the_live_view_draws_until_it_is_stopped_and_clears_its_picture(
    recorded: Recorded, tail: SessionTail
) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30, markup=False)
    under_way(recorded)
    began = recorded.clock.monotonic()
    live_view.watch(tail, console, recorded.clock, _After(9))
    assert recorded.clock.monotonic() > began
    drawn = out.getvalue()
    assert "20250615_150640" in drawn
    assert drawn.endswith("\x1b[2K")


def test_plain_lines_end_with_what_came_last(recorded: Recorded, tail: SessionTail) -> None:
    out = io.StringIO()
    recorded.begin()
    recorded.event("phase", phase="complete", status="finished")
    plain_view.watch(tail, out, recorded.clock, _After(0), verbose=False)
    assert out.getvalue() == "15:06:40Z phase            complete finished\n"


def test_nothing_is_drawn_wrong_before_the_session_has_begun(tail: SessionTail) -> None:
    assert tail.refresh() == []
    assert "starting" in screen(tail)


def test_many_streams_are_cut_to_the_height_of_the_terminal(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.polls(tuple(stream(f"s{number:04}", 1, lag=number) for number in range(500)))
    tail.refresh()
    text = screen(tail, height=24)
    assert "s0499" in text
    assert "s0000" not in text
    assert "and 491 more" in text
    assert len(text.splitlines()) <= 24


@pytest.mark.parametrize("width", [120, 80, 60, 45])
def test_a_narrow_terminal_crops_names_and_never_figures(
    recorded: Recorded, tail: SessionTail, width: int
) -> None:
    under_way(recorded)
    recorded.polls((stream("a-very-long-name-of-a-stream:" * 3, 123456, lag=98765, pending=4321),))
    tail.refresh()
    lines = screen(tail, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.split()[:4] == ["stream", "length", "lag", "pending"] for line in lines)
    assert any(line.split()[1:4] == ["123456", "98765", "4321"] for line in lines)
    assert any(line.split()[:4] == ["agent", "state", "attempt", "findings"] for line in lines)
    assert any(line.startswith("a-very-lon") for line in lines)


def test_streams_that_are_gone_leave_the_view(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.polls((stream("a", 1), stream("b", 1)), (stream("b", 1),))
    tail.refresh()
    assert list(tail.view.streams) == ["b"]


def test_plain_lines_tell_phases_findings_restarts_and_progress(
    recorded: Recorded, tail: SessionTail
) -> None:
    under_way(recorded)
    recorded.event("agent-restarted", agent="LOG_WATCHER", attempt=2, reason="killed by signal 9")
    lines = plain(tail)
    assert lines == [
        "15:06:40Z phase            preflight started",
        "15:06:40Z phase            observe started",
        "15:07:40Z supervision      1: 1 of 1 agents running, 0 findings, Redis answers, services gone: mail",
        "15:07:40Z agent-restarted  LOG_WATCHER attempt 2: killed by signal 9",
        "15:07:40Z finding          CRITICAL RSA-001 orders/g falls behind",
    ]
    assert plain(tail) == []


def test_plain_lines_tell_what_became_of_services_and_redis(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.event("service-gone", service="mail", pid=12, before=12)
    recorded.event("service-restarted", service="mail", pid=34, before=12)
    recorded.event("service-gone", service="web", pid=None, before=None)
    recorded.event("redis-was-lost", since="a", until="b", what="Redis at h", reason="no connection")
    assert [line[10:] for line in plain(tail)] == [
        "service-gone     mail: its process is gone (pid 12)",
        "service-restart… mail: another process runs (pid 34, before 12)",
        "service-gone     web: its process is gone",
        "redis-was-lost   not seen from a to b: no connection",
    ]
    assert tail.view.services == {"mail": True, "web": False}


def test_verbose_lines_tell_more(recorded: Recorded, tail: SessionTail) -> None:
    under_way(recorded)
    lines = plain(tail, verbose=True)
    assert any("agent-started" in line and "LOG_WATCHER attempt 1" in line for line in lines)
    assert any("P1_HIGH ES-001" in line for line in lines)


def test_a_finding_is_told_again_only_when_it_got_worse(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.record(LAG, "orders falls behind", stream="orders", severity=Severity.HIGH)
    assert [line[10:] for line in plain(tail)] == ["finding          HIGH RSA-001 orders falls behind"]
    recorded.record(LAG, "orders falls behind", stream="orders", severity=Severity.CRITICAL)
    assert [line[10:] for line in plain(tail)] == ["finding          CRITICAL RSA-001 orders falls behind"]


def test_hostile_text_reaches_no_terminal(recorded: Recorded, tail: SessionTail) -> None:
    recorded.begin()
    recorded.event("phase", phase=HOSTILE, status=HOSTILE, detail=HOSTILE)
    recorded.event("agent-failed", agent=HOSTILE, reason=HOSTILE)
    recorded.event("gap", what=HOSTILE, why=HOSTILE, blind=True)
    recorded.event("redis-lost", reason=HOSTILE)
    recorded.event(HOSTILE, anything=HOSTILE)
    recorded.polls((stream(HOSTILE, 1, lag=1),))
    recorded.record(LAG, HOSTILE, stream=HOSTILE)
    text = "\n".join(plain(tail, verbose=True)) + screen(tail)
    assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold red]x[/] :boom:" in text


def test_a_session_from_before_is_not_shown(recorded: Recorded) -> None:
    recorded.begin("20240101_000000")
    recorded.event("phase", phase="complete", status="finished")
    tail = SessionTail(recorded.workspace, recorded.clock)
    assert plain(tail) == []
    recorded.workspace.root.rename(recorded.workspace.root.with_name("old"))
    recorded.begin("20250615_150640")
    recorded.event("phase", phase="preflight", status="started")
    assert plain(tail) == ["15:06:40Z phase            preflight started"]


def test_two_sessions_of_the_same_second_are_told_apart(recorded: Recorded) -> None:
    recorded.begin()
    os.utime(recorded.workspace.session_id_file, ns=(1, 1))
    tail = SessionTail(recorded.workspace, recorded.clock)
    recorded.begin()
    recorded.event("phase", phase="preflight", status="started")
    assert len(plain(tail)) == 1


def test_a_session_that_goes_on_is_shown_from_its_start(recorded: Recorded) -> None:
    under_way(recorded)
    tail = SessionTail(recorded.workspace, recorded.clock, resumed=True)
    assert len(plain(tail)) == 4


def test_torn_and_foreign_lines_are_passed_over(recorded: Recorded, tail: SessionTail) -> None:
    under_way(recorded)
    for path in (
        recorded.workspace.events,
        recorded.workspace.polls,
        recorded.workspace.findings(AgentId.LOG_WATCHER),
        recorded.workspace.agent_dir(AgentId.LOG_WATCHER) / "heartbeat.jsonl",
    ):
        with path.open("ab") as file:
            file.write(b'nonsense\n{"type":5,"at":[]}\n[]\n{"torn":')
    recorded.workspace.path("session.json").write_bytes(b"{")
    assert len(plain(tail)) == 4
    screen(tail)


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        pytest.param([], "", id="none"),
        pytest.param([0, 0], "▁▁", id="always zero"),
        pytest.param([5, 5], "▄▄", id="level"),
        pytest.param([0, 50, 100], "▁▅█", id="rising"),
        pytest.param(list(range(100)), "▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██"[:20], id="the newest twenty"),
    ],
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest(values: list[int], bars: str) -> None:
    assert live_view.sparkline(values) == bars
