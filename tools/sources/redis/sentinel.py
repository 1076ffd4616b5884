"""Which server is the primary now: asked of the Sentinels in turn, at every connection.

To a Sentinel go PING, the courtesies of a connection (CLIENT SETNAME, ID, NO-TOUCH) and SENTINEL
GET-MASTER-ADDR-BY-NAME, nothing else; `ACL_LINE` allows exactly that.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.errors import SourceUnavailable
from tools.masking import mask
from tools.sources.redis.access import Access
from tools.sources.redis.replies import as_bytes, as_list
from tools.sources.redis.target import Host, Target, named_host

ACL_LINE = (
    "ACL SETUSER auditor on >PASSWORD resetkeys resetchannels -@all +ping +sentinel|get-master-addr-by-name "
    "+client|setname +client|id"
)
"""The rule for a user on each Sentinel (6.2 and later). Redis 6.2 keys and channels are none of a Sentinel's."""

_OWN = "Give the Sentinels' own credentials as sentinel_username and sentinel_password behind the ? of redis.url."


class Sentinels:
    """Asks one Sentinel after another until one names the primary."""

    def __init__(self, target: Target, access: Access) -> None:
        self._target, self._access = target, access

    def urls(self, database: int) -> Iterator[str]:
        """URLs of a database of the primary, with credentials, as one Sentinel after another names it.

        Each once: a Sentinel that was cut off from the others goes on to name the old primary. Raises
        SourceUnavailable where no Sentinel names any.
        """
        named: set[Host] = set()
        reasons: dict[str, SourceUnavailable] = {}
        for sentinel in self._target.hosts:
            try:
                host = self.ask(sentinel)
            except SourceUnavailable as error:
                reasons[mask(str(sentinel))] = error
                continue
            if host not in named:
                named.add(host)
                yield self._target.url(host, database)
        if not named:
            why = "; ".join(f"{at}: {error.why}" for at, error in reasons.items())
            fix = next(iter(reasons.values())).fix
            raise SourceUnavailable(
                f"Redis service {self._target}", f"no Sentinel names a primary ({why})", fix
            )

    def ask(self, host: Host) -> Host:
        """What one Sentinel says. Raises SourceUnavailable."""
        url = self._target.sentinel_url(host)
        with self._access.client(url) as client:
            try:
                reply = client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._target.service)
            except SourceUnavailable as error:
                raise self._explained(host, error) from error
        parts = as_list(reply)
        name, port = (as_bytes(part).decode("utf-8", "replace") for part in (*parts, None, None)[:2])
        host_named = named_host(name, int(port)) if port.isascii() and port.isdecimal() else None
        if host_named is None:
            raise SourceUnavailable(
                f"Sentinel at {mask(str(host))}",
                f"it watches no service {mask(self._target.service)!r}",
                "Correct the service's name in redis.url; SENTINEL MASTERS on a Sentinel lists them.",
            )
        return host_named

    def each(self) -> Iterator[tuple[Host, Host | SourceUnavailable]]:
        """Every Sentinel of the address, and what it says or why it says nothing."""
        for host in self._target.hosts:
            try:
                yield host, self.ask(host)
            except SourceUnavailable as error:
                yield host, error

    def _explained(self, host: Host, error: SourceUnavailable) -> SourceUnavailable:
        what, why, fix = f"Sentinel at {mask(str(host))}", error.why, error.fix
        if "NOAUTH" in why or "credentials" in why:
            fix = _OWN
        elif "NOPERM" in why or "no permissions" in why:
            fix = "Give its user the rule that `streamgauge doctor --acl` prints for Sentinels."
        elif "unknown command" in why.lower():
            why, fix = "it is no Sentinel", "Name the Sentinels (port 26379), not the servers, in redis.url."
        elif "no connection" in why:
            fix = "Check that the Sentinels run and that redis.url names them."
        return SourceUnavailable(what, why, fix)
