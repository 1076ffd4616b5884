"""Every lag that is called exact is the truth, and every bound holds it, through whatever is done to the streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from tests.conftest import Server
from tests.sources.redis.lag_fuzz import Hostile, Meddling, lengths, truth
from tools.sources.records import GroupState, Lag, Poll
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource

POLLS_OF_AN_EPISODE = 30
STEPS_BETWEEN = (1, 1, 1, 2, 3, 5, 12, 40)


@dataclass
class Tally:
    """What was compared. `own_*` is the server's own figure, which is only counted."""

    compared: int = 0
    polls: int = 0
    quiet: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    own_nil: int = 0
    own_wrong: int = 0

    def __str__(self) -> str:
        sources = ", ".join(f"{name} {count}" for name, count in sorted(self.sources.items()))
        return (
            f"{self.compared} lags in {self.polls} polls ({self.quiet} quiet): {sources}; wrong {len(self.wrong)}; "
            f"the server's own lag: nil {self.own_nil}, wrong {self.own_wrong}"
        )


class Fuzz:
    """Hostile work, and our eyes on it."""

    def __init__(self, server: Server, client: ReadOnlyClient, seed: int, *, by_turns: bool = False) -> None:
        self.hostile, self.tally, self.seed = Hostile(server, seed), Tally(), seed
        self.by_turns = by_turns
        self.clock = Meddling()
        self.source = StreamSource(client, self.clock)
        self.last: Poll | None = None

    def run(self, observations: int) -> Tally:
        dice = self.hostile.dice
        while self.tally.compared < observations:
            self.hostile.episode()
            touched = set(self.hostile.names)
            for _ in range(POLLS_OF_AN_EPISODE):
                touched = self.look(touched)
                if dice.random() < 0.1:
                    self.hostile.idle()
                    continue
                busy = dice.choice(self.hostile.names) if dice.random() < 0.5 else ""
                for _ in range(dice.choice(STEPS_BETWEEN)):
                    name = busy or dice.choice(self.hostile.names)
                    touched.add(name)
                    self.hostile.step(name)
        return self.tally

    def look(self, touched: set[str]) -> set[str]:
        """One poll; each group of the streams that were touched since the last one is compared.

        Gives back the streams that the next one has to compare.
        """
        if touched and self.hostile.dice.random() < 0.2:
            self.clock.then = lambda: self.meddle(touched)
        poll = self.source.poll(self.tally.polls, previous=self.last)
        self.clock.advance(15)
        self.tally.polls += 1
        self.tally.quiet += poll.quiet
        if not touched and self.last is not None:
            self.compare_with_last(poll)
        self.last = poll
        if poll.quiet and touched:  # what was done was nothing, or was done after the look
            return touched
        true = truth(self.hostile.raw, self.hostile.names)
        there = lengths(self.hostile.raw, self.hostile.names)
        told = {state.name: (state.info.length, state.info.last_generated_id) for state in poll.streams}
        if told != there:
            self.tally.wrong.append(f"seen {told}, there {there}, poll {self.tally.polls}")
        seen = {(state.name, group.info.name): group for state in poll.streams for group in state.groups}
        if seen.keys() != true.keys():
            self.tally.wrong.append(f"seen {sorted(seen)}, there {sorted(true)}")
        for key in sorted(seen.keys() & true.keys()):
            self.compare(key, seen[key], *true[key], count=key[0] in touched)
        return set()

    def meddle(self, touched: set[str]) -> None:
        """In the middle of a poll: after the server's counters were read, before its streams are."""
        for _ in range(self.hostile.dice.randint(1, 4)):
            name = self.hostile.dice.choice(self.hostile.names)
            touched.add(name)
            self.hostile.step(name)

    def compare(
        self, key: tuple[str, str], group: GroupState, messages: int, own: int | None, *, count: bool
    ) -> None:
        lag = group.lag
        if count:
            self.tally.compared += 1
            self.tally.sources["none" if lag is None else lag.source] += 1
            self.tally.own_nil += own is None
            self.tally.own_wrong += own is not None and own != messages
        if lag is not None and not holds(lag, messages):
            steps = "\n  ".join(map(repr, self.hostile.history[key[0]]))
            text = f"{key}: {lag} but {messages} wait, seed {self.seed}, poll {self.tally.polls}\n  {steps}"
            self.tally.wrong.append(text)

    def compare_with_last(self, poll: Poll) -> None:
        """Nothing was done since: but for idle times, and for what needs a second look, all is as it was.

        What is read by turns may have been older at the last look: a message that was delivered once more.
        """
        assert self.last is not None
        before, now = (still(item, pending=not self.by_turns) for item in (self.last, poll))
        if before != now:
            self.tally.wrong.append(f"quiet {poll.quiet}: {before} became {now}")


def holds(lag: Lag, messages: int) -> bool:
    if lag.source == "bound":
        return lag.messages <= messages <= (lag.at_most or 0)
    return lag.messages == messages


def still(poll: Poll, *, pending: bool) -> object:
    """What of a poll does not change while nothing is done; with or without who holds which message."""
    return [
        (
            state.name,
            state.info,
            [
                (
                    group.info,
                    group.lag and (group.lag.messages, group.lag.at_most),
                    pending and [(item.name, item.pending) for item in group.consumers or ()],
                    pending and [msgspec.structs.replace(entry, idle=0) for entry in group.pending],
                    group.pending_complete,
                )
                for group in state.groups
            ],
        )
        for state in poll.streams
    ]


@pytest.mark.parametrize("streams", ["few", "as many"])
def test_every_exact_lag_is_the_truth_and_every_bound_holds_it(
    streams: str,
    server: Server,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`as many`: as where there are too many streams to ask for everything at every look."""
    if streams == "as many":
        monkeypatch.setattr("tools.sources.redis.streams.STREAMS_ALWAYS", 0)
        monkeypatch.setattr("tools.sources.redis.details.GROUPS_ALWAYS", 0)
    observations, seed = (
        request.config.getoption("--lag-observations"),
        request.config.getoption("--lag-seed"),
    )
    with ReadOnlyClient.connect(server.url) as client:
        fuzz = Fuzz(server, client, seed, by_turns=streams == "as many")
        try:
            tally = fuzz.run(observations)
        finally:
            fuzz.hostile.close()
    record_property("figures", f"{server.product}, {streams}, seed {seed}: {tally}")
    assert tally.wrong == []
    assert tally.sources["none"] == 0
    assert tally.compared >= observations
    assert len(fuzz.hostile.steps) >= 10


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server
