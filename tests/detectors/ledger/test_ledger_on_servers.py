"""The ledger against the truth, on a real server: what was proven lost was lost, and every bound holds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.sources.redis.raw import client_of
from tools.detectors.ledger.records import Term


@dataclass
class Truth:
    """What really happened to every entry of one group, looked at after each command."""

    client: Any
    dice: random.Random
    number: int = 0
    waiting: set[int] = field(default_factory=set)
    lost: int = 0
    left: int = 0
    """Messages that left the pending list."""
    added: int = 0

    def add(self, cap: int | None = None) -> None:
        self.number += 1
        self.added += 1
        self.client.xadd("s", {"a": 1}, id=f"{self.number}-0", maxlen=cap, approximate=False)
        self.waiting.add(self.number)
        self.see_removed()

    def read(self, count: int) -> None:
        reply = self.client.xreadgroup("g", "c", {"s": ">"}, count=count)
        for entry_id, _ in reply[0][1] if reply else ():
            self.waiting.discard(_number(entry_id))

    def acknowledge(self, share: float) -> None:
        pending = self.client.xpending_range("s", "g", "-", "+", 1000)
        chosen = [item["message_id"] for item in pending if self.dice.random() < share]
        if chosen:
            self.left += self.client.xack("s", "g", *chosen)

    def delete_one(self, *, read_only: bool) -> None:
        there = [_number(entry_id) for entry_id, _ in self.client.xrange("s")]
        chosen = [number for number in there if not (read_only and number in self.waiting)]
        if chosen:
            self.client.xdel("s", f"{self.dice.choice(chosen)}-0")
            self.see_removed()

    def trim(self, length: int) -> None:
        self.client.xtrim("s", maxlen=length, approximate=False)
        self.see_removed()

    def set_group(self, number: int, entries_read: int | None) -> None:
        self.client.xgroup_setid("s", "g", f"{number}-0", entries_read=entries_read)
        self.wait_anew(number)

    def make_group_anew(self, number: int, entries_read: int | None) -> None:
        self.client.xgroup_destroy("s", "g")
        self.client.xgroup_create("s", "g", f"{number}-0", entries_read=entries_read)
        self.wait_anew(number)

    def wait_anew(self, number: int) -> None:
        there = {_number(entry_id) for entry_id, _ in self.client.xrange("s")}
        self.waiting = {entry for entry in there if entry > number}

    def see_removed(self) -> None:
        there = {_number(entry_id) for entry_id, _ in self.client.xrange("s")}
        self.lost += len(self.waiting - there)
        self.waiting &= there


def _number(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def holds(term: Term, truth: int) -> bool:
    return term.least <= truth and (term.most is None or truth <= term.most)


def agrees(watch: Watch, truth: Truth) -> None:
    row = watch.row()
    assert row.off_by is None, row
    assert holds(row.removed_unread, truth.lost), (truth.lost, row)
    assert holds(row.added, truth.added), (truth.added, row)
    assert holds(row.acknowledged, truth.left), (truth.left, row)
    assert holds(row.waiting, len(truth.waiting)), (len(truth.waiting), row)


@pytest.mark.parametrize("seed", range(4))
def test_what_the_ledger_says_holds_through_hostile_steps(server: Server, seed: int) -> None:
    dice = random.Random(seed)
    truth = Truth(client_of(server), dice)
    truth.add()
    truth.client.xgroup_create("s", "g", "0")
    with watching(server) as watch:
        watch.poll()
        truth.added = 0
        for _ in range(400):
            choice = dice.random()
            if choice < 0.45:
                truth.add(dice.randint(3, 15) if dice.random() < 0.3 else None)
            elif choice < 0.7:
                truth.read(dice.randint(1, 6))
            elif choice < 0.82:
                truth.acknowledge(dice.random())
            elif choice < 0.86:
                truth.delete_one(read_only=dice.random() < 0.5)
            elif choice < 0.9:
                truth.trim(dice.randint(0, 10))
            if dice.random() < 0.3:
                watch.poll()
                agrees(watch, truth)
        watch.poll()
        agrees(watch, truth)


@pytest.mark.parametrize("seed", range(2))
def test_no_loss_is_told_where_every_entry_is_read_before_it_goes(server: Server, seed: int) -> None:
    """Read, acknowledge, delete: the queue idiom, and a cap that follows the group."""
    dice = random.Random(seed)
    truth = Truth(client_of(server), dice)
    truth.add()
    truth.client.xgroup_create("s", "g", "0")
    with watching(server) as watch:
        watch.poll()
        truth.added = 0
        for _ in range(300):
            truth.add()
            if dice.random() < 0.5:
                truth.read(dice.randint(1, 5))
            if dice.random() < 0.4:
                truth.delete_one(read_only=True)
            if dice.random() < 0.1:
                truth.trim(len(truth.waiting))
            if dice.random() < 0.2:
                watch.poll()
                assert list(watch.book.losses()) == []
                agrees(watch, truth)
        assert truth.lost == 0


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_called_lost_that_was_not_however_groups_are_set(server: Server, seed: int) -> None:
    """Groups set back and forth, made anew with a lie about what they read, counters of the stream set."""
    dice = random.Random(seed)
    truth = Truth(client_of(server), dice)
    truth.add()
    truth.client.xgroup_create("s", "g", "0")
    counts = "max-deleted-entry-id" in truth.client.xinfo_stream("s")
    proven = 0
    with watching(server) as watch:
        watch.poll()
        for _ in range(400):
            choice = dice.random()
            if choice < 0.4:
                truth.add(dice.randint(3, 12) if dice.random() < 0.3 else None)
            elif choice < 0.65:
                truth.read(dice.randint(1, 6))
            elif choice < 0.75:
                truth.acknowledge(dice.random())
            elif choice < 0.85:
                truth.delete_one(read_only=dice.random() < 0.5)
            elif choice < 0.9:
                truth.trim(dice.randint(0, 8))
            elif choice < 0.93:
                truth.set_group(dice.randint(0, truth.number), dice.randint(0, 50) if counts else None)
            elif choice < 0.95:
                truth.make_group_anew(dice.randint(0, truth.number), dice.randint(0, 50) if counts else None)
            elif choice < 0.96 and counts:
                truth.client.execute_command(
                    "XSETID",
                    "s",
                    f"{truth.number}-0",
                    "ENTRIESADDED",
                    truth.number + 50,
                    "MAXDELETEDID",
                    "0-0",
                )
            if dice.random() < 0.3:
                watch.poll()
                proven += sum(loss.new for loss in watch.book.losses())
                assert proven <= truth.lost, (proven, truth.lost, watch.row())
