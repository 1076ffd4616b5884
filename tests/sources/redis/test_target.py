"""Addresses: what each form means, what is wrong with it, and that no password is ever repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.target import Host, Kind, parse, problems


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "service", "database"),
    [
        pytest.param("redis://h", Kind.SERVER, ["h:6379"], "", 0, id="a host"),
        pytest.param("redis:///3", Kind.SERVER, ["localhost:6379"], "", 3, id="a database alone"),
        pytest.param("rediss://u:p@[::1]:7/1", Kind.SERVER, ["[::1]:7"], "", 1, id="IPv6"),
        pytest.param("redis://h/0?db=5", Kind.SERVER, ["h:6379"], "", 5, id="the query's database"),
        pytest.param("unix:///run/r.sock?db=2", Kind.SERVER, [], "", 2, id="a socket"),
        pytest.param("redis+sentinel://a,b:1/m", Kind.SENTINEL, ["a:26379", "b:1"], "m", 0, id="Sentinels"),
        pytest.param("rediss+sentinel://u:p@a/m%2Fn/4", Kind.SENTINEL, ["a:26379"], "m/n", 4, id="a slash"),
        pytest.param("redis+cluster://a,[::2]:1", Kind.CLUSTER, ["a:6379", "[::2]:1"], "", 0, id="a cluster"),
        pytest.param("rediss+cluster://a/", Kind.CLUSTER, ["a:6379"], "", 0, id="a cluster with TLS"),
    ],
)
def test_an_address_is_read(url: str, kind: Kind, hosts: list[str], service: str, database: int) -> None:
    found = parse(url)
    assert (found.kind, [str(host) for host in found.hosts]) == (kind, hosts)
    assert (found.service, found.database, found.secure) == (service, database, url.startswith("rediss"))


def test_every_node_gets_the_credentials_and_options_and_sentinels_get_their_own() -> None:
    found = parse(
        "rediss+sentinel://me:a%40b@s1,s2:2/main/1?sentinel_password=q%3A%40&ssl_ca_certs=/c/ca.pem"
    )
    assert found.url(Host("n", 5)) == "rediss://me:a%40b@n:5/1?ssl_ca_certs=%2Fc%2Fca.pem"
    assert found.url(Host("n", 5), 7) == "rediss://me:a%40b@n:5/7?ssl_ca_certs=%2Fc%2Fca.pem"
    assert found.sentinel_url(found.hosts[1]) == "rediss://:q%3A%40@s2:2?ssl_ca_certs=%2Fc%2Fca.pem"
    without = parse("redis+sentinel://me:secret-pw@s1/main")
    assert without.sentinel_url(without.hosts[0]) == "redis://s1:26379"


def test_a_server_is_asked_for_other_databases_by_the_same_address() -> None:
    assert parse("redis://u:p@h:1/2?ssl_cert_reqs=none").url() == "redis://u:p@h:1/2?ssl_cert_reqs=none"
    assert parse("redis://u:p@h:1/2?db=4").url(database=3) == "redis://u:p@h:1/3"
    assert parse("unix://u:p@/run/x.sock?db=1").url(database=3) == "unix://u:p@/run/x.sock?db=3"


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("redis://n1", "redis://u:p@N1:6379/3", True),
        ("redis://n1", "rediss://n1/0", True),
        ("redis://n1", "redis://n1:7", False),
        ("redis://n1", "redis+cluster://n1", True),
        ("redis+cluster://n1", "redis+cluster://u:p@n2:1,n1:6379", True),
        ("redis+cluster://n1", "redis+cluster://n2", False),
        ("redis+sentinel://a,b/m", "rediss+sentinel://u:p@b,c/m/2", True),
        ("redis+sentinel://a/m", "redis+sentinel://a/n", False),
        ("redis+sentinel://a/m", "redis+sentinel://b/m", False),
        ("redis+sentinel://a/m", "redis://a:26379", False),
        ("unix:///run/a.sock", "unix://u:p@/run/a.sock?db=3", True),
        ("unix:///run/a.sock", "unix:///run/b.sock", False),
    ],
)
def test_addresses_share_a_key_where_they_name_the_same_deployment(
    one: str, other: str, shared: bool
) -> None:
    assert (not set(parse(one).keys).isdisjoint(parse(other).keys)) is shared


def test_a_deployment_is_called_the_same_however_its_hosts_are_ordered() -> None:
    first, second = parse("redis+cluster://u:p@a,b:1"), parse("redis+cluster://b:1,a:6379,a")
    assert first.name == second.name
    assert first.keys == second.keys == ("a:6379", "b:1")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "scheme"),
        ("http://u:hunter2-pw@h", "scheme"),
        ("redis+sentinel://u:hunter2-pw@h", "does not name the service"),
        ("redis+sentinel://u:hunter2-pw@h/m/x", "not a database number"),
        ("redis+sentinel:///m", "not a valid url"),
        ("redis+cluster://u:hunter2-pw@", "not a valid url"),
        ("redis+cluster://u:hunter2-pw@a,b:0", "port is 0"),
        ("redis+cluster://u:hunter2-pw@a:x", "not a valid url"),
        ("redis://u:hunter2-pw@a,b/0", "more than one host"),
        ("redis://h/²", "not a database number"),
        ("unix://", "names no socket"),
        ("redis+cluster://u:hunter2-pw@a,u:hunter2-pw@b", "once, before the first host"),
        ("redis+sentinel://u:hunter2-pw@a:1,u:hunter2-pw@b:2/m/0", "once, before the first host"),
        ("redis+cluster://u:hunter2-pw@@a", "once, before the first host"),
        ("redis://u:12#hunter2-pw@h/0", "# is %23"),
        ("redis://hunter2-pw#@h/0", "# is %23"),
        ("redis://u:hunter2-pw@h/0#part", "holds a #"),
        ("redis+cluster://u:hunter2-pw@h#", "holds a #"),
        ("redis://u:12?hunter2-pw@h/0", "an @ behind the host"),
        ("redis://:12/hunter2-pw@h/0", "an @ behind the host"),
        ("redis+sentinel://u:12/hunter2-pw@h/m/0", "an @ behind the host"),
        ("redis+sentinel://h/m?sentinel_password=hunter2-pw@x", "an @ behind the host"),
    ],
)
def test_a_wrong_address_says_what_to_write_and_repeats_nothing(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse(url)
    assert "hunter2-pw" not in str(caught.value)
    assert ":12" not in str(caught.value)
    assert any(text in str(caught.value) for text in ("://", "%40"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("REDIS://u:p@h:1/2", "redis://u:p@h:1/2"),
        ("  Redis://u:p@h:1/2\n", "redis://u:p@h:1/2"),
        ("Unix:///run/r.sock?db=2", "unix:///run/r.sock?db=2"),
        ("Redis+Cluster://a,B", "redis+cluster://a,b"),
        ("redis://u:p@@h:1/2", "redis://u:p@@h:1/2"),
    ],
)
def test_the_scheme_may_be_in_capitals_and_blanks_around_are_no_part(written: str, read: str) -> None:
    found, plain = parse(written), parse(read)
    assert (found.kind, found.hosts, found.keys, found.url()) == (
        plain.kind,
        plain.hosts,
        plain.keys,
        plain.url(),
    )
    if plain.kind is Kind.SERVER:
        assert ReadOnlyClient(found.url()).address == ReadOnlyClient(read).address


def test_an_address_shows_no_credentials() -> None:
    for url in (
        "redis://u:hunter2-pw@h",
        "redis+sentinel://u:hunter2-pw@h/m?sentinel_password=hunter2-pw",
        "redis+cluster://u:hunter2-pw@h",
        "unix://u:hunter2-pw@/x",
    ):
        found = parse(url)
        assert "hunter2-pw" not in f"{found} {found.name} {found.keys} {found!r}"


@given(
    st.text(max_size=60),
    st.sampled_from(["", "redis+sentinel://", "redis+cluster://", "redis://", "unix://"]),
)
def test_no_text_breaks_the_reading(text: str, scheme: str) -> None:
    url = scheme + text
    if not list(problems(url)):
        parse(url).url()
