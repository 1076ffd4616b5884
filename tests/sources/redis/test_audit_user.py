"""A user with the printed ACL line can run a whole audit and nothing else, and what is audited stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.config.load import load
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Mode
from orchestrator.doctor import Verdict, examine
from tests.agents.desk import Desk
from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.sources.redis.raw import Raw
from tools.findings.journal import read_data
from tools.sources.records import Poll
from tools.sources.redis import preflight
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource

STREAMS = ("orders", "mails", "empty", "untouched")
IDLE_S = 1000
REFUSED = (
    ("XADD", "orders", "*", "f", "v"),
    ("XREADGROUP", "GROUP", "mail", "m1", "STREAMS", "orders", ">"),
    ("XREAD", "STREAMS", "orders", "0"),
    ("XACK", "orders", "mail", "1-0"),
    ("XCLAIM", "orders", "mail", "m1", "0", "1-0"),
    ("XAUTOCLAIM", "orders", "mail", "m1", "0", "0"),
    ("XDEL", "orders", "1-0"),
    ("XTRIM", "orders", "MAXLEN", "0"),
    ("XSETID", "orders", "999-0"),
    ("XGROUP", "CREATE", "orders", "other", "0"),
    ("XGROUP", "SETID", "orders", "mail", "0"),
    ("XGROUP", "DESTROY", "orders", "mail"),
    ("XGROUP", "DELCONSUMER", "orders", "mail", "m1"),
    ("KEYS", "*"),
    ("GET", "plain"),
    ("SET", "plain", "x"),
    ("DEL", "orders"),
    ("EXPIRE", "orders", "1"),
    ("RENAME", "orders", "other"),
    ("DUMP", "orders"),
    ("MONITOR",),
    ("SUBSCRIBE", "news"),
    ("PUBLISH", "news", "x"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("CONFIG", "RESETSTAT"),
    ("CONFIG", "REWRITE"),
    ("CLIENT", "KILL", "ID", "1"),
    ("CLIENT", "PAUSE", "1"),
    ("MEMORY", "PURGE"),
    ("SLOWLOG", "RESET"),
    ("LATENCY", "RESET"),
    ("EVAL", "return 1", "0"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("SAVE",),
    ("SHUTDOWN",),
    ("REPLICAOF", "NO", "ONE"),
    ("ACL", "SETUSER", "auditor", "+@all"),
    ("ACL", "LIST"),
    ("ACL", "GETUSER", "auditor"),
)


@pytest.fixture
def server(any_own_server: Server) -> Server:
    """Each server of the matrix, at work: groups that are behind, pending entries, entries of several shapes."""
    send = any_own_server.send
    for number in range(1, 301):
        send("XADD", "orders", f"{number}-0", "id", number, "total", "12.5")
    for name, start in (("mail", "0"), ("stock", "150-0"), ("never", "0")):
        send("XGROUP", "CREATE", "orders", name, start)
    for consumer, count in (("m1", 120), ("m2", 3)):
        send("XREADGROUP", "GROUP", "mail", consumer, "COUNT", count, "STREAMS", "orders", ">")
    send("XREADGROUP", "GROUP", "stock", "s1", "COUNT", 1, "STREAMS", "orders", ">")
    send("XADD", "mails", "*", "to", "a@example.org")
    send("XGROUP", "CREATE", "mails", "sender", "$")
    send("XGROUP", "CREATE", "empty", "g", "$", "MKSTREAM")
    send("XADD", "untouched", "1-0", "f", "v")
    send("SET", "plain", "text")
    return any_own_server


@pytest.fixture
def url(server: Server) -> str:
    """The address with the user of the printed line."""
    with ReadOnlyClient.connect(server.url) as client:
        identity = preflight.require(client)
    return server.user(preflight.acl_line(identity.flavour, identity.version), "of-the-auditor")


class Watcher:
    """Polls, second looks and quiet checks; time passes by itself."""

    def __init__(self, client: ReadOnlyClient) -> None:
        self.clock = ManualClock()
        self.source = StreamSource(client, self.clock)
        self.last: Poll | None = None

    def poll(self) -> Poll:
        self.clock.advance(15)
        self.last = self.source.poll(0 if self.last is None else self.last.number + 1, previous=self.last)
        return self.last


@pytest.fixture
def watcher(url: str) -> Iterator[Watcher]:
    with ReadOnlyClient.connect(url) as client:
        yield Watcher(client)


def watch(watcher: Watcher, server: Server) -> list[Poll]:
    """A poll, its second look, a quiet one, and one after work."""
    found = [watcher.poll()]
    watcher.clock.advance(6)
    groups = [(state.name, group.info.name) for state in found[0].streams for group in state.groups]
    found += [watcher.source.recheck(found[0], groups), watcher.poll()]
    server.send("XADD", "mails", "*", "to", "b@example.org", "cc", "c@example.org")
    return [*found, watcher.poll()]


def test_it_is_enough_for_a_whole_watch(server: Server, watcher: Watcher) -> None:
    first, again, quiet, last = watch(watcher, server)
    assert [poll.quiet for poll in (first, quiet, last)] == [False, True, False]
    assert watcher.source.gaps() == ()
    assert watcher.source.hidden() is None
    assert first.clients is not None
    orders = last.stream("orders")
    assert orders is not None
    lags = {group.info.name: group.lag and group.lag.messages for group in orders.groups}
    assert lags == {"mail": 177, "never": 300, "stock": 149}
    confirmed = [group.lag and group.lag.confirmed for state in again.streams for group in state.groups]
    assert confirmed.count(True) == 3
    assert [len(group.pending) > 0 for group in orders.groups] == [True, False, True]
    assert {name for shape in orders.sample for name, _ in shape.fields} == {"id", "total"}
    mails = last.stream("mails")
    assert mails is not None
    assert len(mails.sample) == 2
    assert refused_to_us(server) == []


def refused_to_us(server: Server) -> list[object]:
    """What the server's own log of refusals holds."""
    entries: Any = server.client.acl_log()
    return [entry["object"] for entry in entries]


def test_it_is_enough_for_the_analyst(server: Server, url: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ws", url)
    try:
        analyst, _ = desk.attempt()
        analyst.look()
        desk.clock.advance(15)
        analyst.look()
        found = desk.findings()
    finally:
        desk.close()
    assert found["stream.consumer-lag"].stream == "orders"
    assert list(read_data(desk.workspace.gaps)) == []


def test_it_is_enough_for_doctor(server: Server, url: str, tmp_path: Path) -> None:
    (tmp_path / "streamgauge.toml").touch()
    config = load(project=None, config_file=None, environ={}, flags={"redis.url": url}, cwd=tmp_path)
    found = {check.subject: check for check in examine(config, ModeDecision(Mode.ATTACH, ("",)), {})}
    tells = server.product.has_what_came_with(7, 0)  # ACL DRYRUN
    assert found["server"].verdict is Verdict.OK
    assert found["stream commands"].verdict is Verdict.OK
    assert found["user"].saw == "auditor"
    assert found["rights"].verdict is (Verdict.OK if tells else Verdict.UNKNOWN)
    assert tells or "before 7.0" in found["rights"].remedy


def test_it_is_enough_for_nothing_else(server: Server, url: str) -> None:
    before = snapshot(server)
    allowed = []
    for command in REFUSED:
        with redis.Redis.from_url(url) as narrow:
            client: Any = narrow
            try:
                client.execute_command(*command)
            except redis.exceptions.NoPermissionError:
                continue
            except redis.RedisError as error:
                allowed.append((command, str(error)))
            else:
                allowed.append((command, "done"))
    assert allowed == []
    assert snapshot(server) == before


def test_looking_leaves_every_stream_as_it_was_byte_for_byte(server: Server, watcher: Watcher) -> None:
    before = snapshot(server)
    watcher.poll()
    watch(watcher, server)
    after = snapshot(server)
    assert {name for name in STREAMS if before[name] != after[name]} == {"mails"}  # to which watch() adds


def test_looking_makes_no_key_look_used_where_the_server_has_no_touch(
    server: Server, watcher: Watcher
) -> None:
    admin = Raw(server.port)
    for name in STREAMS:
        admin("RESTORE", name, 0, admin("DUMP", name), "REPLACE", "IDLETIME", IDLE_S)
    watcher.poll()
    watcher.poll()
    idle = {name: admin("OBJECT", "IDLETIME", name) for name in STREAMS}
    admin.close()
    if server.product.has_what_came_with(7, 2):  # CLIENT NO-TOUCH
        assert all(seconds >= IDLE_S for seconds in idle.values())
    else:
        assert all(seconds < IDLE_S for seconds in idle.values())
        assert watcher.source.gaps() == ()


def snapshot(server: Server) -> dict[str, object]:
    """Each stream byte for byte (DUMP holds groups, consumers, pending entries, counts and times), and what it shows."""
    admin = Raw(server.port)
    found: dict[str, object] = {}
    for name in STREAMS:
        groups = admin("XINFO", "GROUPS", name)
        pending = [admin("XPENDING", name, group[1]) for group in groups]
        owners = [[item[1] for item in admin("XINFO", "CONSUMERS", name, group[1])] for group in groups]
        found[name] = admin("DUMP", name), admin("XRANGE", name, "-", "+"), groups, pending, owners
    admin.close()
    return found
