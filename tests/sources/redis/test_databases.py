"""Several databases of one server: equal names stay apart, and what is not looked at is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import Server
from tests.sources.redis.test_cluster import Eyes
from tools.detectors.streams.code_map import code_map
from tools.sources.records import CodeIndex, CodeKind, CodeUse, Resolved, plain_name
from tools.sources.redis.deployment import DATABASES_MAX, Databases
from tools.synthesis import wiring


class DatabaseEyes(Eyes):
    """A source of some databases."""

    def __init__(self, url: str, databases: Databases) -> None:
        super().__init__(url)
        self.deployment.asked_databases = databases


@pytest.fixture
def filled(server: Server) -> Iterator[Server]:
    for number in (0, 3, 5):
        with redis.Redis(port=server.port, db=number) as client:
            for _ in range(number + 1):
                client.xadd("orders", {"a": 1})
            client.xgroup_create("orders", f"mail-{number}", "0")
    yield server
    server.client.flushall()


def test_all_databases_are_looked_at_and_equal_names_stay_apart(filled: Server) -> None:
    eyes = DatabaseEyes(filled.url, "all")
    poll = eyes.poll()
    found = {(state.name, state.database, state.info.length) for state in poll.streams}
    assert found == {("orders", 0, 1), ("orders@db3", 3, 4), ("orders@db5", 5, 6)}
    assert (poll.nodes, poll.whole, eyes.source.gaps(), eyes.source.unseen()) == ((), True, (), ())
    assert eyes.poll().quiet
    with redis.Redis(port=filled.port, db=7) as client:
        client.xadd("late", {"a": 1})
    later = eyes.poll()
    assert [state.name for state in later.streams] == ["late@db7", "orders", "orders@db3", "orders@db5"]
    ours = {"info", "scan", "xinfo|stream", "xinfo|groups", "config|get", "client|list"}
    assert later.calls["xadd"] == 1
    assert not ours & set(later.calls)
    assert not later.after_gap
    checked = eyes.source.recheck(later, [("orders@db3", "mail-3")])
    assert [state.name for state in checked.streams] == [state.name for state in later.streams]
    eyes.deployment.close()


def test_beyond_the_limit_the_address_has_its_own_database_and_a_gap_names_the_rest(tmp_path: Path) -> None:
    server = Server(tmp_path, "--databases", "100")
    port = server.port
    try:
        for number in range(80):
            with redis.Redis(port=port, db=number) as client:
                client.xadd("orders", {"a": 1})
        eyes = DatabaseEyes(f"redis://127.0.0.1:{port}/90", "all")
        poll = eyes.poll()
        assert {state.database for state in poll.streams} == set(range(DATABASES_MAX - 1))
        assert 90 in eyes.deployment.databases(eyes.deployment.primaries[0])
        (gap,) = eyes.source.gaps()
        assert gap.what == f"Redis at 127.0.0.1:{port}: databases beyond the limit"
        assert gap.why == (
            "at most 64 of a server are looked at, and not: 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74 and 5 more"
        )
        assert "redis.databases" in gap.fix
        assert '"all"' not in gap.fix
        assert gap.blind
        with redis.Redis(port=port, db=0) as client:
            client.flushall()
        eyes.poll()
        assert eyes.source.gaps() == ()
        eyes.deployment.close()
    finally:
        server.stop()


def test_named_databases_alone_are_looked_at_and_the_others_are_told(filled: Server) -> None:
    eyes = DatabaseEyes(filled.url, (3,))
    assert [state.name for state in eyes.poll().streams] == ["orders@db3"]
    (gap,) = eyes.source.gaps()
    assert gap.what.endswith("databases 0, 5")
    assert not gap.blind
    assert "redis.databases" in gap.fix
    eyes.deployment.close()


def test_without_a_word_the_database_of_the_address_is_looked_at(filled: Server) -> None:
    eyes = Eyes(filled.url.replace("/0", "/5"))
    poll = eyes.poll()
    assert [(state.name, state.database) for state in poll.streams] == [("orders", 5)]
    assert [gap.what.rpartition(": ")[2] for gap in eyes.source.gaps()] == ["databases 0, 3"]
    eyes.deployment.close()


def test_a_database_that_the_server_has_not_is_a_part_that_is_unseen(filled: Server) -> None:
    eyes = DatabaseEyes(filled.url, (0, 99))
    poll = eyes.poll()
    assert [state.name for state in poll.streams] == ["orders"]
    assert not poll.whole
    (gap,) = eyes.source.unseen()
    assert gap.what == f"Redis at 127.0.0.1:{filled.port}/99"
    assert "out of range" in gap.why
    eyes.deployment.close()


def test_a_stream_that_is_named_like_one_of_another_database_keeps_a_name_of_its_own(filled: Server) -> None:
    filled.client.xadd("orders@db3", {"a": 1})
    eyes = DatabaseEyes(filled.url, (0, 3))
    assert [(state.name, state.database) for state in eyes.poll().streams] == [
        ("orders", 0), ("orders@db3", 0), ("orders@db3~2", 3),
    ]  # fmt: skip
    eyes.deployment.close()


@pytest.mark.parametrize(
    ("name", "plain"),
    [("orders@db3", "orders"), ("orders", "orders"), ("@db3", "@db3"), ("a@dbx", "a@dbx"), ("a@db", "a@db")],
)
def test_the_plain_name_is_that_of_the_code(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_code_knows_a_stream_in_whatever_database() -> None:
    use = CodeUse(
        kind=CodeKind.XADD,
        service="shop",
        path="shop.py",
        line=1,
        end_line=1,
        text="xadd",
        language="python",
        stream=Resolved(value="orders", confidence="literal"),
    )
    index = CodeIndex(uses=(use,), facts=(), services=("shop",), files_read=1, languages={})
    assert code_map(index).producers("orders@db3") == ("shop",)
    assert code_map(index).names("orders@db3")
    made = wiring.build(index, (), ("orders", "orders@db3", "other@db3"))
    assert dict(made.producers) == {"orders": ("shop",), "orders@db3": ("shop",)}
