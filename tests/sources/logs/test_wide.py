"""UTF-16 files, as Windows writes them: the same lines, with the places they have in the file."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.sources.logs.feed import LINE_BYTES_MAX, RawLine
from tools.sources.logs.follow import Follower

CODECS = ("utf-16-le", "utf-16-be")
MARK = "\ufeff"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)


def text_of(line: RawLine) -> str:
    return line.data.decode("utf-8", "surrogatepass")


@settings(max_examples=60, deadline=None)
@given(
    codec=st.sampled_from(CODECS),
    text=TEXTS,
    cuts=st.lists(st.integers(0, 700), max_size=6),
    stop=st.booleans(),
)
def test_any_text_in_any_pieces_comes_back_as_lines(
    tmp_path_factory: pytest.TempPathFactory, codec: str, text: str, cuts: list[int], stop: bool
) -> None:
    data = (MARK + text).encode(codec)
    path = tmp_path_factory.mktemp("wide") / "a.log"
    path.touch()
    follower = Follower(path)
    lines: list[RawLine] = []
    with path.open("ab", buffering=0) as file:
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in itertools.pairwise(edges):
            file.write(data[start:end])
            lines += follower.poll(0.0)
            if stop:
                checkpoint = follower.checkpoint()
                follower.close()
                follower = Follower(path, checkpoint)
                assert follower.notes == []
    lines += follower.poll(0.0, final=True)
    assert not follower.pending
    follower.close()
    parts = text.split("\n")
    assert [text_of(line) for line in lines] == (parts if parts[-1] else parts[:-1])
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        assert data[line.offset : line.offset + line.length].decode(codec) == text_of(line)
    positions = [line.position for line in lines]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize("codec", CODECS)
def test_attaching_starts_at_the_end(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.log"
    # U+0A0A and U+010A hold the byte of a newline, and are none.
    path.write_bytes((MARK + "first \u0a0a\nsecond \u010a\nhalf").encode(codec))
    follower = Follower(path, from_end=True)
    assert follower.backfill(9) == ["first \u0a0a".encode(), "second \u010a".encode()]
    with path.open("ab") as file:
        file.write(" a line\nnext\n".encode(codec))
    lines = follower.poll(0.0)
    follower.close()
    assert [(line.data, line.number) for line in lines] == [(b"half a line", 3), (b"next", 4)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_huge_line_is_cut_and_its_neighbours_stay(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.log"
    data = (MARK + "first\n" + "x" * (2 * LINE_BYTES_MAX) + "\nlast\n").encode(codec)
    path.write_bytes(data)
    follower = Follower(path)
    lines = follower.poll(0.0, 1 << 30)
    follower.close()
    assert [(line.data[:5], line.length, line.offset, line.cut) for line in lines] == [
        (b"first", 10, 2, False),
        (b"xxxxx", 4 * LINE_BYTES_MAX, 14, True),
        (b"last", 8, 16 + 4 * LINE_BYTES_MAX, False),
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_a_block_is_cut_where_its_lines_end(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes((MARK + "one\nzw\u00f6lf\n\nfour\n").encode(codec))
    follower = Follower(path)
    [block] = follower.blocks(0.0)
    whole = list(block.lines())
    for position in range(block.position, block.end + 2):
        parts = [part for part in block.split(position) if part is not None]
        assert [line for part in parts for line in part.lines()] == whole
        before = [line for line in whole if line.position <= position]
        assert list(parts[0].lines()) == (before or whole)
    follower.close()
