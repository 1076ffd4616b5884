"""The life of a followed program: first look, failures, pauses, what is said of them and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import log_engine
from tests.fakes.log_store import Store
from tests.fakes.waiting import wait_for
from tools.sources.logs import commands
from tools.sources.logs.command import LOOK_S, TOLD_AFTER_S, CommandFeed
from tools.sources.logs.commands import Named
from tools.sources.logs.feed import Note, RawLine


class Bench:
    """A program `docker` of the test's own, and a feed on it with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.environ = {"PATH": f"{self.bin}:/usr/bin:/bin"}
        self.now = 0.0
        self.feed = self.make()
        self.lines: list[RawLine] = []
        self.notes: list[Note] = []

    def make(self) -> CommandFeed:
        return commands.feed(
            Named("docker", "orders"), None, since_ms=0, from_end=False, environ=self.environ
        )

    def program(self, script: str) -> None:
        path = self.bin / "docker"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def poll(self, *, final: bool = False) -> None:
        self.lines += self.feed.poll(self.now, final=final)
        self.notes += self.feed.notes
        self.feed.notes.clear()

    def poll_until(self, condition: Callable[[], object]) -> None:
        def is_so() -> object:
            self.poll()
            return condition()

        wait_for(is_so)

    def blind(self) -> list[Note]:
        return [note for note in self.notes if note.blind]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.feed.close()


LOOK = 'case "$*" in *--follow*) ;; *) exit 0;; esac\n'
"""Answers the first look."""


def test_a_failure_is_told_once_when_it_lasts_with_the_programs_last_word(bench: Bench) -> None:
    bench.program("echo warning >&2; echo 'denied: token ghp_" + "a1B2c3D4" * 4 + "e5F6' >&2; exit 1")
    bench.poll_until(lambda: bench.feed.answered)
    assert bench.blind() == []
    bench.now += TOLD_AFTER_S
    bench.poll()
    bench.now += TOLD_AFTER_S
    bench.poll_until(lambda: True)
    bench.poll(final=True)
    assert len(bench.blind()) == 1
    assert bench.blind()[0].why.startswith("denied: token [masked:")


def test_a_failure_is_told_at_the_end_however_short_it_was(bench: Bench) -> None:
    bench.program("echo no >&2; exit 1")
    bench.poll_until(lambda: bench.feed.answered)
    bench.poll(final=True)
    assert [note.why for note in bench.blind()] == ["no"]


def test_a_program_that_is_not_there_is_told_at_once(bench: Bench) -> None:
    bench.environ["PATH"] = str(bench.bin)
    bench.poll()
    assert [(note.why, note.fix) for note in bench.blind()] == [
        ("docker is not on PATH", "Install docker, or name a file.")
    ]


def test_a_program_in_the_current_folder_is_never_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench.program("touch ran; exit 1")
    bench.environ["PATH"] = "bin:"
    bench.poll()
    assert [note.why for note in bench.blind()] == ["docker is not on PATH"]
    assert not (tmp_path / "ran").exists()


def test_an_engine_that_restarts_is_an_interruption_and_no_blindness(bench: Bench) -> None:
    bench.program("echo down >&2; exit 1")
    bench.poll_until(lambda: bench.feed.answered)
    bench.program(LOOK + "echo 2025-06-15T10:00:00Z up; exec sleep 60")
    bench.now += 5
    bench.poll_until(lambda: bench.lines)
    assert bench.feed.blindness() is None
    assert [(note.what, note.why, note.blind) for note in bench.notes] == [("an interruption", "down", False)]


def test_what_was_told_is_not_told_again_when_it_works_and_fails_anew_within_its_grace(bench: Bench) -> None:
    bench.program("echo down >&2; exit 1")
    bench.poll_until(lambda: bench.feed.answered)
    bench.now += TOLD_AFTER_S
    bench.poll()
    bench.program(LOOK + "echo 2025-06-15T10:00:00Z up; exit 1")
    while not bench.lines:
        bench.now += 60
        bench.poll_until(lambda: bench.feed._child is None or bench.lines)
    assert len(bench.blind()) == 1


def test_pauses_grow_while_it_fails(bench: Bench) -> None:
    bench.program("echo x >> $0.runs; exit 1")
    runs = bench.bin / "docker.runs"
    for seconds in range(100):
        bench.now = float(seconds)
        bench.poll_until(lambda: bench.feed._child is None)
    # After 0, 1, 3, 7, 15, 31, 61, 91 seconds.
    assert len(runs.read_text(encoding="utf-8").splitlines()) == 8


def test_a_program_that_can_look_but_not_follow_is_told_and_started_ever_less_often(bench: Bench) -> None:
    bench.program(LOOK + "echo x >> $0.runs; echo 'Failed to seek to cursor' >&2; exit 1")
    runs = bench.bin / "docker.runs"
    for seconds in range(60):
        bench.now = float(seconds)
        bench.poll_until(lambda: bench.feed._child is None)
    assert [note.why for note in bench.notes] == ["Failed to seek to cursor"]
    assert bench.feed.blindness() is not None
    assert len(runs.read_text(encoding="utf-8").splitlines()) <= 7


def test_a_stopped_container_after_a_failure_is_read(bench: Bench) -> None:
    bench.program("echo down >&2; exit 1")
    bench.poll_until(lambda: bench.feed.answered)
    bench.program("exit 0")
    for _ in range(3):
        bench.now += 2
        bench.poll_until(lambda: bench.feed._child is None)
    assert bench.feed.blindness() is None


def test_what_is_no_line_of_the_log_is_told_and_never_what_a_look_printed_too(bench: Bench) -> None:
    bench.program(
        "echo 'WARNING: no swap'\n"
        + LOOK
        + "echo 'error grabbing logs: message too large'; echo '2025-06-15T10:00:00.000000001Z one'; exec sleep 60"
    )
    bench.poll_until(lambda: bench.lines)
    assert [line.data for line in bench.lines] == [b"one"]
    [note] = bench.notes
    assert (note.what, note.blind) == ("other output", False)
    assert "message too large" in note.why


def test_an_end_without_a_failure_is_said_and_the_program_started_again(bench: Bench) -> None:
    bench.program(LOOK + "echo 2025-06-15T10:00:00Z one; exit 0")
    bench.poll_until(lambda: bench.lines and bench.feed._child is None)
    bench.now += 1
    bench.poll_until(lambda: bench.feed._child is None)
    assert [line.data for line in bench.lines] == [b"one"]
    assert {(note.what, note.blind) for note in bench.notes} == {("an interruption", False)}


def test_a_look_that_never_ends_is_given_up(bench: Bench) -> None:
    bench.program("exec sleep 60")
    bench.poll()
    bench.now += LOOK_S + 1
    bench.poll_until(lambda: bench.feed.answered)
    blindness = bench.feed.blindness()
    assert blindness is not None
    assert blindness.why == "docker gave no answer within 20 s"


def test_a_program_that_closes_its_output_and_stays_is_killed(bench: Bench) -> None:
    bench.program(LOOK + "echo 2025-06-15T10:00:00Z one; exec sleep 60 >&- 2>&-")
    bench.poll_until(lambda: bench.lines)
    bench.poll_until(lambda: bench.feed._closed_at is not None)
    bench.now += 3
    bench.poll_until(lambda: bench.feed._child is None)


def test_what_a_program_that_failed_printed_by_half_comes_once(bench: Bench) -> None:
    bench.program(
        LOOK
        + 'if [ -e "$0.again" ]; then echo 2025-06-15T10:00:00Z half a line; exec sleep 60; fi\n'
        + 'touch "$0.again"; printf "2025-06-15T10:00:00Z half"; exit 1'
    )
    for _ in range(3):
        bench.poll_until(lambda: bench.feed._child is None or bench.lines)
        bench.now += 5
    bench.poll_until(lambda: bench.lines)
    bench.poll(final=True)
    assert [line.data for line in bench.lines] == [b"half a line"]


def test_lines_carry_the_engines_time(bench: Bench) -> None:
    bench.program(LOOK + "echo 2025-06-15T10:00:00.5Z one; exec sleep 60")
    bench.poll_until(lambda: bench.lines)
    assert bench.lines == [RawLine(b"one", 1, 0, 3, 4, at_ms=1_749_981_600_500)]


def test_an_attached_log_that_cannot_be_read_yet_is_read_from_the_sessions_start(tmp_path: Path) -> None:
    log_engine.program(tmp_path / "bin", "docker", tmp_path)
    store = Store(tmp_path, "orders")
    environ = {"PATH": str(tmp_path / "bin")}
    feed = commands.feed(
        Named("docker", "orders"), None, since_ms=1_750_000_000_000, from_end=True, environ=environ
    )
    now, lines = 0.0, []
    feed.poll(now)
    wait_for(lambda: feed.poll(now) or feed.answered)
    store.start()
    store.append(b"before the session\n", 1_749_999_999 * 10**9)
    store.append(b"in it\n", 1_750_000_001 * 10**9)
    now += 5
    wait_for(lambda: lines.extend(feed.poll(now)) or lines)  # type: ignore[func-returns-value]
    feed.close()
    assert [line.data for line in lines] == [b"in it"]
    assert feed.backfill(200) == []


def test_notes_say_what_a_stamped_log_has_lost(tmp_path: Path) -> None:
    log_engine.program(tmp_path / "bin", "kubectl", tmp_path)
    store = Store(tmp_path, "orders")
    store.start()
    store.append(b"one\n", 1_750_000_000 * 10**9)
    environ = {"PATH": str(tmp_path / "bin")}
    log = Named("kubectl", "orders")
    feed = commands.feed(log, None, since_ms=0, from_end=False, environ=environ)
    lines: list[RawLine] = []

    def read(feed: CommandFeed, count: int) -> None:
        def is_read() -> bool:
            lines.extend(feed.poll(0.0))
            return len(lines) >= count

        wait_for(is_read)

    read(feed, 1)
    checkpoint = feed.checkpoint()
    feed.close()
    store.append(b"two\n", 1_750_000_001 * 10**9)
    store.rotate()
    store.append(b"three\n", 1_750_000_002 * 10**9)
    again = commands.feed(log, checkpoint, since_ms=0, from_end=False, environ=environ)
    read(again, 2)
    again.close()
    assert [line.data for line in lines] == [b"one", b"three"]
    assert [note.what for note in again.notes] == ["lines"]
