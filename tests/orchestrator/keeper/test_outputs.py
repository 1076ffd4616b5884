"""Captured logs: whatever moment a kill chooses, each line is there once, and its place in the original is known."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.keeper.capture import Logs
from orchestrator.keeper.outputs import Output
from tools.sources.logs.captured import Place, places_of
from tools.workspace import Workspace

LINES = [(0, "one"), (4, "two"), (8, "three")]


def make(folder: Path, **more: int) -> Output:
    return Output(folder / "a.log", folder / "a.offsets", **more)


def text(folder: Path) -> str:
    return (folder / "a.log").read_text()


def test_each_line_knows_where_it_lay(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(2, LINES)
    output.rest()
    assert text(tmp_path) == "one\ntwo\nthree\n"
    assert places_of(tmp_path / "a.offsets", 1, 9) == [Place(2, 0), Place(2, 4), Place(2, 8)]
    assert places_of(tmp_path / "a.offsets", 2) == [Place(2, 4)]


@pytest.mark.parametrize(
    ("log", "offsets"),
    [
        pytest.param(0, 0, id="nothing was written"),
        pytest.param(0, 3, id="offsets only"),
        pytest.param(6, 3, id="in the middle of a line"),
        pytest.param(8, 3, id="between two lines"),
        pytest.param(14, 3, id="all was written"),
        pytest.param(8, 2, id="both in step"),
    ],
)
def test_after_a_kill_lines_that_are_read_again_are_there_once(
    tmp_path: Path, log: int, offsets: int
) -> None:
    whole = make(tmp_path)
    whole.write(0, LINES)
    whole.rest()
    os.truncate(tmp_path / "a.log", log)
    os.truncate(tmp_path / "a.offsets", offsets * 8)
    again = make(tmp_path)
    again.write(0, LINES)
    again.write(0, [(14, "four")])
    again.rest()
    assert text(tmp_path) == "one\ntwo\nthree\nfour\n"
    assert places_of(tmp_path / "a.offsets", 4) == [Place(0, 14)]


def test_two_outputs_in_one_log_are_told_apart(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(0, [(0, "a"), (2, "b")])
    output.write(1, [(0, "c")])
    output.rest()
    again = make(tmp_path)
    again.write(0, [(2, "b"), (4, "d")])
    again.write(1, [(0, "c"), (2, "e")])
    again.rest()
    assert text(tmp_path) == "a\nb\nc\nd\ne\n"


def test_beyond_its_size_a_log_counts_what_it_leaves_out(tmp_path: Path) -> None:
    output = make(tmp_path, bytes_max=24)
    output.write(0, LINES)
    output.rest()
    assert text(tmp_path) == "one\ntwo\n"
    assert output.lost_bytes == 6


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process grows beyond ten bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_refuses_costs_the_lines_and_no_more(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(0, LINES[:1])
    output.write(0, LINES)
    assert text(tmp_path) == "one\n"
    assert output.lost_bytes == 10
    output.rest()


def test_after_a_full_disk_every_line_knows_its_place_again(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(0, LINES[:1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (24, hard))
    output.write(0, [(4, "a line for which there is no room")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    output.write(0, [(50, "next"), (55, "last")])
    output.rest()
    lines = text(tmp_path).splitlines()
    assert lines == ["one", "a line for which the", "next", "last"]
    assert [place.offset for place in places_of(tmp_path / "a.offsets", 1, 9)] == [0, 0, 50, 55]


def test_a_torn_line_that_another_output_follows_keeps_the_places_right(tmp_path: Path) -> None:
    whole = make(tmp_path)
    whole.write(0, LINES[:2])
    whole.rest()
    os.truncate(tmp_path / "a.log", 6)
    again = make(tmp_path)
    again.write(1, [(0, "other")])
    again.write(0, LINES[1:])
    again.rest()
    assert text(tmp_path).splitlines() == ["one", "tw", "other", "two", "three"]
    assert places_of(tmp_path / "a.offsets", 3, 3) == [Place(1, 0), Place(0, 4), Place(0, 8)]


def test_more_logs_than_files_may_be_open_are_all_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    logs = Logs(workspace)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for turn in range(2):
        for number in range(120):
            logs.write(f"s{number}", 0, [(turn * 5, f"turn{turn}")], service=True)
    assert len(os.listdir("/proc/self/fd")) - before < 120  # noqa: PTH208
    logs.close()
    assert {workspace.service_log(f"s{number}").read_text() for number in range(120)} == {"turn0\nturn1\n"}
    assert logs.lost() == {}
