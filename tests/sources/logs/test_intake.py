"""From sources of every kind to masked lines and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from agents.job import LogSource
from tests.fakes import log_engine
from tests.fakes.log_store import Store
from tests.fakes.waiting import wait_for
from tests.sources.logs.lines import lines_of
from tools.sources.logs.intake import COMMANDS_MAX, Intake, SourceState
from tools.sources.records import Gap, LogLine

START_MS = 1_750_000_000_000
ENGINE_MS = 1_749_999_999_500


class Bench:
    """An intake over a stand-in of docker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder, "orders")
        self.store.start()
        log_engine.program(folder / "bin", "docker", folder)
        log_engine.program(folder / "bin", "kubectl", folder)
        self.gaps: list[Gap] = []
        self.lines: list[LogLine] = []
        self.now = 0.0
        self.intake: Intake | None = None

    def open(
        self, *sources: LogSource, states: list[SourceState] | None = None, since_ms: int | None = 0
    ) -> Intake:
        environ = {"PATH": str(self.folder / "bin")}
        self.intake = Intake(
            sources, (self.folder, self.folder), self.gaps.append, states, since_ms=since_ms, environ=environ
        )
        return self.intake

    def read(self, *, final: bool = False) -> None:
        assert self.intake is not None
        for batch in self.intake.read(START_MS, self.now, final=final):
            self.lines += lines_of(batch)

    def read_until(self, condition: Callable[[], object]) -> None:
        def is_so() -> object:
            self.read()
            return condition()

        wait_for(is_so)

    def say(self, text: str, at_ms: int = ENGINE_MS) -> None:
        self.store.append(text.encode() + b"\n", at_ms * 1_000_000)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    if made.intake is not None:
        made.intake.close()


ORDERS = LogSource(service="orders", docker="orders")


def test_a_line_of_a_container_is_a_masked_line_with_the_engines_time(bench: Bench) -> None:
    bench.say("ERROR order 7 lost, password=hunter2hunter2")
    bench.open(ORDERS)
    bench.read_until(lambda: bench.lines)
    (line,) = bench.lines
    assert (line.service, line.source, line.line, line.byte_offset, line.byte_length, line.position) == (
        "orders", "docker:orders", 1, 0, 43, 44,
    )  # fmt: skip
    assert (line.event_ms, line.stamped, line.level, line.hinted) == (ENGINE_MS, True, "ERROR", False)
    assert "hunter2" not in line.text
    assert [kind for kind, _ in line.secrets] == ["password"]


def test_a_lines_own_time_wins(bench: Bench) -> None:
    bench.say("2025-06-15T10:00:00Z INFO started")
    bench.open(ORDERS)
    bench.read_until(lambda: bench.lines)
    assert (bench.lines[0].event_ms, bench.lines[0].stamped) == (1_749_981_600_000, False)


def test_lines_that_the_engine_got_long_ago_are_late(bench: Bench) -> None:
    bench.open(ORDERS)
    bench.say("first")
    bench.read_until(lambda: bench.lines)
    bench.say("old", START_MS - 60_000)
    bench.say("new", START_MS)
    bench.read_until(lambda: len(bench.lines) == 3)
    assert [line.late for line in bench.lines[1:]] == [True, False]


def test_an_attached_log_gives_its_last_lines_for_their_format_only(bench: Bench) -> None:
    bench.say("before")
    bench.open(ORDERS, since_ms=None)
    bench.read_until(lambda: bench.lines)
    bench.say("after", START_MS)
    bench.read_until(lambda: len(bench.lines) == 2)
    assert [(line.text, line.backfill, line.line) for line in bench.lines] == [
        ("before", True, 0),
        ("after", False, 1),
    ]


def test_a_new_attempt_goes_on_where_the_last_one_stood(bench: Bench) -> None:
    bench.say("-----BEGIN PRIVATE KEY-----")
    bench.say("aB3/" * 16)
    bench.open(ORDERS)
    bench.read_until(lambda: len(bench.lines) == 2)
    assert bench.intake is not None
    states = msgspec.json.decode(msgspec.json.encode(bench.intake.states()), type=list[SourceState])
    bench.intake.close()
    bench.say("x9" * 20)
    bench.open(ORDERS, states=states)
    bench.read_until(lambda: len(bench.lines) == 3)
    assert [line.line for line in bench.lines] == [1, 2, 3]
    assert bench.lines[2].text.startswith("[masked"), "the key goes on"
    assert bench.lines[2].position > bench.lines[1].position


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (LogSource(service="shop", docker="orders"), "shop"),
        (LogSource(service="*", docker="orders"), "orders"),
        (LogSource(service="*", kubectl="orders"), "orders"),
    ],
    ids=["given", "container", "pod"],
)
def test_lines_have_a_service(bench: Bench, source: LogSource, name: str) -> None:
    bench.say("hello")
    bench.open(source)
    bench.read_until(lambda: bench.lines)
    assert bench.lines[0].service == name


def test_a_source_given_twice_is_read_once(bench: Bench) -> None:
    bench.say("hello")
    bench.open(ORDERS, LogSource(service="again", docker="orders"))
    bench.read_until(lambda: bench.lines)
    bench.say("bye")
    bench.read_until(lambda: len(bench.lines) == 2)
    assert [line.service for line in bench.lines] == ["orders", "orders"]


@pytest.mark.parametrize(
    ("source", "what", "why"),
    [
        pytest.param(
            LogSource(service="a", docker="--tlskey=/etc/passwd"),
            "log source docker --tlskey=/etc/passwd",
            "it is no container's name (letters, digits, _ . -)",
            id="an option",
        ),
        pytest.param(
            LogSource(service="a", journald="orders"),
            "log source journald orders",
            "journalctl is not on PATH",
            id="no program",
        ),
    ],
)
def test_what_can_never_be_read_is_one_gap_at_once(
    bench: Bench, source: LogSource, what: str, why: str
) -> None:
    bench.open(source)
    bench.read()
    bench.read(final=True)
    found = {(gap.what, gap.why, gap.blind) for gap in bench.gaps}
    assert found == {(what, why, True)}


def test_a_container_that_is_not_there_is_one_blind_gap_at_the_end(bench: Bench) -> None:
    intake = bench.open(LogSource(service="a", docker="nosuch"))
    bench.read_until(lambda: not intake.pending)
    bench.now += 5
    bench.read_until(lambda: not intake.pending)
    bench.read(final=True)
    intake.say_what_was_blind(START_MS)
    assert {(gap.what, gap.blind) for gap in bench.gaps} == {("log source docker nosuch", True)}
    assert bench.gaps[0].why == "Error response from daemon: No such container: nosuch"
    assert bench.gaps[0].source == "docker:nosuch"


def test_a_session_that_ends_before_the_program_answers_says_so(bench: Bench) -> None:
    intake = bench.open(ORDERS)
    bench.read(final=True)
    intake.say_what_was_blind(START_MS)
    assert [(gap.what, gap.why) for gap in bench.gaps] == [
        ("log source docker orders", "docker has not answered")
    ]


def test_what_was_read_is_no_gap(bench: Bench) -> None:
    intake = bench.open(ORDERS)
    bench.say("hello")
    bench.read_until(lambda: bench.lines)
    bench.read(final=True)
    intake.say_what_was_blind(START_MS)
    assert bench.gaps == []


def test_a_stopped_container_is_a_gap_that_is_not_blind(bench: Bench) -> None:
    bench.open(ORDERS)
    bench.say("hello")
    bench.read_until(lambda: bench.lines)
    bench.store.stop()
    bench.read_until(lambda: bench.gaps)
    assert [(gap.what, gap.blind) for gap in bench.gaps] == [("an interruption of docker:orders", False)]


def test_programs_beyond_the_limit_are_a_gap_each(bench: Bench) -> None:
    bench.open(*(LogSource(service="a", journald=f"u{number}") for number in range(COMMANDS_MAX + 2)))
    bench.read()
    beyond = [gap.source for gap in bench.gaps if "programs would run" in gap.why]
    assert beyond == [f"journald:u{COMMANDS_MAX}", f"journald:u{COMMANDS_MAX + 1}"]


def test_no_program_is_left_when_it_is_closed(bench: Bench) -> None:
    before = {child.pid for child in psutil.Process().children()}
    intake = bench.open(ORDERS, LogSource(service="b", kubectl="orders"))
    bench.say("hello")
    bench.read_until(lambda: len(bench.lines) == 2)
    programs = [child for child in psutil.Process().children() if child.pid not in before]
    intake.close()
    assert len(programs) == 2
    assert not any(program.is_running() for program in programs)


def test_services_that_cannot_be_read_are_known_while_it_is_so(bench: Bench) -> None:
    intake = bench.open(
        LogSource(service="orders", docker="orders"),
        LogSource(service="ghost", docker="nosuch"),
        LogSource(service="wrong", docker="-x"),
        LogSource(service="both", docker="nosuch2"),
        LogSource(service="both", path="both.log"),
    )
    (bench.folder / "both.log").touch()
    bench.read()
    assert intake.unread == {"orders", "ghost", "wrong"}
    bench.read_until(lambda: intake.unread == {"ghost", "wrong"})
