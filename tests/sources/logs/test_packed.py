"""Older generations that were packed while nobody read them: what is missing is read once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.sources.logs.test_follow import Writer
from tools.sources.logs import packed
from tools.sources.logs.follow import GONE_AFTER_S, Follower

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def pack(path: Path, ending: str = "gz") -> Path:
    """As gzip and zstd do it: a new file with the times of the old one, which goes."""
    done = path.with_name(f"{path.name}.{ending}")
    done.write_bytes(PACKERS[ending](path.read_bytes()))
    shutil.copystat(path, done)
    path.unlink()
    return done


def stopped(writer: Writer) -> Follower:
    """A follower that read some lines and half of one, and what it left."""
    follower = Follower(writer.path)
    writer.write(50)
    writer.poll(follower)
    return follower


@pytest.mark.parametrize("ending", PACKERS)
def test_a_generation_that_was_packed_while_nobody_looked_is_read_on(writer: Writer, ending: str) -> None:
    follower = stopped(writer)
    checkpoint = follower.checkpoint()
    follower.close()
    writer.write(20)
    writer.path.rename(writer.keep(1))
    writer.write(10)
    pack(writer.keep(1), ending)
    again = Follower(writer.path, checkpoint)
    for _ in range(3):
        writer.poll(again)
    assert again.notes == []
    third = Follower(writer.path, again.checkpoint())
    again.close()
    writer.write(5)
    writer.poll(third)
    third.close()
    writer.check()


def test_generations_in_between_are_read_too_in_order(writer: Writer) -> None:
    follower = stopped(writer)
    checkpoint = follower.checkpoint()
    follower.close()
    at_ns = writer.path.stat().st_mtime_ns
    for turn in range(3):
        writer.write(20)
        os.utime(writer.path, ns=(at_ns + turn * 10**9, at_ns + turn * 10**9))
        writer.path.rename(writer.path.with_name(f"app.log.2025-06-0{turn + 1}"))
        pack(writer.path.with_name(f"app.log.2025-06-0{turn + 1}"))
    writer.write(10)
    again = Follower(writer.path, checkpoint)
    for _ in range(3):
        writer.poll(again)
    again.close()
    writer.check()
    assert again.notes == []


def test_what_was_there_before_is_never_read_and_what_was_read_never_again(writer: Writer) -> None:
    writer.keep(7).write_bytes(b"old 1\nold 2\n")
    pack(writer.keep(7))
    writer.keep(6).write_bytes(b"older 1\nolder 2\n")
    follower = Follower(writer.path)
    for turn in range(4):
        writer.write(30)
        writer.poll(follower)
        if turn == 1:
            pack(writer.keep(6)).touch()
        writer.path.rename(writer.keep(turn))
        writer.write(10)
        writer.poll(follower)
        writer.now += GONE_AFTER_S + 1
        writer.poll(follower)
        writer.poll(follower)
        pack(writer.keep(turn)).touch()
        writer.poll(follower)
    follower.close()
    writer.check()
    assert len(writer.got) == writer.count


def test_what_cannot_be_unpacked_is_told(writer: Writer) -> None:
    follower = stopped(writer)
    checkpoint = follower.checkpoint()
    follower.close()
    writer.write(2000)
    writer.path.rename(writer.keep(1))
    done = pack(writer.keep(1))
    done.write_bytes(done.read_bytes()[:-4000])
    writer.path.write_bytes(b"line 00002051 \n")
    again = Follower(writer.path, checkpoint)
    writer.poll(again)
    again.close()
    whys = [note.why for note in again.notes]
    assert any("app.log.1.gz cannot be unpacked" in why for why in whys)


def test_of_a_bomb_only_so_much_is_unpacked(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "REST_BYTES_MAX", 1 << 20)
    follower = stopped(writer)
    checkpoint = follower.checkpoint()
    follower.close()
    with writer.path.open("ab") as file:
        file.write(b"x\n" * (1 << 20))
    writer.path.rename(writer.keep(1))
    pack(writer.keep(1))
    writer.path.touch()
    again = Follower(writer.path, checkpoint)
    lines = again.poll(0.0, 1 << 30)
    again.close()
    assert len(lines) == 1 << 19
    assert [note.why for note in again.notes] == [
        "only the first 1 MB that were missing are read of app.log.1.gz"
    ]
