"""A poll over TLS and over a unix socket, of each server; and what is said where TLS is not to be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import ManualClock
from tests.servers.binaries import Product
from tests.servers.standalone import Certificate, Server
from tests.servers.tls_front import TlsFront
from tools.errors import SourceUnavailable
from tools.sources.redis import preflight
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path)


@pytest.fixture
def server(product: Product, certificate: Certificate, tmp_path: Path) -> Iterator[Server]:
    """Each server of the matrix, with a stream; it listens for TLS where it was built with it, and at a socket."""
    made = Server(tmp_path, product=product, tls=certificate if product.has_tls else None, unix_socket=True)
    made.send("XADD", "orders", "1-0", "id", 1)
    made.send("XGROUP", "CREATE", "orders", "mail", "0")
    yield made
    made.stop()


@pytest.fixture
def tls_url(server: Server, certificate: Certificate) -> Iterator[str]:
    """Where the server is reached by TLS: at its own port, or at that of a proxy beside it."""
    if server.product.has_tls:
        yield server.tls_url
        return
    front = TlsFront(server.port, certificate)
    yield front.url
    front.close()


def streams_at(url: str) -> list[tuple[str, int]]:
    """Name and lag of the first group of each stream that a poll sees."""
    with ReadOnlyClient.connect(url, connect_timeout_s=0.5, command_timeout_s=1) as client:
        assert preflight.missing_commands(client).missing == ()
        poll = StreamSource(client, ManualClock()).poll(0, previous=None)
    lags = [(state.name, state.groups[0].lag) for state in poll.streams]
    return [(name, lag.messages) for name, lag in lags if lag is not None]


def test_a_poll_over_tls(tls_url: str) -> None:
    assert streams_at(tls_url) == [("orders", 1)]


def test_a_user_of_the_printed_line_over_tls(server: Server, tls_url: str) -> None:
    version = server.client.info("server")[f"{server.product.flavour}_version"]
    server.user(preflight.acl_line(server.product.flavour, version), "of-the-auditor")
    assert streams_at(tls_url.replace("rediss://", "rediss://auditor:of-the-auditor@")) == [("orders", 1)]


def test_an_authority_that_is_not_known_is_refused(tls_url: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        streams_at(tls_url.partition("?")[0])
    assert "certificate verify failed" in caught.value.why


@pytest.mark.parametrize(
    "change", [("rediss://", "redis://"), ("redis://", "rediss://")], ids=["plain", "tls"]
)
def test_the_wrong_one_of_tls_and_plain_is_a_gap_that_names_the_address(
    server: Server, tls_url: str, change: tuple[str, str]
) -> None:
    url = (tls_url if change[0] == "rediss://" else server.url).partition("?")[0].replace(*change)
    with pytest.raises(SourceUnavailable) as caught:
        streams_at(url)
    assert f"Redis at {url.partition('://')[2]}" in str(caught.value)
    assert caught.value.fix


def test_a_build_without_tls_does_not_start_with_it(
    product: Product, certificate: Certificate, tmp_path: Path
) -> None:
    if product.has_tls:
        Server(tmp_path, product=product, tls=certificate).stop()
        return
    server = Server(tmp_path, product=product, tls=certificate, wait=False)
    assert server.process.wait(30) != 0
    server.stop()


def test_a_poll_over_a_unix_socket(server: Server) -> None:
    assert streams_at(server.socket_url) == [("orders", 1)]
