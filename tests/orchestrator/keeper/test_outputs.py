"""Captured logs: whatever moment a kill chooses, each line is there once, and its place in the original is known."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.keeper.outputs import Output
from tools.sources.logs.captured import Place, places_of

LINES = [(0, "one"), (4, "two"), (8, "three")]


def make(folder: Path, **more: int) -> Output:
    return Output(folder / "a.log", folder / "a.offsets", **more)


def text(folder: Path) -> str:
    return (folder / "a.log").read_text()


def test_each_line_knows_where_it_lay(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(2, LINES)
    output.close()
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
    whole.close()
    os.truncate(tmp_path / "a.log", log)
    os.truncate(tmp_path / "a.offsets", offsets * 8)
    again = make(tmp_path)
    again.write(0, LINES)
    again.write(0, [(14, "four")])
    again.close()
    assert text(tmp_path) == "one\ntwo\nthree\nfour\n"
    assert places_of(tmp_path / "a.offsets", 4) == [Place(0, 14)]


def test_two_outputs_in_one_log_are_told_apart(tmp_path: Path) -> None:
    output = make(tmp_path)
    output.write(0, [(0, "a"), (2, "b")])
    output.write(1, [(0, "c")])
    output.close()
    again = make(tmp_path)
    again.write(0, [(2, "b"), (4, "d")])
    again.write(1, [(0, "c"), (2, "e")])
    again.close()
    assert text(tmp_path) == "a\nb\nc\nd\ne\n"


def test_beyond_its_size_a_log_counts_what_it_leaves_out(tmp_path: Path) -> None:
    output = make(tmp_path, bytes_max=8)
    output.write(0, LINES)
    output.close()
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
    output.close()
