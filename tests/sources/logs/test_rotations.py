"""Rotations of every kind in any order, with restarts between them: every line is read once, and nothing is told."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.sources.logs.test_follow import Writer
from tests.sources.logs.test_packed import pack
from tools.sources.logs import rotated
from tools.sources.logs.follow import GONE_AFTER_S, Follower

STEPS = 40


class Scene:
    """A writer that rotates its log, and a follower that is there or not."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.writer = Writer(folder)
        self.writer.path.touch()
        self.follower: Follower | None = Follower(self.writer.path)
        self.checkpoint = self.follower.checkpoint()

    def write(self) -> None:
        self.writer.write(self.chance.choice((1, 3, 40)))

    def rename(self) -> None:
        if self.writer.path.stat().st_size:
            self.writer.path.rename(self._older())
            self.writer.path.touch()

    def copy_and_empty(self) -> None:
        if self.writer.path.stat().st_size:
            shutil.copyfile(self.writer.path, self._older())
            os.truncate(self.writer.path, 0)

    def pack(self) -> None:
        plain = rotated.siblings(self.writer.path)
        if plain:
            pack(self.chance.choice(plain), self.chance.choice(("gz", "zst")))

    def read(self) -> None:
        if self.follower is not None:
            self.writer.poll(self.follower)

    def pass_by(self) -> None:
        for _ in range(2):
            self.writer.now += GONE_AFTER_S + 1
            self.read()

    def stop_or_start(self) -> None:
        if self.follower is None:
            self.follower = Follower(self.writer.path, self.checkpoint)
            return
        self.checkpoint = self.follower.checkpoint()
        self.follower.close()
        assert self.follower.notes == []
        self.follower = None

    def _older(self) -> Path:
        # As logrotate does it: 1 becomes 2, packed or not.
        names = sorted(self.writer.path.parent.glob("app.log.*"), key=_number, reverse=True)
        for path in names:
            _, _, rest = path.name.removeprefix("app.log.").partition(".")
            path.rename(
                self.writer.keep(_number(path) + 1).with_suffix(f".{_number(path) + 1}.{rest}".rstrip("."))
            )
        return self.writer.keep(1)


def _number(path: Path) -> int:
    return int(path.name.removeprefix("app.log.").partition(".")[0])


@pytest.mark.parametrize("seed", range(60))
def test_every_line_is_read_once(tmp_path: Path, seed: int) -> None:
    scene = Scene(tmp_path, seed)
    # One way of rotating in each scene, as services have it.
    rotate = scene.chance.choice((scene.rename, scene.copy_and_empty))
    steps = (
        [scene.write] * 4 + [scene.read] * 3 + [rotate] * 3 + [scene.pack, scene.pass_by, scene.stop_or_start]
    )
    for _ in range(STEPS):
        scene.chance.choice(steps)()
    if scene.follower is None:
        scene.stop_or_start()
    scene.pass_by()
    assert scene.follower is not None
    scene.writer.poll(scene.follower, final=True)
    scene.follower.close()
    assert scene.follower.notes == []
    numbers = sorted(int(line.data[5:13]) for line in scene.writer.got)
    assert numbers == list(range(1, scene.writer.count + 1))
