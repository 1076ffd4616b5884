"""The read-only client: what is not on its list never reaches the server, and failures say what to do."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from tests.conftest import Server, free_port
from tests.sources.redis.raw import client_of
from tools.errors import CommandRefused, SourceUnavailable, UsageError
from tools.sources.redis.allowlist import check
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


ALLOWED = {
    "ping", "info", "time", "select", "scan", "type", "xpending", "xlen", "xrange", "xrevrange", "xinfo|stream",
    "xinfo|groups", "xinfo|consumers", "memory|usage", "command|info", "command|docs", "command|list",
    "command|count", "client|list", "client|id", "client|setname", "client|setinfo", "client|no-touch",
    "slowlog|get", "slowlog|len", "latency|latest", "config|get", "acl|whoami", "acl|dryrun", "acl|getuser",
    "cluster|slots", "cluster|nodes", "cluster|info", "cluster|shards", "asking",
}  # fmt: skip


def every_command(server: Server) -> list[str]:
    names: list[str] = []
    for name, info in client_of(server).execute_command("COMMAND").items():
        children = [child[0] for child in info.get("subcommands") or []]
        decoded = [child.decode() if isinstance(child, bytes) else child for child in children]
        names += decoded or [name]
    if not server.product.has_what_came_with(7, 0):  # COMMAND names no subcommands yet
        with_subcommands = {name.partition("|")[0]: name for name in ALLOWED if "|" in name}
        names += [f"{name}|help" for name in with_subcommands]
        names += [name for name in ALLOWED if "|" in name]
    return sorted(names)


def calls(server: Server) -> dict[str, int]:
    return {name: stat["calls"] for name, stat in client_of(server).info("commandstats").items()}


def test_of_every_command_the_server_has_only_the_list_is_sent(server: Server) -> None:
    names = every_command(server)
    assert len(names) > 200
    client_of(server).config_resetstat()
    with ReadOnlyClient.connect(server.url) as client:
        for name in names:
            command = name.upper().split("|")
            if name in ALLOWED:
                check(command)
                continue
            with pytest.raises(CommandRefused):
                client.call(*command, "key", "*", "field", "value")
            with pytest.raises(CommandRefused):
                client.pipeline([("PING",), tuple(command)])
    seen = {name.removeprefix("cmdstat_") for name in calls(server)}
    sent = {"client|setname", "client|no-touch", "client|id", "ping", "config|resetstat", "info", "hello",
            "client|setinfo"}  # fmt: skip
    if not server.product.has_what_came_with(7, 0):
        sent |= {name.partition("|")[0] for name in sent}
    assert seen <= sent


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((), id="nothing"),
        pytest.param(("",), id="empty"),
        pytest.param(("xadd", "s", "*", "a", "1"), id="lower case"),
        pytest.param((b"XADD", b"s", b"*", b"a", b"1"), id="bytes"),
        pytest.param(("XINFO",), id="container without subcommand"),
        pytest.param(("CONFIG", "SET", "save", ""), id="config set"),
        pytest.param(("CONFIG", "GET", "*"), id="every setting"),
        pytest.param(("CONFIG", "GET", "requirepass"), id="a password"),
        pytest.param(("CONFIG", "GET", "save", "masterauth"), id="a password behind another"),
        pytest.param(("CLIENT", "KILL", "ID", 1), id="client kill"),
        pytest.param(("PING\r\nFLUSHALL",), id="injected line"),
        pytest.param(("EVAL", "return 1", 0), id="a script"),
        pytest.param(("X" * 10_000,), id="a long name"),
    ],
)
def test_a_command_off_the_list_is_refused(command: tuple[str | bytes | int, ...]) -> None:
    with pytest.raises(CommandRefused):
        check(command)


def test_errors_stand_in_place_of_their_replies(server: Server) -> None:
    client_of(server).set("plain", "x")
    with ReadOnlyClient.connect(server.url) as client:
        replies = client.pipeline(
            [("XLEN", "none"), ("XLEN", "plain"), ("PING",), ("XINFO", "STREAM", "none")]
        )
    assert replies[0] == 0
    assert isinstance(replies[1], ReplyError)
    assert replies[1].code == "WRONGTYPE"
    assert replies[2] == b"PONG"
    assert isinstance(replies[3], ReplyError)
    assert replies[3].text.startswith("ERR no such key") or "no such key" in replies[3].text


def test_a_connection_introduces_itself_and_does_not_touch(server: Server) -> None:
    client_of(server).xadd("s", {"a": 1})
    with ReadOnlyClient.connect(server.url, name="streamgauge-test") as client:
        assert client.no_touch is server.product.has_what_came_with(7, 2)
        names = [item["name"] for item in client_of(server).client_list()]
        assert "streamgauge-test" in names
        assert client.connection_id is not None


def test_a_wrong_password_is_a_gap_that_does_not_name_it(own_server: Server) -> None:
    client_of(own_server).config_set("requirepass", "right-and-secret")
    url = f"redis://:wrong-and-secret@127.0.0.1:{own_server.port}/0"
    with pytest.raises(SourceUnavailable) as caught:
        ReadOnlyClient.connect(url)
    assert "secret" not in str(caught.value)
    assert "credentials" in caught.value.why
    with ReadOnlyClient.connect(f"redis://:right-and-secret@127.0.0.1:{own_server.port}/0") as client:
        assert client.call("PING") == b"PONG"
    with pytest.raises(SourceUnavailable, match=r"NOAUTH|Authentication|credentials"):
        ReadOnlyClient.connect(own_server.url)


def test_a_narrow_user_is_told_which_right_is_missing(own_server: Server) -> None:
    client_of(own_server).execute_command(
        "ACL", "SETUSER", "narrow", "on", ">pw-of-narrow", "-@all", "+ping", "~*"
    )
    url = f"redis://narrow:pw-of-narrow@127.0.0.1:{own_server.port}/0"
    with ReadOnlyClient.connect(url) as client, pytest.raises(SourceUnavailable) as caught:
        client.call("XINFO", "STREAM", "s")
    assert "NOPERM" in caught.value.why
    assert "+xinfo|stream" in caught.value.fix


def test_a_server_that_is_not_there_is_a_gap() -> None:
    with pytest.raises(SourceUnavailable, match="no connection"):
        ReadOnlyClient.connect(f"redis://127.0.0.1:{free_port()}/0")


def test_a_frozen_server_is_given_up_and_asked_again_later(own_server: Server) -> None:
    with ReadOnlyClient.connect(own_server.url, command_timeout_s=0.1) as client:
        own_server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(SourceUnavailable, match="no answer in time"):
            client.call("PING")
        own_server.process.send_signal(signal.SIGCONT)
        answers = []
        for _ in range(50):
            with suppress(SourceUnavailable):
                answers.append(client.call("TIME"))
                break
        assert answers


def test_a_connection_that_was_dropped_is_opened_again_and_introduces_itself(own_server: Server) -> None:
    with ReadOnlyClient.connect(own_server.url, name="streamgauge-again") as client:
        client_of(own_server).client_kill_filter(_type="normal", skipme=True)
        assert client.call("PING") == b"PONG"
        assert "streamgauge-again" in [item["name"] for item in client_of(own_server).client_list()]


@pytest.mark.parametrize(
    "url",
    ["http://host", "redis", "redis://host:pw-secret@x:notaport/0", "redis://h/0?no_such_option=1", ""],
)
def test_a_url_that_is_none_is_a_usage_error_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        ReadOnlyClient(url)
    assert "pw-secret" not in str(caught.value)


def test_a_url_cannot_switch_off_what_makes_it_safe(server: Server) -> None:
    url = f"{server.url}?protocol=3&socket_timeout=0.001&health_check_interval=1"
    with ReadOnlyClient.connect(url) as client:
        assert client.call("XINFO", "GROUPS", "s") if client_of(server).exists("s") else client.call("PING")
