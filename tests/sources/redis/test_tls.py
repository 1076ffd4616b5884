"""TLS with certificates made by openssl at test time: what is checked, and what a failure tells the user to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server
from tests.servers.tls_proxy import Papers, TlsFront
from tests.sources.redis.test_cluster import Eyes
from tools.errors import SourceUnavailable
from tools.sources.redis import tls
from tools.sources.redis.readonly import ReadOnlyClient


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(server: Server, papers: Papers) -> Iterator[TlsFront]:
    made = TlsFront(server.port, papers)
    yield made
    made.close()


@pytest.fixture
def strict(server: Server, papers: Papers) -> Iterator[TlsFront]:
    made = TlsFront(server.port, papers, strict=True)
    yield made
    made.close()


def refusal(url: str) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        ReadOnlyClient.connect(url)
    return caught.value


def test_a_server_whose_authority_is_named_is_audited(
    server: Server, secure: TlsFront, papers: Papers
) -> None:
    server.client.xadd("orders", {"a": 1})
    eyes = Eyes(secure.url(f"?ssl_ca_certs={papers.path('ca.pem')}"))
    assert [state.name for state in eyes.poll().streams] == ["orders"]
    eyes.deployment.close()


@pytest.mark.parametrize(
    ("query", "says", "remedy"),
    [
        pytest.param("", "not trusted", "ssl_ca_certs", id="no authority"),
        pytest.param("?ssl_ca_certs={stranger}", "not trusted", "ssl_ca_certs", id="another authority"),
        pytest.param("?ssl_ca_certs=/no/such/file.pem", "file cannot be read", "ssl_ca_certs", id="no file"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_what_to_name(
    secure: TlsFront, papers: Papers, query: str, says: str, remedy: str
) -> None:
    error = refusal(secure.url(query.format(stranger=papers.path("stranger.pem"))))
    assert says in error.why
    assert remedy in error.fix


def test_a_certificate_for_another_name_is_told_apart(server: Server, papers: Papers) -> None:
    other = TlsFront(server.port, papers, "other")
    try:
        query = f"?ssl_ca_certs={papers.path('ca.pem')}"
        error = refusal(other.url(query))
        assert "another name" in error.why
        assert "ssl_check_hostname=false" in error.fix
        with ReadOnlyClient.connect(other.url(f"{query}&ssl_check_hostname=false")) as client:
            assert client.call("PING") == b"PONG"
        with ReadOnlyClient.connect(other.url("?ssl_cert_reqs=none&ssl_check_hostname=false")) as client:
            assert client.call("PING") == b"PONG"
    finally:
        other.close()


def test_a_server_that_wants_our_certificate_says_so_and_takes_it(strict: TlsFront, papers: Papers) -> None:
    query = f"?ssl_ca_certs={papers.path('ca.pem')}"
    error = refusal(strict.url(query))
    assert "ssl_certfile" in error.fix
    own = f"&ssl_certfile={papers.path('client.pem')}&ssl_keyfile={papers.path('client.key')}"
    with ReadOnlyClient.connect(strict.url(f"{query}{own}")) as client:
        assert client.call("PING") == b"PONG"
    wrong = f"&ssl_certfile={papers.path('client.pem')}&ssl_keyfile={papers.path('other.key')}"
    assert "ssl_keyfile" in refusal(strict.url(f"{query}{wrong}")).why


def test_a_plain_port_is_told_from_a_tls_port(server: Server) -> None:
    error = refusal(f"rediss://127.0.0.1:{server.port}/0?ssl_cert_reqs=none&ssl_check_hostname=false")
    assert "TLS answer" in error.why
    assert "redis://" in error.fix


def test_a_tls_port_is_told_from_a_plain_port(secure: TlsFront) -> None:
    assert "rediss://" in refusal(secure.url().replace("rediss", "redis")).fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Error 1: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert", "certificate of ours"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
            "at this time",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ("[SSL] PEM lib (_ssl.c:4149)", "could not be set up"),
    ],
)
def test_reasons_of_openssl_are_told_in_plain_words(text: str, why: str) -> None:
    found = tls.explain(text, secure=True)
    assert found is not None
    assert why in found[0]
    assert tls.explain(text, secure=False) is None
