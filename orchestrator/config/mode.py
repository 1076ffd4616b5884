"""Which kind of session `run` makes, and why. Managed only where nothing that is not ours can be hit."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.config.loopback import on_loopback
from orchestrator.config.model import Config, Mode
from tools.errors import UsageError
from tools.sources.redis.target import Kind, parse

_CONNECT_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class ModeDecision:
    """The mode and why it was chosen, a sentence each."""

    mode: Mode
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is expected; `host` is "" for a unix socket.

    `many` names Sentinels or the nodes of a cluster, in an order of its own; host and port are then the first's.
    """

    host: str
    port: int
    many: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether it is this machine's own interface; names other than localhost are not resolved."""
        return on_loopback(self.host)

    def __str__(self) -> str:
        if self.many:
            return self.many
        if not self.host:
            return "a unix socket"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(url: str) -> Address:
    """Where a url leads, without its credentials. Raises UsageError where it is none."""
    target = parse(url)
    if not target.hosts:
        return Address("", 0)
    first = target.hosts[0]
    return Address(first.name, first.port, "" if target.kind is Kind.SERVER else target.name)


def decide(
    config: Config,
    *,
    port_is_free: Callable[[str, int], bool],
    holder: Callable[[int], str] | None = None,
) -> ModeDecision:
    """The mode of a session.

    `port_is_free` is asked only where the answer matters; `holder` says who listens on a port.

    Raises:
        UsageError: the mode that was asked for is not possible here, or something needed for it is not set.

    """
    asked = config.session.mode
    if asked is Mode.REPLAY:
        raise UsageError(
            "A replay needs the session that it is of: streamgauge run --mode replay SESSION. Else use managed, attach or static."
        )
    if asked is Mode.STATIC:
        return ModeDecision(
            Mode.STATIC, ("session.mode asks for it: code, configuration and documents only",)
        )
    if config.redis.url is None:
        return _without_server(config)
    address = address_of(config.redis.url.get_secret_value())
    if asked is Mode.ATTACH:
        return ModeDecision(Mode.ATTACH, ("session.mode asks for it: nothing is started or stopped",))
    obstacles = _obstacles(config, address, port_is_free, holder)
    if not obstacles:
        reasons = ("start commands are known", f"{address} is on loopback and free")
        return ModeDecision(Mode.MANAGED, reasons)
    if asked is Mode.MANAGED:
        raise UsageError(f"A managed session is not possible: {'; '.join(obstacles)}. Use --mode attach.")
    return ModeDecision(Mode.ATTACH, obstacles)


def _without_server(config: Config) -> ModeDecision:
    needing = [
        name
        for name, given in (
            ("session.mode", config.session.mode is not None),
            (_start_key(config), config.services.has_start),
            ("redis.start", config.redis.start is not None),
        )
        if given
    ]
    if needing:
        raise UsageError(
            f"redis.url is not set, and {' and '.join(needing)} need{'s' if len(needing) == 1 else ''} it. "
            "Set redis.url, for example redis://127.0.0.1:6379/0, or use --mode static."
        )
    return ModeDecision(Mode.STATIC, ("no server is configured: code, configuration and documents only",))


def _start_key(config: Config) -> str:
    return "services.start" if config.services.start is not None else "services.list.start"


def _obstacles(
    config: Config,
    address: Address,
    port_is_free: Callable[[str, int], bool],
    holder: Callable[[int], str] | None,
) -> tuple[str, ...]:
    """Why the session cannot be managed; the port is asked for last and only if nothing else stands in the way."""
    found: list[str] = []
    if address.many:
        found.append(f"redis.url names {address}, which no session starts")
    elif not address.on_loopback:
        found.append(f"the server ({address}) is not on loopback")
    if config.redis.start is None:
        found.append("redis.start is not set")
    if not config.services.has_start:
        found.append("neither services.start nor a start in [[services.list]] is set")
    if not found and not port_is_free(address.host, address.port):
        found.append(f"{address} is in use already" + (f" by {holder(address.port)}" if holder else ""))
    return tuple(found)


def port_is_free(host: str, port: int) -> bool:
    """Whether nothing listens on `host`:`port` and it could be bound."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S):
            return False
    except TimeoutError:
        return False
    except OSError:
        pass
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno not in {errno.EADDRINUSE, errno.EACCES}
    return True
