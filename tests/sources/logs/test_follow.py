"""Following files: nothing lost, nothing twice, whatever happens to the file."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tools.sources.logs import rotated
from tools.sources.logs.feed import LINE_BYTES_MAX, RawLine
from tools.sources.logs.follow import GONE_AFTER_S, Follower


class Writer:
    """Writes numbered lines and reads them back through a follower."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.count = 0
        self.random = random.Random(7)
        self.got: list[RawLine] = []
        self.now = 0.0

    def write(self, lines: int, path: Path | None = None) -> None:
        with (path or self.path).open("ab") as file:
            for _ in range(lines):
                self.count += 1
                file.write(b"line %08d %s\n" % (self.count, b"y" * self.random.randrange(60)))

    def poll(self, follower: Follower, *, final: bool = False) -> None:
        self.now += 0.1
        self.got += follower.poll(self.now, final=final)

    def check(self) -> None:
        numbers = [int(line.data[5:13]) for line in self.got if line.data.startswith(b"line ")]
        assert numbers == list(range(1, self.count + 1))
        positions = [line.position for line in self.got]
        assert positions == sorted(set(positions))

    def keep(self, number: int) -> Path:
        return self.path.with_name(f"app.log.{number}")


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def test_rename_and_create(writer: Writer) -> None:
    follower = Follower(writer.path)
    for turn in range(15):
        writer.write(writer.random.randrange(40))
        writer.poll(follower)
        writer.write(20)
        if writer.path.exists():
            writer.path.rename(writer.keep(turn))
        writer.write(10)
        writer.poll(follower)
    follower.close()
    writer.check()


def test_a_folder_in_the_place_of_the_file_is_told_once_and_loses_no_line(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(10)
    writer.poll(follower)
    writer.write(5)
    writer.path.rename(writer.keep(1))
    writer.path.mkdir()
    for _ in range(3):
        writer.poll(follower)
        follower.checkpoint()
    assert [(note.what, note.blind) for note in follower.notes] == [("lines", True)]
    assert "folder" in follower.notes[0].why
    writer.path.rmdir()
    writer.write(7)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_a_folder_from_the_beginning_is_no_file(writer: Writer) -> None:
    writer.path.mkdir()
    follower = Follower(writer.path)
    writer.poll(follower)
    assert follower.blindness() is not None
    assert "folder" in follower.notes[0].why
    assert follower.checkpoint().files == []
    follower.close()
    writer.check()


def test_a_writer_that_goes_on_with_the_renamed_file_is_read(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(5)
    writer.poll(follower)
    writer.path.rename(writer.keep(1))
    writer.path.touch()
    writer.poll(follower)
    writer.write(5, writer.keep(1))
    writer.poll(follower)
    writer.write(5)
    writer.poll(follower)
    writer.now += GONE_AFTER_S + 1
    writer.poll(follower)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_two_rotations_between_two_polls(writer: Writer) -> None:
    follower = Follower(writer.path)
    for _ in range(8):
        writer.write(20)
        writer.poll(follower)
        writer.write(10)
        for step in (1, 2):
            if writer.keep(step).exists():
                shutil.move(writer.keep(step), writer.keep(step + 10))
        writer.path.rename(writer.keep(1))
        writer.write(10)
        writer.keep(1).rename(writer.keep(2))
        writer.path.rename(writer.keep(1))
        writer.write(10)
        writer.poll(follower)
    follower.close()
    writer.check()


@pytest.mark.parametrize("unread", [0, 30])
def test_copytruncate_even_with_lines_that_were_not_read(writer: Writer, unread: int) -> None:
    follower = Follower(writer.path)
    for _ in range(8):
        writer.write(50)
        writer.poll(follower)
        writer.write(unread)
        shutil.copy(writer.path, writer.keep(1))
        writer.path.write_bytes(b"")
        writer.write(5)
        writer.poll(follower)
    follower.close()
    writer.check()


def test_a_file_that_was_truncated_and_grew_past_the_offset(writer: Writer) -> None:
    follower = Follower(writer.path)
    for _ in range(6):
        writer.write(20)
        writer.poll(follower)
        writer.path.write_bytes(b"")
        writer.write(60)
        writer.poll(follower)
        writer.path.write_bytes(b"")
    follower.close()
    writer.check()


def test_generations_with_the_same_long_head(writer: Writer) -> None:
    head = b"#Version 1.0 " + b"h" * 1100 + b"\n"
    follower = Follower(writer.path)
    for _ in range(4):
        writer.path.write_bytes(head)
        writer.write(20)
        writer.poll(follower)
        writer.path.write_bytes(head)
        writer.write(60)
        writer.poll(follower)
    follower.close()
    writer.check()


def test_a_deleted_file_that_comes_back(writer: Writer) -> None:
    follower = Follower(writer.path)
    for _ in range(4):
        writer.write(10)
        writer.poll(follower)
        writer.path.unlink()
        writer.poll(follower)
        writer.write(10)
        writer.poll(follower)
        writer.path.unlink()
    follower.close()
    writer.check()


def test_a_line_is_delivered_when_it_is_complete(writer: Writer) -> None:
    follower = Follower(writer.path)
    with writer.path.open("ab", buffering=0) as file:
        file.write(b"line 00000001 be")
        writer.poll(follower)
        assert writer.got == []
        file.write(b"gun\nline 00000002 no newline")
        writer.poll(follower)
        assert [line.data for line in writer.got] == [b"line 00000001 begun"]
    writer.poll(follower, final=True)
    follower.close()
    assert [(line.number, line.offset, line.length, line.position) for line in writer.got] == [
        (1, 0, 19, 20),
        (2, 20, 24, 44),
    ]


def test_a_huge_line_is_cut_and_its_neighbours_stay(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(2)
    with writer.path.open("ab") as file:
        file.write(b"x" * (4 * LINE_BYTES_MAX) + b"\n")
    writer.write(2)
    for _ in range(20):
        writer.poll(follower)
    follower.close()
    writer.check()
    cut = [line for line in writer.got if line.cut]
    assert [(len(line.data), line.length) for line in cut] == [(LINE_BYTES_MAX, 4 * LINE_BYTES_MAX)]


@pytest.mark.parametrize("change", ["none", "rotated", "rotated-twice", "copied", "appended"])
def test_a_restart_loses_nothing_and_doubles_nothing(writer: Writer, change: str) -> None:
    follower = Follower(writer.path)
    writer.write(50)
    writer.poll(follower)
    with writer.path.open("ab") as file:
        file.write(b"line 0000")
    writer.poll(follower)
    checkpoint = follower.checkpoint()
    follower.close()
    with writer.path.open("ab") as file:
        file.write(b"0051\n")
    writer.count += 1
    writer.write(20)
    if change in {"rotated", "rotated-twice"}:
        writer.path.rename(writer.keep(1))
        writer.write(10)
    if change == "rotated-twice":
        writer.keep(1).rename(writer.keep(2))
        writer.path.rename(writer.keep(1))
        writer.write(10)
    if change == "copied":
        shutil.copy(writer.path, writer.keep(1))
        writer.path.write_bytes(b"")
        writer.write(3)
    if change == "appended":
        writer.write(300)
    again = Follower(writer.path, checkpoint)
    writer.poll(again)
    writer.poll(again)
    again.close()
    writer.check()
    assert again.notes == []


def test_a_restart_on_another_file_says_that_lines_may_be_missing(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(5)
    writer.poll(follower)
    checkpoint = follower.checkpoint()
    follower.close()
    writer.path.write_bytes(b"other\n")
    again = Follower(writer.path, checkpoint)
    lines = again.poll(1.0)
    again.close()
    assert [line.data for line in lines] == [b"other"]
    assert lines[0].position > writer.got[-1].position
    assert len(again.notes) == 1


def test_attaching_starts_at_the_end_and_knows_the_lines_before(writer: Writer) -> None:
    writer.write(300)
    with writer.path.open("ab") as file:
        file.write(b"half a line")
    follower = Follower(writer.path, from_end=True)
    before = follower.backfill(200)
    assert (len(before), before[-1][:13]) == (200, b"line 00000300")
    assert follower.backfill(200) == []
    assert follower.poll(0.0) == []
    with writer.path.open("ab") as file:
        file.write(b" and the rest\nnew\n")
    lines = follower.poll(0.1)
    follower.close()
    assert [(line.data, line.number) for line in lines] == [(b"half a line and the rest", 301), (b"new", 302)]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("app.log.1", True), ("app.log.2.gz", True), ("app.log-20250601", True), ("app.log.2025-06-01", True),
        ("app.log.old", True), ("app.log.gz", True), ("app.log", False), ("app.log.json", False),
        ("app.logger", False), ("app.log-worker", False), ("other.log.1", False),
    ],
)  # fmt: skip
def test_older_generations_are_known_by_their_names(name: str, is_one: bool) -> None:
    assert rotated.is_generation(name, "app.log") is is_one


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 3000), max_size=6))
@example(data=b"\xfe", cuts=[])
def test_any_bytes_in_any_pieces_come_back_as_lines(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.log"
    path.touch()
    follower = Follower(path)
    lines: list[RawLine] = []
    with path.open("ab", buffering=0) as file:
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in itertools.pairwise(edges):
            file.write(data[start:end])
            lines += follower.poll(0.0)
    lines += follower.poll(0.0, final=True)
    follower.close()
    parts = data.split(b"\n")
    assert [line.data for line in lines] == (parts if parts[-1] else parts[:-1])
    assert all(data[line.offset : line.offset + line.length] == line.data for line in lines)


def test_of_a_line_that_never_ends_only_the_beginning_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.seek(1 << 30, os.SEEK_CUR)  # a hole: a gigabyte of zero bytes that takes no room
        file.write(b"\nlast\n")
    follower = Follower(path)
    before = psutil.Process().memory_info().rss
    lines: list[RawLine] = []
    for block in follower.blocks(0.0, 2 << 30):
        assert len(block.data) <= LINE_BYTES_MAX + 1
        lines += block.lines()
    grown = psutil.Process().memory_info().rss - before
    follower.close()
    assert [(line.data[:5], line.length, line.offset) for line in lines] == [
        (b"first", 5, 0),
        (bytes(5), 1 << 30, 6),
        (b"last", 4, (1 << 30) + 7),
    ]
    assert grown < 32 << 20
