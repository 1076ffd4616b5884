"""Where there are too many streams to ask for everything at every look: cheaper, and what is told is still the truth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.sources.redis.raw import client_of
from tools.sources.records import Poll
from tools.sources.redis import lag, preflight, streams
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.streams import TURNS
from tools.sources.redis.sweep import StreamSource

FEW = 12


class Looking:
    """Looks at everything, every 15 s of a clock of its own."""

    def __init__(self, client: ReadOnlyClient, server: Server) -> None:
        self.client, self._server = client, server
        self._source = StreamSource(client, ManualClock())
        self.last: Poll | None = None
        self._looks = 0

    def look(self) -> Poll:
        self._looks += 1
        client_of(self._server).set("elsewhere", self._looks)  # may be a stream's name, so all are looked at
        self.last = self._source.poll(self._looks, previous=self.last)
        assert not self.last.quiet
        return self.last

    def settle(self) -> None:
        """Until streams that stand still are known as such."""
        for _ in range(3):
            self.look()

    def sent(self) -> dict[str, int]:
        """What the next look sends about streams."""
        before = self.client.sent.copy()
        self.look()
        return {name: count for name, count in (self.client.sent - before).items() if name.startswith("x")}


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


def fill(server: Server, count: int) -> None:
    """Every third stream has a group at its end, every third one that is behind, every third none."""
    pipe = client_of(server).pipeline(transaction=False)
    for number in range(count):
        name = f"s{number}"
        for entry in range(1, 4):
            pipe.xadd(name, {"a": entry}, id=f"{entry}-0")
        if number % 3 < 2:
            pipe.xgroup_create(name, "g", "0")
            pipe.xreadgroup("g", "c", {name: ">"}, count=3 if number % 3 == 0 else 2)
    pipe.execute()


@pytest.fixture
def looking(server: Server) -> Iterator[Looking]:
    with ReadOnlyClient.connect(server.url) as client:
        yield Looking(client, server)


@pytest.fixture
def as_many(server: Server, looking: Looking, monkeypatch: pytest.MonkeyPatch) -> Looking:
    """A few streams, taken as too many."""
    monkeypatch.setattr(streams, "STREAMS_ALWAYS", 0)
    fill(server, FEW)
    looking.settle()
    return looking


def tells_lag(server: Server) -> bool:
    """From Redis 7.0 on."""
    return (
        b"lag" in server.send("XINFO", "GROUPS", "s0")[0] or "lag" in server.send("XINFO", "GROUPS", "s0")[0]
    )


def facts(poll: Poll) -> dict[str, object]:
    return {
        state.name: (state.info, [(group.info, group.lag and group.lag.messages) for group in state.groups])
        for state in poll.streams
    }


def afresh(server: Server) -> dict[str, object]:
    """What somebody sees who asks for everything."""
    with ReadOnlyClient.connect(server.url) as client:
        return facts(StreamSource(client, ManualClock()).poll(0, previous=None))


def test_streams_that_stand_still_are_asked_for_their_groups(server: Server, looking: Looking) -> None:
    count = streams.STREAMS_ALWAYS + 2
    fill(server, count)
    looking.settle()
    told = count - count // 3 if tells_lag(server) else 0
    asked = [looking.sent() for _ in range(TURNS)]
    whole = [sent["xinfo|stream"] for sent in asked]
    assert sum(whole) == TURNS * count - (TURNS - 1) * told
    assert max(whole) - min(whole) <= TURNS
    groups = {sent["xinfo|groups"] for sent in asked}
    assert groups == {count}
    assert looking.last is not None
    lengths = 0 if lag.grows_always(looking.last.server) else TURNS * count - sum(whole)
    assert sum(sent.get("xlen", 0) for sent in asked) == lengths
    assert facts(looking.look()) == afresh(server)


def test_the_second_look_is_short_already(
    server: Server, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STREAMS_ALWAYS", 0)
    fill(server, FEW)
    looking.look()
    server.send("XADD", "s3", "9-0", "a", "1")
    sent = looking.sent()
    shortly = FEW - sent["xinfo|stream"]
    assert shortly >= FEW // 3 if tells_lag(server) else shortly == 0
    assert looking.last is not None
    assert facts(looking.last) == afresh(server)


@pytest.mark.parametrize("stream", ["s3", "s4"], ids=["at the end", "behind"])
@pytest.mark.parametrize(
    "move",
    [
        pytest.param(("XADD", "{}", "9-0", "a", "1"), id="an entry"),
        pytest.param(
            ("XADD", "{}", "MAXLEN", "3", "9-0", "a", "1"), id="an entry that takes the place of one"
        ),
        pytest.param(("XADD", "{}", "MAXLEN", "2", "9-0", "a", "1"), id="an entry that takes that of two"),
        pytest.param(("XADD", "{}", "MAXLEN", "0", "9-0", "a", "1"), id="an entry that leaves none"),
        pytest.param(("XADD", "{}", "MINID", "99", "9-0", "a", "1"), id="an entry that is too old"),
        pytest.param(("XDEL", "{}", "1-0"), id="the first deleted"),
        pytest.param(("XDEL", "{}", "3-0"), id="the last deleted"),
        pytest.param(("XTRIM", "{}", "MAXLEN", "1"), id="trimmed"),
        pytest.param(("XSETID", "{}", "50-0"), id="another last id"),
        pytest.param(("XGROUP", "SETID", "{}", "g", "1-0"), id="a group set back"),
        pytest.param(("XGROUP", "DESTROY", "{}", "g"), id="a group that goes"),
        pytest.param(("XREADGROUP", "GROUP", "g", "d", "STREAMS", "{}", ">"), id="a read"),
        pytest.param(("XACK", "{}", "g", "1-0"), id="an acknowledgement"),
        pytest.param(("DEL", "{}"), id="deleted"),
        pytest.param(("SET", "{}", "1"), id="another type"),
        pytest.param(("RENAME", "s7", "{}"), id="another stream in its place"),
        pytest.param(("EVAL", "return redis.call('XDEL', KEYS[1], '3-0')", "1", "{}"), id="by a script"),
    ],
)
def test_whatever_is_done_is_seen_at_the_next_look(
    server: Server, as_many: Looking, move: tuple[str, ...], stream: str
) -> None:
    server.send(*[word.format(stream) for word in move])
    assert facts(as_many.look()) == afresh(server)


def test_one_that_was_trimmed_and_refilled_in_the_same_moment_is_seen(
    server: Server, as_many: Looking
) -> None:
    """The length is as before, and nothing waits, as before."""
    pipe = client_of(server).pipeline(transaction=True)
    for entry in range(5, 8):
        pipe.xadd("s3", {"a": 1}, id=f"{entry}-0", maxlen=3, approximate=False)
    pipe.xreadgroup("g", "c", {"s3": ">"})
    pipe.execute()
    assert facts(as_many.look()) == afresh(server)


def test_a_user_who_may_not_ask_for_lengths_is_refused_at_one_look_only(
    any_own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = any_own_server
    monkeypatch.setattr(streams, "STREAMS_ALWAYS", 0)
    fill(server, FEW)
    with ReadOnlyClient.connect(server.url) as client:
        identity = StreamSource(client, ManualClock()).poll(0, previous=None).server
    line = preflight.acl_line(identity.flavour, identity.version).replace(" +xlen", "")
    with ReadOnlyClient.connect(server.user(line, "of-the-auditor")) as client:
        narrow = Looking(client, server)
        narrow.settle()
        assert [narrow.sent().get("xlen", 0) for _ in range(TURNS)] == [0] * TURNS
        assert facts(narrow.look()) == afresh(server)
