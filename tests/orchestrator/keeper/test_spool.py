"""Raw output on disk: whole lines, offsets that stay, a flood that costs neither disk nor memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.keeper import spool as spools
from orchestrator.keeper.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "out.raw", 3)
    yield made
    made.close(remove=True)
    assert not (tmp_path / "out.raw").exists()


def write(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_only_whole_lines_are_handed_on_with_their_place(spool: Spool, tmp_path: Path) -> None:
    write(tmp_path / "out.raw", b"one\ntwo\nthr")
    assert spool.read() == [(b"one", 0, 4), (b"two", 4, 8)]
    assert spool.offset == 8
    write(tmp_path / "out.raw", b"ee\n")
    assert spool.read() == [(b"three", 8, 14)]


def test_what_has_no_end_is_handed_on_at_the_end_only(spool: Spool, tmp_path: Path) -> None:
    write(tmp_path / "out.raw", b"half")
    assert spool.read() == []
    assert spool.read(final=True) == [(b"half", 0, 4)]


def test_a_line_without_end_comes_in_pieces(spool: Spool, tmp_path: Path) -> None:
    write(tmp_path / "out.raw", b"x" * (3 * spools.LINE_BYTES_MAX))
    pieces = []
    while spool.behind():
        pieces += spool.read()
    pieces += spool.read(final=True)
    assert sum(len(piece.data) for piece in pieces) == 3 * spools.LINE_BYTES_MAX
    assert max(len(piece.data) for piece in pieces) <= spools.LINE_BYTES_MAX + spools.READ_BYTES


def test_a_long_line_is_cut_between_pairs_and_nothing_of_it_is_lost(spool: Spool, tmp_path: Path) -> None:
    pair = b'"password":"hunter22aaaaaaaaaaaaaaaa",'
    written = b"{" + pair * (2 * spools.LINE_BYTES_MAX // len(pair)) + b"}\n"
    write(tmp_path / "out.raw", written)
    pieces = []
    while spool.behind():
        pieces += spool.read()
    assert len(pieces) > 1
    assert b"".join(piece.data for piece in pieces) + b"\n" == written
    assert [piece.offset for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    assert {piece.data[-1:] for piece in pieces[:-1]} == {b","}


def test_reading_goes_on_where_an_earlier_attempt_stood(tmp_path: Path) -> None:
    write(tmp_path / "out.raw", b"one\ntwo\n")
    again = Spool(tmp_path / "out.raw", 0, 4)
    assert again.read() == [(b"two", 4, 8)]
    again.close(remove=False)


def test_raw_output_is_for_its_owner_only(spool: Spool, tmp_path: Path) -> None:
    assert spool.behind() == 0
    assert (tmp_path / "out.raw").stat().st_mode & 0o077 == 0


def test_what_was_read_is_given_back_and_offsets_stay(spool: Spool, tmp_path: Path) -> None:
    line = b"y" * 99 + b"\n"
    write(tmp_path / "out.raw", line * 100_000)
    while spool.behind():
        spool.read()
    before = (tmp_path / "out.raw").stat()
    spool.free()
    after = (tmp_path / "out.raw").stat()
    assert after.st_size == before.st_size
    if after.st_blocks == before.st_blocks:
        pytest.skip("this file system cannot punch holes")
    assert after.st_blocks * 512 < 100_000
    write(tmp_path / "out.raw", b"next\n")
    assert spool.read() == [(b"next", 10_000_000, 10_000_005)]


def test_what_nobody_can_read_in_time_is_skipped_up_to_a_line(spool: Spool, tmp_path: Path) -> None:
    line = b"z" * 1023 + b"\n"
    write(tmp_path / "out.raw", line * 1024)
    assert spool.skip() is None
    os.truncate(tmp_path / "out.raw", spools.BEHIND_BYTES_MAX)
    write(tmp_path / "out.raw", line * 8192)
    skipped = spool.skip()
    assert skipped is not None
    assert skipped.offset == 0
    assert spool.offset == skipped.length
    assert spool.read(4096)[0].data == line[:-1]


@given(
    st.lists(st.binary(max_size=40).filter(lambda data: b"\n" not in data), max_size=20), st.integers(1, 64)
)
def test_no_byte_is_lost_or_doubled_however_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], budget: int
) -> None:
    path = tmp_path_factory.mktemp("spool") / "out.raw"
    write(path, b"".join(line + b"\n" for line in lines))
    made = Spool(path, 0)
    found = []
    while made.behind():
        found += made.read(budget)
    made.close(remove=True)
    assert [line.data for line in found] == lines
    starts = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
    assert [line.offset for line in found] == starts
