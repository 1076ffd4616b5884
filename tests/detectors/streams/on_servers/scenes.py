"""What the audited system does in these tests, and what a symptom must prove."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from tests.conftest import Server
from tests.detectors.eyes import Watch
from tests.sources.redis.raw import client_of
from tools.detectors.thresholds import Judgement, Limits
from tools.findings.model import EvidenceKind
from tools.findings.rule import Symptom
from tools.sources.records import GroupState


class Scene:
    """One stream `s` with a group `g`, as producers and consumers would use them."""

    def __init__(self, server: Server, *, entries: int = 0, group: bool = True) -> None:
        self.client: Any = client_of(server)
        self.number = 0
        if group:
            self.client.xgroup_create("s", "g", "0", mkstream=True)
        self.add(entries)

    def add(self, count: int = 1, *, cap: int | None = None, stream: str = "s") -> None:
        """Entries with ids 1-0, 2-0, …"""
        pipe = self.client.pipeline(transaction=False)
        for _ in range(count):
            self.number += 1
            pipe.xadd(stream, {"a": 1}, id=f"{self.number}-0", maxlen=cap, approximate=False)
        pipe.execute()

    def read(self, count: int = 1, consumer: str = "c", group: str = "g") -> list[str]:
        """Give a consumer new entries."""
        reply = self.client.xreadgroup(group, consumer, {"s": ">"}, count=count)
        return [entry_id for entry_id, _ in reply[0][1]] if reply else []

    def work(self, count: int = 1, consumer: str = "c", group: str = "g") -> None:
        """Give a consumer new entries, and acknowledge them."""
        ids = self.read(count, consumer, group)
        if ids:
            self.client.xack("s", group, *ids)

    def age(self, entry_id: str, *, idle_ms: int = 0, deliveries: int = 1) -> None:
        """Make a pending message as old, and as often delivered, as that."""
        self.client.xclaim(
            "s", "g", "c", 0, [entry_id], idle=idle_ms, retrycount=deliveries, force=True, justid=True
        )


def judge(watch: Watch, **limits: object) -> None:
    """Judge what was polled by these limits."""
    watch.judgement = Judgement(limits=Limits(**limits), expect=watch.judgement.expect)


def exactly(ms: int) -> float:
    """A limit in seconds that is that many milliseconds, and not a hair less."""
    seconds = ms / 1000
    return seconds if seconds * 1000 >= ms else math.nextafter(seconds, math.inf)


def group_of(watch: Watch, stream: str = "s", name: str = "g") -> GroupState:
    """A group at the newest poll."""
    state = watch.polls[-1].stream(stream)
    group = None if state is None else state.group(name)
    assert group is not None
    return group


def only(watch: Watch, rule: str) -> Symptom:
    """The one symptom of a rule, whose evidence stands in the polls that it names."""
    (symptom,) = watch.symptoms(rule)
    assert symptom.evidence
    polls = {poll.number: poll for poll in watch.polls}
    for quote in symptom.evidence:
        if quote.kind is EvidenceKind.REDIS:
            assert quote.locator.poll is not None
            state = polls[quote.locator.poll].stream(quote.locator.stream or "")
            assert quote.text in msgspec.json.encode(state).decode(), quote
    return symptom
