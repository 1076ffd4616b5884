"""Healthy systems on a real server: poll after poll nothing above LOW is said, and no loss at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.detectors.streams.on_servers.scenes import Scene

POLLS = 14
Step = Callable[[Scene, int, random.Random], None]


def busy(scene: Scene, _step: int, dice: random.Random) -> None:
    """Everything that comes is read and acknowledged, some of it still in hand at a poll."""
    scene.add(dice.randint(5, 30))
    scene.client.xack("s", "g", *_pending(scene), "0-1")
    scene.work(dice.randint(20, 60))
    scene.add(2)
    scene.read(2)


def batches(scene: Scene, step: int, _dice: random.Random) -> None:
    """A job that takes what has come at every third poll."""
    scene.add(30)
    if step % 3 == 2:
        scene.work(500)


def autoclaim(scene: Scene, step: int, _dice: random.Random) -> None:
    """What a consumer left is claimed by the next, and done."""
    scene.add(5)
    scene.read(5, f"pod-{step % 2}")
    claimed: Any = scene.client.xautoclaim("s", "g", f"pod-{1 - step % 2}", 0, "0-0")
    ids = [entry_id for entry_id, _ in claimed[1]]
    if ids:
        scene.client.xack("s", "g", *ids)


def fan_out(scene: Scene, step: int, _dice: random.Random) -> None:
    """Two groups read everything, each for itself."""
    if step == 0:
        scene.client.xgroup_create("s", "other", "0")
    scene.add(20)
    scene.work(20)
    scene.work(20, "o", "other")


def capped(scene: Scene, _step: int, dice: random.Random) -> None:
    """A short cap, and a group that is quicker than it; between two polls the stream is replaced many times over."""
    for _ in range(20):
        scene.add(dice.randint(1, 9), cap=10)
        scene.work(10)


def queue(scene: Scene, _step: int, dice: random.Random) -> None:
    """Read, acknowledged and deleted, as a work queue does."""
    scene.add(dice.randint(1, 20))
    ids = scene.read(50)
    if ids:
        scene.client.xack("s", "g", *ids)
        scene.client.xdel("s", *ids)


def redeployed(scene: Scene, step: int, _dice: random.Random) -> None:
    """At every poll a new pod takes over, and the old one removes itself."""
    scene.add(10)
    scene.work(10, f"pod-{step}")
    scene.client.xgroup_delconsumer("s", "g", f"pod-{step - 1}")


def _pending(scene: Scene) -> list[str]:
    return [item["message_id"] for item in scene.client.xpending_range("s", "g", "-", "+", 100)]


@pytest.mark.parametrize(
    "step", [busy, batches, autoclaim, fan_out, capped, queue, redeployed], ids=lambda step: step.__name__
)
def test_nothing_above_low_is_said_of_a_healthy_system(server: Server, step: Step) -> None:
    dice = random.Random(3)
    scene = Scene(server, entries=3)
    scene.work(3)
    step(scene, 0, dice)
    with watching(server) as watch:
        watch.poll()
        for number in range(1, POLLS):
            step(scene, number, dice)
            watch.poll()
            serious = [text for text in watch.told() if not text.endswith((" LOW", " INFO"))]
            assert serious == [], number
        row = watch.row()
        assert (row.removed_unread.least, row.off_by) == (0, None)


def test_a_fresh_deployment_is_silent_from_its_first_poll_on(server: Server) -> None:
    """The producer makes the stream; group and consumer follow a little later, while a cap already trims."""
    scene = Scene(server, group=False)
    with watching(server) as watch:
        watch.poll()
        scene.add(30, cap=10)
        watch.poll(step_s=2)
        scene.client.xgroup_create("s", "g", "0")
        watch.poll(step_s=2)
        scene.add(3, cap=10)
        watch.poll(step_s=2)
        for _ in range(POLLS):
            scene.work(20)
            scene.add(3, cap=10)
            assert _serious(watch) == []
            watch.poll()


def test_a_restarted_consumer_finishes_its_history_and_nothing_is_said(server: Server) -> None:
    scene = Scene(server, entries=3)
    with watching(server) as watch:
        watch.poll()
        scene.read(3)
        watch.poll(step_s=10)
        history: Any = scene.client.xreadgroup("g", "c", {"s": "0"})
        scene.client.xack("s", "g", *(entry_id for entry_id, _ in history[0][1]))
        for _ in range(3):
            watch.poll()
            assert _serious(watch) == []
        row = watch.row()
        assert row.exact
        assert (row.waiting_at_start.least, row.acknowledged.least, row.pending.least) == (3, 3, 0)


def _serious(watch: Watch) -> list[str]:
    return [text for text in watch.told() if not text.endswith((" LOW", " INFO"))]
