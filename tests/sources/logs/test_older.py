"""Older generations of a log: each is read once, whatever its name, its inode or its time say."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.sources.logs.test_follow import Writer
from tests.sources.logs.test_packed import pack
from tools.sources.logs import rotated
from tools.sources.logs.feed import LINE_BYTES_MAX, FileCheckpoint
from tools.sources.logs.follow import GONE_AFTER_S, LEAP_BYTES, Follower


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def stopped(writer: Writer, lines: int = 50) -> FileCheckpoint:
    """Where a follower stood that read some lines."""
    follower = Follower(writer.path)
    writer.write(lines)
    writer.poll(follower)
    checkpoint = follower.checkpoint()
    follower.close()
    return checkpoint


def read_on(writer: Writer, checkpoint: FileCheckpoint) -> Follower:
    again = Follower(writer.path, checkpoint)
    for _ in range(3):
        writer.poll(again)
    again.close()
    return again


def pass_by(writer: Writer, follower: Follower) -> None:
    """So long that a rotated file is let go."""
    for _ in range(2):
        writer.now += GONE_AFTER_S + 1
        writer.poll(follower)


def rotate(writer: Writer, number: int, lines: int = 20) -> Path:
    writer.write(lines)
    writer.path.rename(writer.keep(number))
    return writer.keep(number)


def test_a_generation_in_the_inode_of_one_that_was_known_is_read(writer: Writer) -> None:
    writer.keep(9).write_bytes(b"of another day\n")
    checkpoint = stopped(writer)
    [(_, _, size, text)] = checkpoint.seen
    rotate(writer, 2)
    device, inode = rotated.identity(rotate(writer, 1)) or (0, 0)
    writer.keep(9).unlink()
    checkpoint.seen = [(device, inode, size, text)]
    writer.write(10)
    assert read_on(writer, checkpoint).notes == []
    writer.check()


def test_generations_are_read_though_the_clock_was_set_back(writer: Writer) -> None:
    checkpoint = stopped(writer)
    for number in (3, 2, 1):
        path = rotate(writer, number)
        os.utime(path, (1_000_000_000 - number, 1_000_000_000 - number))
    writer.write(10)
    assert read_on(writer, checkpoint).notes == []
    writer.check()


@pytest.mark.parametrize("ending", ["", "gz"])
def test_copies_of_a_file_that_was_emptied_twice_between_two_polls(writer: Writer, ending: str) -> None:
    follower = Follower(writer.path)
    writer.write(50)
    writer.poll(follower)
    for number in (2, 1):
        writer.write(20)
        shutil.copy(writer.path, writer.keep(number))
        os.truncate(writer.path, 0)
        if ending:
            pack(writer.keep(number), ending)
    writer.write(10)
    writer.poll(follower)
    writer.poll(follower)
    follower.close()
    writer.check()
    assert follower.notes == []


@pytest.mark.parametrize("ending", ["", "gz"])
def test_a_copy_that_was_made_before_the_newest_lines_were_read_is_no_new_generation(
    writer: Writer, ending: str
) -> None:
    follower = Follower(writer.path)
    for _ in range(100):
        writer.write(3)
        writer.poll(follower)
    shutil.copy(writer.path, writer.keep(1))
    writer.write(20)
    writer.poll(follower)
    os.truncate(writer.path, 0)
    if ending:
        pack(writer.keep(1), ending)
    writer.write(10)
    writer.poll(follower)
    writer.poll(follower, final=True)
    follower.close()
    writer.check()
    assert "was emptied" in follower.notes[0].why


def test_copies_that_begin_alike_are_each_read(writer: Writer) -> None:
    head = b"#Version 1.0 " + b"h" * 1100 + b"\n"
    writer.path.write_bytes(head)
    follower = Follower(writer.path)
    writer.write(100)
    writer.poll(follower)
    for number in (3, 2, 1):
        shutil.copy(writer.path, writer.keep(number))
        writer.path.write_bytes(head)
        writer.write(10)
    writer.poll(follower)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_a_file_that_was_copied_and_emptied_before_it_was_read_at_all(writer: Writer) -> None:
    writer.path.touch()
    follower = Follower(writer.path)
    writer.poll(follower)
    writer.write(20)
    shutil.copy(writer.path, writer.keep(1))
    os.truncate(writer.path, 0)
    writer.poll(follower)
    writer.write(10)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_that_a_file_was_emptied_is_told_where_no_copy_of_it_is_there(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(20)
    writer.poll(follower)
    os.truncate(writer.path, 0)
    writer.write(5)
    writer.poll(follower)
    follower.close()
    writer.check()
    [note] = follower.notes
    assert (note.what, note.blind) == ("lines", False)
    assert "was emptied" in note.why


def test_a_checkpoint_of_a_file_that_was_emptied_since_goes_on_in_its_copy(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(5)
    writer.poll(follower)
    writer.write(5)
    shutil.copy(writer.path, writer.keep(1))
    os.truncate(writer.path, 0)
    writer.write(30)
    checkpoint = follower.checkpoint()
    follower.close()
    assert read_on(writer, checkpoint).notes == []
    writer.check()


def test_what_is_held_open_is_read_though_the_new_file_cannot_be(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(10)
    writer.poll(follower)
    rotate(writer, 1)
    writer.path.symlink_to(writer.path.name)  # a link to itself opens for nobody
    blocks = follower.blocks(writer.now)
    writer.got += next(blocks).lines()
    with pytest.raises(OSError, match="symbolic"):
        next(blocks)
    writer.path.unlink()
    writer.write(5)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_a_writer_that_never_opens_the_new_file_is_read_for_as_long_as_it_writes(writer: Writer) -> None:
    follower = Follower(writer.path)
    rotate(writer, 1)
    writer.path.touch()
    for _ in range(3):
        pass_by(writer, follower)
        writer.write(5, writer.keep(1))
        writer.poll(follower)
    follower.close()
    writer.check()


def test_what_was_written_to_a_file_after_it_was_let_go_is_read_in_the_end(writer: Writer) -> None:
    follower = Follower(writer.path)
    rotate(writer, 1)
    writer.write(10)
    pass_by(writer, follower)
    writer.write(5, writer.keep(1))
    checkpoint = follower.checkpoint()
    follower.close()
    again = Follower(writer.path, checkpoint)
    writer.poll(again, final=True)
    again.close()
    writer.check()


def test_a_link_that_points_to_a_new_file_and_back(writer: Writer) -> None:
    first, second = writer.path.with_name("one"), writer.path.with_name("two")
    first.touch()
    writer.path.symlink_to(first)
    follower = Follower(writer.path)
    for target in (first, second, first, second):
        writer.path.unlink()
        target.touch()
        writer.path.symlink_to(target)
        writer.write(10)
        writer.poll(follower)
    follower.close()
    writer.check()


def test_generations_that_begin_and_end_alike_are_each_read(writer: Writer) -> None:
    lines = b"starting\nlistening\n"
    writer.path.write_bytes(lines)
    follower = Follower(writer.path)
    got = len(follower.poll(0.0))
    checkpoint = follower.checkpoint()
    follower.close()
    for number in (3, 2, 1):
        writer.path.rename(writer.keep(number))
        writer.path.write_bytes(lines)
    pack(writer.keep(3))
    pack(writer.keep(2))
    again = Follower(writer.path, checkpoint)
    got += sum(len(again.poll(at)) for at in (1.0, 2.0))
    again.close()
    assert got == 4 * 2


def test_a_generation_is_not_read_packed_while_it_is_being_packed(writer: Writer) -> None:
    checkpoint = stopped(writer)
    rotate(writer, 2)
    rotate(writer, 1)
    half = gzip.compress(writer.keep(1).read_bytes())
    writer.keep(1).with_name("app.log.1.gz").write_bytes(half[: len(half) // 2])
    writer.write(10)
    assert read_on(writer, checkpoint).notes == []
    writer.check()


def test_names_that_change_while_a_generation_is_looked_for(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.keep(2).write_bytes(b"of another day\n" * 1000)
    checkpoint = stopped(writer)
    found = iter([writer.keep(2), rotate(writer, 1)])
    monkeypatch.setattr(rotated, "find", lambda *_: next(found))
    writer.write(10)
    assert read_on(writer, checkpoint).notes == []
    writer.check()


def test_a_copy_that_somebody_made_is_not_read(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.write(100)
    writer.poll(follower)
    shutil.copy(writer.path, writer.path.with_name("app.log.bak"))
    writer.write(10)
    rotate(writer, 1)
    writer.write(10)
    writer.poll(follower)
    pass_by(writer, follower)
    writer.poll(follower, final=True)
    follower.close()
    writer.check()


def test_what_is_read_after_a_loss_does_not_count_as_read_before(writer: Writer) -> None:
    checkpoint = stopped(writer)
    writer.path.write_bytes(b"other\n")
    again = Follower(writer.path, checkpoint)
    [line] = again.poll(1.0)
    again.close()
    assert line.position >= LEAP_BYTES
    assert "counted twice" in again.notes[0].why


def test_what_is_no_file_is_no_generation(writer: Writer) -> None:
    follower = Follower(writer.path)
    writer.path.with_name("app.log.old").mkdir()
    os.mkfifo(writer.keep(9))
    writer.write(10)
    writer.poll(follower)
    rotate(writer, 1)
    writer.write(10)
    writer.poll(follower)
    follower.close()
    writer.check()
    assert follower.notes == []


def test_an_older_file_that_was_there_and_may_not_be_read_is_no_gap(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may read everything, so these are files that nobody can open.
    older, newer = writer.keep(9), writer.keep(8)
    older.write_bytes(b"not for us\n")
    opened, opened_low = Path.open, os.open

    def open_path(self: Path, *arguments: Any, **named: Any) -> Any:
        if self in {older, newer}:
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **named)

    def open_low(path: Any, *arguments: Any, **named: Any) -> int:
        if path in {older, newer}:
            raise PermissionError(13, "Permission denied")
        return opened_low(path, *arguments, **named)

    writer.path.touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_path)
        patch.setattr(os, "open", open_low)
        follower = Follower(writer.path)
        writer.poll(follower)
        for path in (newer, writer.keep(7)):
            writer.path.rename(path)
            writer.path.write_bytes(b"here\n")
        writer.poll(follower)
    follower.close()
    assert follower.notes == []


@pytest.mark.parametrize("hole", [4096, 1 << 20, 1 << 32])
def test_zero_bytes_before_the_lines_of_a_writer_that_does_not_append(writer: Writer, hole: int) -> None:
    follower = Follower(writer.path)
    writer.write(100)
    writer.poll(follower)
    shutil.copy(writer.path, writer.keep(1))
    os.truncate(writer.path, 0)
    os.truncate(writer.path, hole)
    writer.write(10)
    writer.poll(follower)
    follower.close()
    writer.check()
    assert (writer.got[-10].offset, writer.got[-10].data[:5]) == (hole, b"line ")
    assert all(line.length < LINE_BYTES_MAX for line in writer.got)


def test_zero_bytes_alone_are_no_place_to_go_on_from(writer: Writer) -> None:
    writer.path.touch()
    follower = Follower(writer.path)
    for size in (1 << 20, 1 << 21):
        os.truncate(writer.path, size)
        writer.poll(follower)
        checkpoint = follower.checkpoint()
        follower.close()
        follower = Follower(writer.path, checkpoint)
    writer.write(10)
    writer.poll(follower)
    follower.close()
    writer.check()


def test_a_link_that_was_moved_on_while_nobody_read(writer: Writer) -> None:
    link, folder = writer.path, writer.path.with_name("folder")
    folder.mkdir()
    writer.path = folder / "one"
    link.symlink_to(writer.path)
    follower = Follower(link)
    writer.write(10)
    writer.poll(follower)
    checkpoint = follower.checkpoint()
    follower.close()
    writer.write(10)
    link.unlink()
    writer.path = folder / "two"
    writer.write(10)
    link.symlink_to(writer.path)
    again = Follower(link, checkpoint)
    writer.poll(again)
    again.close()
    writer.check()
    assert ["the link was moved on" in note.why for note in again.notes] == [True]


@pytest.mark.parametrize(
    "names",
    [
        ("0.log", "0.log.20250601-100000", "0.log.20250601-110000.gz"),
        ("app-20250603.log", "app-20250602.log", "app-20250601.log"),
    ],
)
def test_generations_of_a_link_lie_beside_its_target(writer: Writer, names: tuple[str, str, str]) -> None:
    link, folder = writer.path, writer.path.with_name("folder")
    folder.mkdir()
    (folder / "app-2-20250601.log").write_bytes(b"of another service\n")
    now, last, first = (folder / name for name in names)
    writer.path = now if first.suffix == ".gz" else first
    link.symlink_to(writer.path)
    follower = Follower(link)
    writer.write(10)
    writer.poll(follower)
    checkpoint = follower.checkpoint()
    follower.close()
    writer.write(10)
    for older in (first, last):
        if first.suffix == ".gz":
            now.rename(older.with_suffix("") if older == first else older)
        else:
            link.unlink()
            writer.path = last if older == first else now
            link.symlink_to(writer.path)
        writer.write(10)
    if first.suffix == ".gz":
        pack(first.with_suffix(""))
    again = Follower(link, checkpoint)
    writer.poll(again)
    writer.poll(again)
    again.close()
    writer.check()


@pytest.mark.parametrize("pause_s", [1.0, 5.0])
def test_a_file_that_came_and_went_while_nobody_looked_is_told(writer: Writer, pause_s: float) -> None:
    follower = Follower(writer.path)
    writer.write(10)
    writer.poll(follower)
    for _ in range(2):
        writer.path.unlink()
        writer.path.touch()
    writer.write(10)
    writer.now += pause_s
    writer.poll(follower)
    follower.close()
    writer.check()
    assert ["deleted and made anew" in note.why for note in follower.notes] == [True] * (pause_s > 2)


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("app-2025-06-01.log", True), ("app-20250601.log.gz", True), ("app.2025-06-01.log", True),
        ("app-2025-06-01T10-00-00.000.log", True), ("app.log.1", True), ("app-1.log", False),
        ("app-worker.log", False), ("app-20250601.txt", False), ("application-2025-06-01.log", False),
    ],
)  # fmt: skip
def test_generations_may_have_a_date_before_their_ending(name: str, may_be: bool) -> None:
    assert rotated.may_be_generation(name, "app.log") is may_be
