"""The session's small parts: clocks, ending, lock, story, opening, exit code, drift, checkpoints."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import psutil
import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from agents.host import SeenFinding
from agents.loop import StopFile
from orchestrator.config.model import Config, Mode, OutputSection, SessionSection
from orchestrator.keeper.contract import Leftover, Lost
from orchestrator.session import lock, opening, rules, supervise
from orchestrator.session.checkpoints import open_checkpoints, prune
from orchestrator.session.clocks import clocks
from orchestrator.session.ending import Ending
from orchestrator.session.exit_code import exit_code, is_blind
from orchestrator.session.phases import report
from orchestrator.session.previous import Previous
from orchestrator.session.snapshot import drift, stream_lines
from orchestrator.session.story import Story
from tests.fakes.clock import ManualClock
from tools.errors import JournalCorrupt, LockHeld, UsageError
from tools.findings.journal import Journal, read_data
from tools.findings.model import AgentId, EvidenceKind, Locator
from tools.findings.recorder import load
from tools.findings.rule import Quote, Symptom
from tools.sources.records import Gap, GroupInfo, GroupState, Lag, Poll, ServerState, StreamInfo, StreamState
from tools.sources.session_facts import SessionFacts
from tools.sources.session_facts import read as read_facts
from tools.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    return workspace


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def facts(**changes: object) -> SessionFacts:
    plain = SessionFacts(
        session_id="20250615_150640",
        version="1",
        mode="attach",
        project_root="/p",
        redis=None,
        started_ms=0,
        deadline_ms=1,
    )
    return msgspec.structs.replace(plain, **changes)


# --- Clocks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "heartbeat", "restart", "supervise", "paces"),
    [
        pytest.param(600.0, 120.0, 180.0, 120.0, (15.0, 30.0), id="as specified"),
        pytest.param(1200.0, 120.0, 180.0, 120.0, (15.0, 30.0), id="longer: not scaled"),
        pytest.param(300.0, 60.0, 90.0, 60.0, (7.5, 15.0), id="half"),
        pytest.param(60.0, 12.0, 27.0, 12.0, (1.5, 3.0), id="a tenth: a heartbeat and a long look"),
        pytest.param(5.0, 2.0, 17.0, 2.0, (1.0, 1.0), id="the floors"),
    ],
)
def test_clocks_scale_with_the_window(
    duration: float, heartbeat: float, restart: float, supervise: float, paces: tuple[float, float]
) -> None:
    made = clocks(SessionSection(duration=duration), 1000)
    assert made.window.heartbeat_s == pytest.approx(heartbeat)
    assert made.pace.restart_after_s == made.window.restart_after_s == pytest.approx(restart)
    assert made.supervise_s == pytest.approx(supervise)
    assert (made.pace.tick_s, made.metrics_s) == pytest.approx(paces)
    assert made.window.poll_interval_s == 15.0
    assert made.window.deadline_ms - 1000 == duration * 1000
    assert made.window.middle_ms - 1000 == duration * 500


# --- Ending ----------------------------------------------------------------------------------------------


def test_the_deadline_ends_the_window_and_writes_stop(workspace: Workspace, clock: ManualClock) -> None:
    ending = Ending(workspace, clock)
    assert not ending.is_set()
    ending.begin(clock.now_ms() + 1000)
    clock.advance(0.999)
    assert not ending.is_set()
    clock.advance(0.001)
    assert ending.is_set()
    assert ending.by == "deadline"
    assert workspace.stop_file.read_text().startswith("deadline\n")


@pytest.mark.parametrize(
    ("text", "by"),
    [
        pytest.param("", "stop-file", id="touched by a person"),
        pytest.param("deadline\nat x\n", "deadline", id="ours, before a resume"),
        pytest.param("\udcff", "stop-file", id="no text"),
    ],
)
def test_a_stop_file_ends_the_window(workspace: Workspace, clock: ManualClock, text: str, by: str) -> None:
    workspace.stop_file.write_bytes(text.encode("utf-8", "surrogateescape"))
    ending = Ending(workspace, clock)
    assert ending.is_set()
    assert ending.by == by


def test_only_the_first_reason_counts_but_a_later_signal_is_known(
    workspace: Workspace, clock: ManualClock
) -> None:
    ending = Ending(workspace, clock)
    ending.end("deadline")
    ending.end("signal", 15)
    assert (ending.by, ending.signal) == ("deadline", 15)


# --- Lock ------------------------------------------------------------------------------------------------


def test_a_second_session_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    holder = f"workspace: pid {os.getpid()}, session 20250101_000000"
    with (
        lock.hold(tmp_path, (("workspace", "/w"),), "20250101_000000"),
        pytest.raises(LockHeld, match=holder),
        lock.hold(tmp_path, (("workspace", "/w"),), "20250101_000001"),
    ):
        pytest.fail("two sessions at once")
    with lock.hold(tmp_path, (("workspace", "/w"),), "20250101_000002"):
        pass


def test_a_session_that_gets_one_lock_and_not_the_other_holds_none(tmp_path: Path) -> None:
    with lock.hold(tmp_path, (("Redis", "r"),), "1"):
        with pytest.raises(LockHeld), lock.hold(tmp_path, (("workspace", "w"), ("Redis", "r")), "2"):
            pytest.fail("two sessions at once")
        with lock.hold(tmp_path, (("workspace", "w"),), "3"):
            pass


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        ("redis://n1", "redis+cluster://n1,n2", True),
        ("redis+cluster://n2,n3", "redis+cluster://n1,n2", True),
        ("redis+sentinel://a,b/m", "redis+sentinel://b/m/3", True),
        ("redis+sentinel://a/m", "redis+sentinel://a/n", False),
        ("unix:///run/a.sock", "unix:///run/b.sock", False),
        ("unix:///run/a.sock", "unix:///run/a.sock?db=2", True),
    ],
)
def test_one_project_is_audited_on_one_deployment_by_one_session(
    tmp_path: Path, one: str, other: str, refused: bool
) -> None:
    def subjects(url: str, workspace: str) -> tuple[tuple[str, str], ...]:
        return lock.subjects(
            Config.model_validate(
                {
                    "project": {"root": str(tmp_path)},
                    "redis": {"url": url},
                    "output": {"workspace": str(tmp_path / workspace)},
                }
            ),
            Mode.ATTACH,
        )

    with lock.hold(tmp_path, subjects(one, "w1"), "1"), ExitStack() as held:
        if refused:
            with pytest.raises(LockHeld, match="on this Redis and project: pid"):
                held.enter_context(lock.hold(tmp_path, subjects(other, "w2"), "2"))
        else:
            held.enter_context(lock.hold(tmp_path, subjects(other, "w2"), "2"))


def test_other_workspaces_are_not_locked(tmp_path: Path) -> None:
    with lock.hold(tmp_path, (("workspace", "/a"),), "1"), lock.hold(tmp_path, (("workspace", "/b"),), "2"):
        held = sorted(path.name for path in tmp_path.iterdir())
    assert len(held) == 2


def test_a_lock_file_left_by_a_killed_session_locks_nothing(tmp_path: Path) -> None:
    with lock.hold(tmp_path, (("workspace", "/w"),), "1"):
        pass
    [file] = tmp_path.iterdir()
    assert file.read_text().startswith("pid ")
    descriptor = os.open(file, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


# --- Story -----------------------------------------------------------------------------------------------


def test_an_alert_is_told_once_also_after_a_resume(workspace: Workspace, clock: ManualClock) -> None:
    finding = SeenFinding("LW-001", "orders\nis down", severity="CRITICAL")
    for _ in range(2):
        story = Story(workspace, clock, facts())
        story.alert("LOG_WATCHER", finding)
        story.alert("LOG_WATCHER", finding)
        story.close()
    assert (
        workspace.path("critical-alerts.log").read_text()
        == "2025-06-15T15:06:40.000Z LW-001 orders is down\n"
    )
    assert len(list(read_data(workspace.events))) == 1


def test_a_phase_keeps_its_start_and_gets_an_end(workspace: Workspace, clock: ManualClock) -> None:
    story = Story(workspace, clock, facts())
    story.phase("preflight", "started")
    assert story.is_running("preflight")
    clock.advance(2)
    story.phase("preflight", "failed", "no Redis")
    story.close()
    [run] = read_facts(workspace).phases
    assert (run.name, run.status, run.detail) == ("preflight", "failed", "no Redis")
    assert (run.ended_ms or 0) - run.started_ms == 2000


def test_a_gap_is_told_once_also_after_a_resume_and_again_where_it_turns_out_to_blind(
    workspace: Workspace, clock: ManualClock
) -> None:
    for told in (SMALL, SMALL, BLIND):
        story = Story(workspace, clock, facts())
        story.gap(told)
        story.close()
    assert len(list(read_data(workspace.gaps))) == len(list(read_data(workspace.events))) == 2
    assert is_blind(workspace)


def test_a_full_disk_shortens_the_story_and_ends_nothing(workspace: Workspace, clock: ManualClock) -> None:
    story = Story(workspace, clock, facts())
    story.close()
    story.event("phase")
    story.gap(Gap(what="w", why="y", fix="f", source="s", at_ms=1))
    assert story.lost == 3


# --- Opening ---------------------------------------------------------------------------------------------


def test_every_old_session_is_archived_and_kept(tmp_path: Path, clock: ManualClock) -> None:
    workspace, archive = Workspace(tmp_path / "session"), tmp_path / ".archive"
    assert opening.create_workspace(workspace, "1", clock) is None
    for session_id, archived in (("2", "1"), ("2", "2"), ("3", "2-2")):
        workspace.path("logs", "a.log").write_text(archived, encoding="ascii")
        previous = opening.create_workspace(workspace, session_id, clock)
        assert previous == Previous(archive / f"{archived}.zip")
    assert (archive / ".gitignore").read_text(encoding="ascii") == "*\n"


@pytest.mark.parametrize(
    ("state_db", "folder"),
    [
        pytest.param(".state/orchestration.db", ".state", id="the default"),
        pytest.param("st.db", ".state", id="beside the user's own files"),
        pytest.param("var/st.db", "var/.state", id="in a folder of the user's"),
    ],
)
def test_locks_and_keys_never_lie_among_other_files(state_db: str, folder: str) -> None:
    assert OutputSection(state_db=Path(state_db)).state_folder == Path(folder)


def test_a_folder_that_is_no_session_is_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    opening.create_workspace(Workspace(folder), "1", ManualClock())
    (folder / "SESSION_ID").unlink()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="holds no session"):
        opening.create_workspace(Workspace(tmp_path / "session"), "2", ManualClock())
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_a_workspace_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        opening.create_workspace(Workspace(tmp_path / "file" / "session"), "1", ManualClock())


def test_a_session_id_is_the_moment_in_utc(clock: ManualClock) -> None:
    assert opening.new_session_id(clock) == "20250615_150640"


@pytest.mark.parametrize(
    ("made", "mode", "message"),
    [
        pytest.param(False, Mode.ATTACH, "holds no session", id="nothing there"),
        pytest.param(True, Mode.ATTACH, "cannot be resumed", id="no facts"),
    ],
)
def test_what_cannot_go_on_is_said(tmp_path: Path, made: bool, mode: Mode, message: str) -> None:
    workspace = Workspace(tmp_path / "session")
    if made:
        opening.create_workspace(workspace, "1", ManualClock())
    with pytest.raises(UsageError, match=message):
        opening.facts_to_resume(workspace, Config(), mode)


def test_the_dead_time_is_a_gap(clock: ManualClock) -> None:
    begun = facts(started_ms=clock.now_ms())
    died_ms = clock.now_ms() + 10_000
    clock.advance(60)
    gap = opening.dead_time(begun, died_ms, clock)
    assert (gap.at_ms, gap.until_ms, gap.blind) == (died_ms, clock.now_ms(), True)
    assert opening.dead_time(begun, 0, clock).at_ms == begun.started_ms


def test_the_last_sign_of_life_is_the_newest_file_of_the_session_and_not_of_its_keeper(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path / "session")
    opening.create_workspace(workspace, "1", ManualClock())
    for name, at_s in (
        ("events.jsonl", 100),
        ("agents/log-watcher/state.json", 200),
        ("recording/keeper/state.json", 300),
    ):
        path = workspace.path(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (at_s, at_s))
    assert opening.last_sign_ms(workspace) == 200_000


def test_the_first_facts_hold_no_credentials(clock: ManualClock) -> None:
    config = Config.model_validate({"redis": {"url": "redis://me:hunter2222@db.example:7000/1"}})
    made = opening.first_facts(config, Mode.ATTACH, "1", "0.1", clock)
    assert made.redis == "db.example:7000"


def test_what_is_told_to_people_runs_nothing_in_their_terminal(
    workspace: Workspace, clock: ManualClock
) -> None:
    story = Story(workspace, clock, facts())
    story.warn("orders: \x1b]0;pwn\x07\x1b[2J\n gone")
    story.close()
    text = workspace.path("critical-alerts.log").read_text()
    assert text.endswith("orders: \\x1b]0;pwn\\x07\\x1b[2J gone\n")


# --- Findings of the session -----------------------------------------------------------------------------

OUTPUT = Quote(EvidenceKind.LOG, "logs/orders.log", "boot", Locator(byte_offset=0, byte_length=4))
FLOOD = Lost(
    output="services", bytes=64_000_000, from_ms=1, why="it was written faster than it could be masked"
)
SYMPTOMS = [
    pytest.param(
        rules.command_missing(("XACK", "XADD"), "redis 4.0.1"), AgentId.CONFIG_AUDITOR, id="command"
    ),
    pytest.param(
        rules.not_ready("orders", rules.how_not_ready(30, None), OUTPUT), AgentId.LOG_WATCHER, id="not ready"
    ),
    pytest.param(
        rules.not_ready("orders", rules.how_not_ready(30, 1), OUTPUT), AgentId.LOG_WATCHER, id="ended early"
    ),
    pytest.param(rules.port_taken("orders", 3001, "pid 12 (node)"), AgentId.LOG_WATCHER, id="port taken"),
    pytest.param(rules.output_flood(FLOOD, OUTPUT), AgentId.LOG_WATCHER, id="flood"),
    pytest.param(
        rules.leftover(Leftover(12, "node app.js --port 3001"), 15), AgentId.LOG_WATCHER, id="process"
    ),
    pytest.param(rules.leftover_port(3001, "pid 12 (node)"), AgentId.LOG_WATCHER, id="port"),
    pytest.param(rules.leftover_clients(["orders 127.0.0.1:5"]), AgentId.LOG_WATCHER, id="client"),
]


@pytest.mark.parametrize(("symptom", "agent"), SYMPTOMS)
def test_what_the_session_finds_itself_is_a_valid_finding(
    workspace: Workspace, clock: ManualClock, symptom: Symptom, agent: AgentId
) -> None:
    [found] = rules.record(workspace, clock, agent, [symptom])
    assert load(workspace.findings(agent)) == [found]
    assert rules.record(workspace, clock, agent, [symptom]) == []


@pytest.mark.parametrize(
    ("code", "lost", "how"),
    [
        pytest.param(None, (), "no ready signal in 30 s", id="runs"),
        pytest.param(3, (), "the start command ended with code 3", id="failed"),
        pytest.param(0, (), "the start command ended with code 0 and nothing of it runs", id="left nothing"),
        pytest.param(
            None,
            (FLOOD,),
            "no ready signal in 30 s, and 64 MB of its output could not be read in time",
            id="floods",
        ),
    ],
)
def test_what_became_of_a_start_is_said_in_words(code: int | None, lost: tuple[Lost, ...], how: str) -> None:
    assert rules.how_not_ready(30, code, lost) == how


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("Error: listen EADDRINUSE: address already in use :::{port}", id="node"),
        pytest.param("Error: listen EADDRINUSE: address already in use 127.0.0.1:{port}", id="node, v4"),
        pytest.param("listen tcp :{port}: bind: address already in use", id="go"),
        pytest.param("OSError: [Errno 98] Address already in use: ('0.0.0.0', {port})", id="python"),
        pytest.param("Port {port} is already in use", id="words"),
    ],
)
def test_a_port_in_use_is_told_with_its_holder(line: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = int(held.getsockname()[1])
        output = Quote(EvidenceKind.LOG, "logs/orders.log", line.format(port=port))
        symptom = rules.not_ready("orders", "the start command ended with code 1", output)
    assert f"Port {port} is held by pid {os.getpid()}" in symptom.recommendation


def test_the_same_program_left_over_again_is_the_same_finding(
    workspace: Workspace, clock: ManualClock
) -> None:
    symptoms = [rules.leftover(Leftover(pid, f"node app.js --run {pid}"), 15) for pid in (123, 4567)]
    rules.record(workspace, clock, AgentId.LOG_WATCHER, symptoms)
    [found] = load(workspace.findings(AgentId.LOG_WATCHER))
    assert found.occurrences == 2


# --- Exit code -------------------------------------------------------------------------------------------

BLIND = Gap(what="logs of orders", why="no such file", fix="mend it", source="logs", at_ms=1)
SMALL = msgspec.structs.replace(BLIND, blind=False)


LEFT = rules.leftover(Leftover(1, "x"), 1)


@dataclass(frozen=True)
class Case:
    code: int
    symptom: Symptom | None = None
    gap: Gap | None = None
    fail_on: str = "high"
    failed: bool = False
    signal: int | None = None


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(0), id="nothing found"),
        pytest.param(Case(0, gap=SMALL), id="a small gap"),
        pytest.param(Case(3, gap=BLIND), id="a blind gap"),
        pytest.param(Case(1, LEFT), id="on the limit"),
        pytest.param(Case(1, LEFT, fail_on="new:high"), id="new, with nothing to compare with"),
        pytest.param(Case(0, LEFT, fail_on="critical"), id="below the limit"),
        pytest.param(Case(1, LEFT, gap=BLIND), id="found and blind"),
        pytest.param(Case(0, LEFT, fail_on="never"), id="never"),
        pytest.param(Case(3, LEFT, gap=BLIND, fail_on="never"), id="never, but blind"),
        pytest.param(Case(3, LEFT, failed=True), id="failed"),
        pytest.param(Case(130, LEFT, signal=2), id="Ctrl-C"),
        pytest.param(Case(143, failed=True, signal=15), id="SIGTERM"),
    ],
)
def test_the_exit_code_follows_from_the_journals(
    workspace: Workspace, clock: ManualClock, case: Case
) -> None:
    if case.symptom is not None:
        rules.record(workspace, clock, AgentId.LOG_WATCHER, [case.symptom])
    if case.gap is not None:
        with Journal(workspace.gaps) as gaps:
            gaps.append(case.gap)
    assert exit_code(workspace, fail_on=case.fail_on, failed=case.failed, signal=case.signal) == case.code


# --- Snapshots -------------------------------------------------------------------------------------------


def poll(length: int, pending: int, *, number: int = 0) -> Poll:
    info = GroupInfo(name="g", consumers=1, pending=pending, last_delivered_id="1-0")
    group = GroupState(info=info, lag=Lag(messages=length // 2, source="server"))
    stream = StreamState(name="orders", info=StreamInfo(length=length, groups=1), groups=(group,))
    server = ServerState(flavour="valkey", version="9")
    return Poll(number=number, at_ms=number, server=server, streams=(stream,))


def test_two_equal_polls_have_no_drift() -> None:
    assert drift(poll(4, 1), poll(4, 1, number=7)) == ""


def test_drift_shows_what_changed_on_a_stream_and_its_group() -> None:
    changed = [line for line in drift(poll(4, 1), poll(6, 1)).splitlines() if line[0] in "+-"]
    assert [line.split()[0] for line in changed[2:]] == ["-stream", "-group", "+stream", "+group"]


def test_the_supervisor_tells_length_lag_and_pending() -> None:
    assert stream_lines(poll(4, 1)) == [{"stream": "orders", "length": 4, "lag": 2, "pending": 1}]
    assert stream_lines(None) == []


# --- Checkpoints -----------------------------------------------------------------------------------------


class Count(TypedDict):
    number: int


async def test_old_checkpoints_are_pruned_and_the_newest_stays(tmp_path: Path) -> None:
    async def step(state: Count) -> Count:
        return {"number": state["number"] + 1}

    graph = StateGraph(Count)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: "step" if state["number"] < 30 else END, ["step", END])
    async with open_checkpoints(tmp_path / "c.sqlite") as saver:
        compiled = graph.compile(checkpointer=saver)
        await compiled.ainvoke({"number": 0}, {"configurable": {"thread_id": "t"}}, durability="sync")
        assert await prune(saver, "t") > 20
        assert await prune(saver, "t") == 0
        snapshot = await compiled.aget_state({"configurable": {"thread_id": "t"}})
        assert snapshot.values == {"number": 30}
        assert saver.failures == 0


# --- What may not be lost --------------------------------------------------------------------------------


def a_gap(what: str) -> Gap:
    return Gap(what=what, why="it was away", fix="Bring it back.", source="test", at_ms=1)


class FullDisk:
    """The first calls fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        append = Journal.append

        def refuse(journal: Journal, record: object) -> tuple[int, int]:
            self.left -= 1
            if self.left >= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return append(journal, record)

        self.left = times
        monkeypatch.setattr(Journal, "append", refuse)


def test_a_gap_that_found_no_room_is_written_later(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    story = Story(workspace, clock, facts(started_ms=clock.now_ms()))
    FullDisk(monkeypatch, 3)
    story.gap(a_gap("a"))
    assert story.untold
    story.event("later")
    assert not story.untold
    assert is_blind(workspace)


def test_a_gap_that_never_found_room_is_not_all_clear(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    story = Story(workspace, clock, facts(started_ms=clock.now_ms()))
    FullDisk(monkeypatch, 1000)
    story.gap(a_gap("a"))
    assert exit_code(workspace, fail_on="high", failed=False, signal=None, blind=story.untold) == 3


def test_an_event_of_odd_text_is_no_error(tmp_path: Path, clock: ManualClock) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    story = Story(workspace, clock, facts(started_ms=clock.now_ms()))
    story.event("error", reason="a name that is no text: \udcff")
    story.warn("a name that is no text: \udcff")
    assert story.lost == 1


def test_a_damaged_findings_journal_is_blindness_not_a_crash(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    workspace.findings(AgentId.LOG_WATCHER).write_text('{"findingId": "LW-001"}\n')
    assert exit_code(workspace, fail_on="high", failed=False, signal=None) == 3
    with pytest.raises(JournalCorrupt, match=r"log-watcher\.jsonl: byte 0: not a finding"):
        rules.record(workspace, ManualClock(), AgentId.LOG_WATCHER, [rules.leftover_port(1, "x")])


async def test_a_look_of_the_supervisor_that_fails_does_not_end_the_session(
    workspace: Workspace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_session: object, _number: int) -> None:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(supervise, "supervise", broken)
    told: list[str] = []
    session = SimpleNamespace(
        clock=clock,
        clocks=clocks(SessionSection(), clock.now_ms()),
        ending=Ending(workspace, clock),
        agents=(AgentId.LOG_WATCHER,),
        keepers=tuple,
        mode=Mode.ATTACH,
        event=lambda kind, **_: told.append(kind),
        lookout=SimpleNamespace(sampler=SimpleNamespace(due_s=float("inf"))),
    )
    state = await supervise.look(
        {"supervisions": 0, "over": False}, cast("Any", SimpleNamespace(context=session))
    )
    assert state == {"supervisions": 1, "over": False}
    assert told == ["error"]


async def test_evidence_that_is_not_found_again_is_a_gap_and_stands_in_the_report(
    workspace: Workspace, clock: ManualClock
) -> None:
    rules.record(workspace, clock, AgentId.LOG_WATCHER, [rules.leftover_port(1, "pid 7 (x)")])
    copy = workspace.evidence(AgentId.LOG_WATCHER)
    copy.write_bytes(copy.read_bytes().replace(b"pid 7", b"pid 8"))
    story = Story(workspace, clock, facts())
    story.update()
    session = SimpleNamespace(
        workspace=workspace, clock=clock, project_root=workspace.root, event=story.event, gap=story.gap
    )
    await report.run(cast("Any", session), {})
    story.close()
    assert exit_code(workspace, fail_on="critical", failed=False, signal=None) == 3
    assert "LW-001" in workspace.gaps.read_text()
    data = json.loads(workspace.path("report.json").read_text())
    assert any("evidence" in gap["what"] for gap in data["sourceGaps"])


class SetClock(ManualClock):
    """Its wall clock can be set."""

    set_by_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.set_by_ms


@pytest.mark.parametrize("set_by_s", [3600, -3600], ids=["forward", "back"])
def test_a_wall_clock_that_is_set_neither_ends_nor_prolongs_the_window(
    workspace: Workspace, set_by_s: int
) -> None:
    clock = SetClock()
    session_ends, watcher_ends = (
        Ending(workspace, clock),
        StopFile(workspace, clock.now_ms() + 600_000, clock, None),
    )
    session_ends.begin(clock.now_ms() + 600_000)
    clock.set_by_ms = set_by_s * 1000
    clock.advance(599)
    assert (watcher_ends.is_set(), session_ends.is_set()) == (False, False)
    clock.advance(1)
    assert (watcher_ends.is_set(), session_ends.is_set()) == (True, True)
