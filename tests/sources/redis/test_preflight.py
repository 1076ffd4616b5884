"""Pre-flight facts, the embedded server, and the small parsers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Server, free_port
from tests.fakes.clock import ManualClock
from tests.sources.redis.raw import client_of
from tools.errors import SourceUnavailable, UsageError
from tools.sources.redis import clients, commandstats, embedded, preflight
from tools.sources.redis.commandstats import Calls
from tools.sources.redis.preflight import CommandCheck, Identity
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.server import identity as identity_of
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


def own_line(server: Server) -> str:
    """The ACL line for this server, as `doctor --acl` prints it."""
    info = client_of(server).info("server")
    return preflight.acl_line(server.product.flavour, info[f"{server.product.flavour}_version"])


def test_a_current_server_has_every_stream_command(server: Server) -> None:
    with ReadOnlyClient.connect(server.url) as client:
        found = preflight.require(client)
        assert found.flavour == server.product.flavour
        assert client_of(server).info("server")[f"{found.flavour}_version"] == found.version
        assert found.version.startswith(f"{server.product.version}.")
        assert preflight.missing_commands(client) == CommandCheck(())
        assert preflight.warnings(client) == ()


@pytest.mark.parametrize(
    ("identity", "fits"),
    [
        (Identity("redis", "6.2.0"), True),
        (Identity("redis", "6.0.20"), False),
        (Identity("redis", "5.0.6"), False),
        (Identity("redis", "10.0"), True),
        (Identity("valkey", "7.2.5"), True),
        (Identity("dragonfly", "1.2"), True),
    ],
    ids=str,
)
def test_a_server_before_6_2_is_refused(identity: Identity, fits: bool) -> None:
    if fits:
        preflight.check_version(identity)
    else:
        with pytest.raises(UsageError, match=r"6\.2 or newer"):
            preflight.check_version(identity)


def test_a_command_that_is_switched_off_is_a_limit_and_not_a_mismatch(own_server: Server) -> None:
    with ReadOnlyClient.connect(own_server.url) as client:
        found = preflight.missing_commands(client, ("XADD", "NOSUCHCOMMAND"))
    assert found.missing == ()
    assert found.unknown is not None
    assert "NOSUCHCOMMAND" in found.unknown


def test_the_printed_acl_line_is_enough_to_audit_and_cannot_write(own_server: Server) -> None:
    client = client_of(own_server)
    client.xadd("s", {"a": 1})
    client.xgroup_create("s", "g", "0")
    client.xreadgroup("g", "c", {"s": ">"})
    url = own_server.user(own_line(own_server), "of-the-auditor")
    tells = own_server.product.has_what_came_with(7, 0)  # ACL DRYRUN
    with ReadOnlyClient.connect(url) as narrow:
        assert preflight.missing_commands(narrow) == CommandCheck(())
        assert preflight.may_write(narrow) is (False if tells else None)
        source = StreamSource(narrow, ManualClock())
        poll = source.poll(0, previous=None)
        assert poll.streams[0].groups[0].pending[0].id
        assert poll.clients is not None
        assert source.gaps() == ()
    client.execute_command("ACL", "SETUSER", "auditor", "+acl|getuser")
    with ReadOnlyClient.connect(url) as narrow:
        assert preflight.may_write(narrow) is False
    with ReadOnlyClient.connect(own_server.url) as wide:
        assert preflight.may_write(wide) is True


def test_a_missing_right_is_a_gap(own_server: Server) -> None:
    client_of(own_server).xadd("s", {"a": 1})
    line = own_line(own_server).replace("+client|list", "").replace("~*", "~other*")
    url = own_server.user(line, "of-the-auditor")
    with ReadOnlyClient.connect(url) as narrow:
        source = StreamSource(narrow, ManualClock())
        assert source.poll(0, previous=None).streams == ()
        assert [gap.what.rpartition(": ")[2] for gap in source.gaps()] == ["clients"]
        hidden = source.hidden()
    assert hidden is not None
    assert hidden.what.endswith(": some streams")


def test_pending_entries_that_may_not_be_seen_are_a_gap(own_server: Server) -> None:
    client = client_of(own_server)
    client.xadd("s", {"a": 1})
    client.xgroup_create("s", "g", "0")
    client.xreadgroup("g", "c", {"s": ">"})
    url = own_server.user(own_line(own_server).replace("+xpending", ""), "of-the-auditor")
    with ReadOnlyClient.connect(url) as narrow:
        source = StreamSource(narrow, ManualClock())
        group = source.poll(0, previous=None).streams[0].groups[0]
        assert (group.info.pending, group.pending, group.pending_complete) == (1, (), False)
        gap = source.hidden()
    assert gap is not None
    assert "xpending" in gap.why


@pytest.mark.parametrize(
    ("flavour", "version", "has", "lacks"),
    [
        ("redis", "6.2.14", [" ~* "], ["%R~*", "no-touch", "setinfo", "shards"]),
        ("redis", "7.0.15", ["%R~*", "shards"], ["no-touch", "setinfo"]),
        ("redis", "8.2.3", ["%R~*", "no-touch", "setinfo", "shards"], [" ~* "]),
        ("valkey", "8.1.8", ["%R~*", "no-touch"], []),
    ],
)
def test_the_acl_line_fits_the_version(flavour: str, version: str, has: list[str], lacks: list[str]) -> None:
    line = preflight.acl_line(flavour, version)
    assert all(part in line for part in has)
    assert not any(part in line for part in lacks)


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("+@all", True), ("-@all +ping", False), ("-@all +@read", False), ("+@all -@write", False),
        ("-@all +xadd", True), ("+@all -xadd", False), ("allcommands", True), ("", False),
    ],
)  # fmt: skip
def test_acl_rules_are_read_in_order(rules: str, allowed: bool) -> None:
    assert preflight._allows_xadd(rules) is allowed


def test_reading_is_warned_of_where_it_keeps_streams_in_memory(server: Server) -> None:
    client_of(server).config_set("maxmemory-policy", "allkeys-lru")
    try:
        with ReadOnlyClient.connect(server.url) as client:
            found = preflight.warnings(client)
        if server.product.has_what_came_with(7, 2):  # CLIENT NO-TOUCH
            assert found == ()
        else:
            assert ["allkeys-lru" in text for text in found] == [True]
    finally:
        client_of(server).config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    ("lines", "identity"),
    [
        ({"redis_version": "7.0.15"}, ("redis", "7.0.15")),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}, ("valkey", "9.1.2")),
        ({"redis_version": "7.4.0", "dragonfly_version": "df-v1.20.1"}, ("dragonfly", "1.20.1")),
        ({}, ("redis", "")),
    ],
)
def test_a_server_is_known_by_its_own_name(lines: dict[str, str], identity: tuple[str, str]) -> None:
    assert identity_of(lines) == identity


def test_growth_leaves_out_what_we_sent_and_is_nothing_after_a_reset() -> None:
    before = {"xadd": Calls(10, 100), "xinfo|stream": Calls(5, 10), "info": Calls(3, 9)}
    now = {"xadd": Calls(12, 120), "xinfo|stream": Calls(9, 18), "info": Calls(4, 12), "xack": Calls(1, 2)}
    assert commandstats.growth(before, now, {"xinfo|stream": 4, "info": 1}) == {"xadd": 2, "xack": 1}
    assert commandstats.own_usec(before, now, {"xinfo|stream": 4, "info": 1}) == 11
    assert commandstats.own_usec(before, now, {"xinfo|stream": 2}) == 4
    reset = {"xadd": Calls(1, 1), "info": Calls(4, 12), "xinfo|stream": Calls(9, 18)}
    assert commandstats.was_reset(before, reset)
    assert commandstats.growth(before, reset, {}) == {}


def test_before_7_subcommands_are_counted_together() -> None:
    before, now = {"xinfo": Calls(5, 10)}, {"xinfo": Calls(9, 18)}
    assert commandstats.growth(before, now, {"xinfo|stream": 2, "xinfo|groups": 1}) == {"xinfo": 1}


@pytest.mark.parametrize(
    ("moved", "quiet"),
    [
        ({}, True), ({"get": 5, "client|list": 1, "xinfo|stream": 2}, True), ({"xadd": 1}, False),
        ({"set": 1}, False), ({"xreadgroup": 1}, False), ({"xgroup|create": 1}, False), ({"a-new-command": 1}, False),
    ],
)  # fmt: skip
def test_only_reads_leave_a_server_quiet(moved: dict[str, int], quiet: bool) -> None:
    assert commandstats.is_quiet(moved) is quiet


def test_clients_that_read_streams_are_kept_and_ours_are_not() -> None:
    reply = (
        b"id=3 addr=1.2.3.4:5 name=worker-1 age=9 idle=7 flags=b db=0 cmd=xreadgroup lib-name=redis-py\n"
        b"id=4 name= age=9 idle=7 flags=N cmd=xread user=default\n"
        b"id=5 name=web age=9 idle=7 flags=N cmd=get\n"
        b"id=6 name=streamgauge-analyst age=9 idle=7 flags=N cmd=xread\n"
        b"id=7 name=mine age=9 idle=7 flags=N cmd=xread\n"
        b"id=8 name=evil\\x1b age=x idle= flags= cmd=xread garbage\n\n=\n"
    )
    found = clients.parse(reply, own_id=7)
    assert [(item.name, item.command, item.blocked, item.idle_s) for item in found] == [
        ("(empty name)", "xread", False, 7),
        ("evil\\\\x1b", "xread", False, 0),
        ("worker-1", "xreadgroup", True, 7),
    ]


def test_the_embedded_server_is_found_in_order(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    named = tmp_path / "other"
    named.write_text("#!/bin/sh\n", encoding="utf-8")
    named.chmod(0o755)
    assert embedded.find_server({"REDIS_SERVER_BIN": str(named), "PATH": str(tmp_path)}) == named
    assert embedded.find_server({"PATH": str(tmp_path)}) == program
    assert embedded.find_server({"PATH": "/nonexistent"}).name == "valkey-server"
    with pytest.raises(UsageError, match="REDIS_SERVER_BIN"):
        embedded.find_server({"REDIS_SERVER_BIN": str(tmp_path / "none"), "PATH": ""})


def test_the_embedded_server_keeps_its_files_in_its_folder(tmp_path: Path) -> None:
    command = embedded.command(Path("/bin/redis-server"), 7000, tmp_path)
    assert command[:3] == ["/bin/redis-server", "--port", "7000"]
    assert command[command.index("--save") + 1] == ""
    assert command[command.index("--dir") + 1] == str(tmp_path)
    assert command[command.index("--bind") + 1] == "127.0.0.1"


def test_waiting_for_a_server_ends_with_the_reason(server: Server) -> None:
    clock = ManualClock()
    embedded.wait_until_ready(server.url, clock, 1.0)
    with pytest.raises(SourceUnavailable, match="no connection"):
        embedded.wait_until_ready(f"redis://127.0.0.1:{free_port()}/0", clock, 0.5)


def test_the_binary_runs(tmp_path: Path) -> None:
    assert os.access(embedded.find_server({"PATH": ""}), os.X_OK)
