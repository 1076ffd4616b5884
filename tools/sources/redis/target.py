"""What an address names: one server, the primary that Sentinels know, or a cluster. Pure: nothing is asked.

    redis://[user:password@]host:port/database      rediss:// with TLS, unix:///path?db=0 for a socket
    redis+sentinel://[user:password@]host:port[,host:port …]/service[/database]
    redis+cluster://[user:password@]host:port[,host:port …]

The last two also with `rediss+`. What stands behind `?` goes to every connection (`ssl_ca_certs`, …), but for
`sentinel_username` and `sentinel_password`, which are the Sentinels' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import re2

from tools.errors import UsageError
from tools.masking import mask

PORT = 6379
SENTINEL_PORT = 26379
_SEP = "://"


class Kind(StrEnum):
    """What is behind an address. A server may turn out to be one of a cluster."""

    SERVER = "server"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


SCHEMES = {
    "redis": Kind.SERVER,
    "rediss": Kind.SERVER,
    "unix": Kind.SERVER,
    "redis+sentinel": Kind.SENTINEL,
    "rediss+sentinel": Kind.SENTINEL,
    "redis+cluster": Kind.CLUSTER,
    "rediss+cluster": Kind.CLUSTER,
}
_EXAMPLES = {
    Kind.SERVER: "redis://127.0.0.1:6379/0",
    Kind.SENTINEL: "redis+sentinel://host1:26379,host2:26379/mymaster/0",
    Kind.CLUSTER: "redis+cluster://host1:6379,host2:6379",
}
_ENCODE = "Percent-encode special characters, those of a password too: # is %23, / is %2F, ? is %3F, @ is %40"
_HOST_NAME = re2.compile(r"[0-9A-Za-z_.:-]{1,255}")
_SENTINEL_OWN = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """A host name or address, without brackets, and a port."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


def named_host(name: str, port: int) -> Host | None:
    """A host that a server named; None where the name is none, so that no server writes a URL of ours."""
    return Host(name, port) if _HOST_NAME.fullmatch(name) and 0 < port < 65_536 else None


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address. Its text holds no credentials; the URLs that it makes do.

    `hosts` are the server, the Sentinels or the cluster's nodes to ask first; empty for a socket (`socket`).
    """

    kind: Kind
    secure: bool
    hosts: tuple[Host, ...]
    database: int = 0
    service: str = ""
    socket: str = ""
    credentials: str = field(default="", repr=False)
    """`user:password` as they stand in the URL, percent-encoded."""
    sentinel_credentials: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    given: str = field(default="", repr=False)
    """The address as it was written, its scheme in small letters."""

    def __str__(self) -> str:
        names = ",".join(map(str, self.hosts))
        if self.kind is Kind.SENTINEL:
            return mask(f"{self.service}/{self.database} by Sentinel at {names}")
        return mask(f"cluster at {names}" if self.kind is Kind.CLUSTER else names or "a unix socket")

    @property
    def name(self) -> str:
        """Its text with the hosts in an order of their own, each once."""
        return str(replace(self, hosts=tuple(sorted(set(self.hosts)))))

    @property
    def keys(self) -> tuple[str, ...]:
        """One for each server to ask first, without credentials and database: addresses that share one share data.

        Names and paths are compared as they are written. That a server which is addressed itself is the primary of
        a service, or a node of a cluster that is addressed by other nodes, no key tells.
        """
        if self.socket:
            return (f"unix socket {self.socket}",)
        of = f"{self.service} by Sentinel at " if self.kind is Kind.SENTINEL else ""
        return tuple(f"{of}{host}" for host in sorted(set(self.hosts)))

    def url(self, host: Host | None = None, database: int | None = None) -> str:
        """The URL of one server: `host`, else the first; `database`, else the address's. Holds the credentials."""
        number = self.database if database is None else database
        if self.kind is Kind.SERVER and host is None and number == self.database:
            return self.given
        if self.socket:
            query = urlencode([*self.options, ("db", str(number))])
            login = f"{self.credentials}@" if self.credentials else ""
            return f"unix{_SEP}{login}{quote(self.socket)}?{query}"
        return self._at(host or self.hosts[0], self.credentials, f"/{number}")

    def sentinel_url(self, host: Host) -> str:
        """The URL of one Sentinel, with the Sentinels' own credentials."""
        return self._at(host, self.sentinel_credentials, "")

    def _at(self, host: Host, credentials: str, path: str) -> str:
        login = f"{credentials}@" if credentials else ""
        query = f"?{urlencode(self.options)}" if self.options else ""
        return f"{'rediss' if self.secure else 'redis'}{_SEP}{login}{host}{path}{query}"


def parse(url: str) -> Target:
    """Read an address. Raises UsageError, whose text repeats nothing of it: it may hold a password."""
    for problem, remedy in problems(url):
        raise UsageError(f"The Redis URL {problem}. {remedy}.")
    url = _plain(url)
    scheme, rest, credentials, netloc = _split(url)
    kind = SCHEMES[scheme]
    options = parse_qsl(rest.query, keep_blank_values=True)
    own = dict(options)
    service, number = _path(kind, rest.path)
    database = own.get("db") or number
    return Target(
        kind=kind,
        secure=scheme.startswith("rediss"),
        hosts=() if scheme == "unix" else tuple(_hosts(netloc, kind)),
        database=int(database) if database.isdecimal() else 0,
        service=service,
        socket=unquote(rest.path) if scheme == "unix" else "",
        credentials=credentials,
        sentinel_credentials=_login(own),
        options=tuple((name, value) for name, value in options if name not in {*_SENTINEL_OWN, "db"}),
        given=url,
    )


def problems(url: str) -> Iterator[tuple[str, str]]:
    """What is wrong with an address, and what to do; its text is never repeated."""
    url = _plain(url)
    scheme = url.partition(_SEP)[0]
    kind = SCHEMES.get(scheme)
    if _SEP not in url or kind is None:
        known = ", ".join(f"{name}{_SEP}" for name in SCHEMES)
        yield (
            "does not begin with a scheme that is known",
            f"Use {known}; for example {_EXAMPLES[Kind.SERVER]}",
        )
        return
    example = f"Write it like {_EXAMPLES[kind]}"
    try:
        _, rest, credentials, netloc = _split(url)
        misread = _misread(kind, url, f"{rest.path}{rest.query}", credentials)
        hosts = [] if misread or scheme == "unix" else list(_hosts(netloc, kind))
    except ValueError:
        yield "is not a valid url (check the port, and percent-encode special characters)", example
        return
    if misread:
        yield misread
        return
    if scheme == "unix":
        if not rest.path.strip("/"):
            yield "names no socket", "Write it like unix:///run/redis.sock"
        return
    if any(host.port == 0 for host in hosts):
        yield "the port is 0", example
    if kind is Kind.SERVER and len(hosts) > 1:
        yield (
            "names more than one host",
            f"Write it like {_EXAMPLES[Kind.CLUSTER]} or {_EXAMPLES[Kind.SENTINEL]}",
        )
    service, number = _path(kind, rest.path)
    if kind is Kind.SENTINEL and not service:
        yield "does not name the service that the Sentinels watch", example
    if number and not (number.isascii() and number.isdecimal()):
        yield "the path after the port is not a database number", example


def _misread(kind: Kind, url: str, behind: str, credentials: str) -> tuple[str, str] | None:
    """What ends the host or the credentials where nobody meant it, and would pass a password for something else."""
    if "#" in url:
        return "holds a #, which no address does", _ENCODE
    if "@" in behind:
        return "has an @ behind the host", _ENCODE
    if "@" in credentials and kind is not Kind.SERVER:
        return "holds more than one @", f"Write user and password once, before the first host. {_ENCODE}"
    return None


def _plain(url: str) -> str:
    """The address without blanks around it, its scheme in small letters."""
    scheme, sep, rest = url.strip().partition(_SEP)
    return f"{scheme.lower()}{sep}{rest}"


def _path(kind: Kind, path: str) -> tuple[str, str]:
    """The service and the text of the database's number; "" for what is not there."""
    if kind is not Kind.SENTINEL:
        return "", unquote(path).strip("/")
    service, _, number = path.strip("/").partition("/")
    return unquote(service), unquote(number).strip("/")


def _split(url: str) -> tuple[str, _Rest, str, str]:
    """Scheme, path and query, credentials, and the hosts' text. Raises ValueError."""
    scheme = url.partition(_SEP)[0]
    parts = urlsplit(f"redis{_SEP}{url.partition(_SEP)[2]}")
    credentials, _, netloc = parts.netloc.rpartition("@")
    if scheme == "unix" and not credentials:
        netloc = ""
    return scheme, _Rest(parts.path, parts.query), credentials, netloc


@dataclass(frozen=True, slots=True)
class _Rest:
    path: str
    query: str


def _hosts(netloc: str, kind: Kind) -> Iterator[Host]:
    """Raises ValueError."""
    default = SENTINEL_PORT if kind is Kind.SENTINEL else PORT
    for part in netloc.split(","):
        one = urlsplit(f"redis{_SEP}{part}")
        if not one.hostname and (kind is not Kind.SERVER or part):
            raise ValueError("no host")
        yield Host(unquote(one.hostname or "localhost"), default if one.port is None else one.port)


def _login(options: dict[str, str]) -> str:
    user, password = (options.get(name, "") for name in _SENTINEL_OWN)
    return f"{quote(user, safe='')}:{quote(password, safe='')}" if user or password else ""
