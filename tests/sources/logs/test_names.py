"""Logs that lie under more than one name, or change theirs: each line is read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.job import LogSource
from tests.sources.logs.test_follow import Writer
from tools.sources.logs.follow import GONE_AFTER_S
from tools.sources.logs.intake import Intake, SourceState
from tools.sources.records import Gap

NOW_MS = 1_750_000_000_000


class Bench:
    """An intake over a glob, and a writer of one of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gaps: list[Gap] = []
        self.writer = Writer(folder)
        self.writer.path.touch()
        self.sources: dict[str, int] = {}
        self.now = 0.0
        self.intake: Intake | None = None

    def open(
        self, glob: str = "*.log", states: list[SourceState] | None = None, at_ms: int = NOW_MS
    ) -> Intake:
        roots = self.folder, self.folder
        self.intake = Intake(
            [LogSource(service="*", path=glob)], roots, self.gaps.append, states, began_ms=NOW_MS
        )
        list(self.intake.discover(at_ms, self.now))
        return self.intake

    def read(self, *, times: int = 1, pause: float = 1.1, final: bool = False) -> None:
        assert self.intake is not None
        for _ in range(times):
            self.now += pause
            for batch in self.intake.read(NOW_MS, self.now, final=final):
                lines = list(batch.block.lines())
                self.writer.got += lines
                self.sources[batch.origin.source] = self.sources.get(batch.origin.source, 0) + len(lines)

    def again(self, glob: str = "*.log", at_ms: int = NOW_MS) -> None:
        assert self.intake is not None
        states = self.intake.states()
        self.intake.close()
        self.open(glob, states, at_ms)

    def check(self) -> None:
        numbers = sorted(int(line.data[5:13]) for line in self.writer.got)
        assert numbers == list(range(1, self.writer.count + 1))
        assert self.gaps == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    if made.intake is not None:
        made.intake.close()


DATED = (
    "app-2025-06-0{}.log",
    "app-2025060{}.log",
    "app-2025-06-0{}T10-00-00.000.log",
    "app.2025-06-0{}.log",
)


@pytest.mark.parametrize("name", DATED)
@pytest.mark.parametrize("glob", ["*.log", "app.log", "*"])
def test_a_file_that_is_rotated_to_a_name_of_the_same_glob_is_read_once(
    bench: Bench, name: str, glob: str
) -> None:
    bench.open(glob)
    for turn in range(1, 5):
        bench.writer.write(20)
        bench.read(times=turn % 2)
        bench.writer.write(10)
        bench.writer.path.rename(bench.folder / name.format(turn))
        bench.writer.write(5)
        if turn == 3:
            bench.again(glob)
        bench.read(times=2, pause=GONE_AFTER_S + 1)
    bench.read(times=3)
    bench.read(final=True)
    bench.check()


def test_generations_that_were_made_while_nobody_read_are_read_once(bench: Bench) -> None:
    bench.open()
    bench.writer.write(5)
    bench.read()
    states = bench.intake.states() if bench.intake is not None else []
    for turn in range(1, 4):
        bench.writer.write(20)
        bench.writer.path.rename(bench.folder / DATED[0].format(turn))
    bench.writer.write(5)
    bench.open(states=states)
    bench.read(times=4, pause=GONE_AFTER_S)
    bench.check()


def test_a_link_to_a_file_of_the_same_glob_is_no_log_of_its_own(bench: Bench) -> None:
    bench.writer.path.unlink()
    link = bench.writer.path
    for turn in range(1, 4):
        bench.writer.path = bench.folder / DATED[0].format(turn)
        bench.writer.path.touch()
        link.unlink(missing_ok=True)
        link.symlink_to(bench.writer.path)
        if turn == 1:
            bench.open()
        bench.writer.write(20)
        bench.read(times=2)
    bench.again()
    bench.writer.write(5)
    bench.read(times=2)
    bench.check()
    assert set(bench.sources) == {DATED[0].format(turn) for turn in (1, 2, 3)}


def test_two_names_of_one_file_are_one_log(bench: Bench) -> None:
    os.link(bench.writer.path, bench.folder / "other.log")
    bench.open()
    bench.writer.write(20)
    bench.read(times=3)
    bench.check()


def test_a_dated_log_that_is_written_beside_one_without_a_date_is_read(bench: Bench) -> None:
    dated = bench.folder / "app-2025-06-01.log"
    dated.touch()
    bench.open()
    bench.writer.write(10, dated)
    bench.read()
    newer = bench.folder / "app-2025-06-02.log"
    bench.writer.write(10, newer)
    bench.read(times=3)
    bench.writer.write(10, newer)
    bench.read(times=2)
    bench.writer.write(10)
    bench.read(times=2)
    bench.check()


@pytest.mark.parametrize("restart", [False, True])
def test_a_log_that_is_not_there_again_yet_is_not_read_anew_by_its_older_name(
    bench: Bench, *, restart: bool
) -> None:
    bench.open("*")
    bench.writer.write(10)
    bench.read()
    bench.writer.write(10)
    bench.writer.path.rename(bench.writer.keep(1))
    if restart:
        bench.again("*")
    bench.read(times=3)
    bench.writer.write(10)
    bench.read(times=3)
    bench.check()


@pytest.mark.parametrize("restart", [False, True])
def test_older_generations_of_a_file_that_appears_late_are_read_too(bench: Bench, *, restart: bool) -> None:
    bench.open()
    bench.writer.path = bench.folder / "late.log"
    later = NOW_MS / 1000 + 1
    bench.writer.write(10)
    bench.writer.path.rename(bench.folder / "late.log.1")
    os.utime(bench.folder / "late.log.1", (later, later))
    bench.writer.write(10)
    if restart:
        bench.again(at_ms=NOW_MS + 60_000)
    bench.read(times=3)
    bench.check()


def test_what_a_new_attempt_misses_is_told_before_it_has_read_anything(bench: Bench) -> None:
    bench.open()
    bench.writer.write(10)
    bench.read()
    bench.writer.path.unlink()
    bench.again()
    [gap] = bench.gaps
    assert gap.what == "lines of app.log"
