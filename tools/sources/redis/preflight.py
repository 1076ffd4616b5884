"""What must be known about a server before it is audited: version, commands, rights, side effects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tools.errors import SourceUnavailable, UsageError
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import as_bytes, as_list, as_map
from tools.sources.redis.server import identity, parse_info, version_of

COMMANDS = ("XADD", "XREAD", "XREADGROUP", "XPENDING", "XINFO", "XACK", "XLEN", "XCLAIM")
"""What a system on streams needs (specification 1, pre-flight)."""

OLDEST = (6, 2)

_ACL_COMMANDS = (
    "+ping +info +time +select +scan +type +xinfo +xpending +xlen +xrange +xrevrange +memory|usage +command "
    "+client|list +client|id +client|setname"
)
_ACL_REST = "+slowlog|get +slowlog|len +latency|latest +config|get +cluster|slots +cluster|nodes +cluster|info +asking"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the server says it is."""

    flavour: str
    version: str

    def __str__(self) -> str:
        return f"{self.flavour.capitalize()} {self.version}"


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Which of COMMANDS the server lacks. `unknown` says why nothing can be said (no right to ask)."""

    missing: tuple[str, ...]
    unknown: str | None = None


def identify(client: ReadOnlyClient) -> Identity:
    """Flavour and version. Raises SourceUnavailable."""
    return Identity(*identity(parse_info(as_bytes(client.call("INFO", "server")))))


def check_version(server: Identity) -> None:
    """Raises UsageError for a server whose streams cannot be audited: Redis before 6.2."""
    if server.flavour == "redis" and version_of(server.version) < OLDEST:
        raise UsageError(
            f"{server} is too old: streamgauge needs Redis 6.2 or newer, or Valkey. Upgrade the server."
        )


def missing_commands(client: ReadOnlyClient, commands: Iterable[str] = COMMANDS) -> CommandCheck:
    """Which stream commands the server does not have, by COMMAND INFO.

    A command that the version has by all that is known, but that the server does not list, was renamed or
    switched off by its operator: that is a limit of what can be seen (`unknown`), not a server that is too old.
    Raises SourceUnavailable where the server does not answer.
    """
    wanted = tuple(commands)
    reply = client.pipeline([("COMMAND", "INFO", *wanted)])[0]
    if isinstance(reply, ReplyError):
        return CommandCheck((), unknown=reply.text)
    answers = as_list(reply)
    absent = tuple(name for name, answer in zip(wanted, answers, strict=False) if not as_list(answer))
    server = identify(client)
    ships = server.flavour == "valkey" or (server.flavour == "redis" and version_of(server.version) >= (5, 0))
    if absent and ships:
        return CommandCheck(
            (), unknown=f"{server} has {', '.join(absent)}, but under another name or switched off"
        )
    return CommandCheck(absent)


def acl_line(flavour: str, version: str) -> str:
    """The ACL rule that allows what an audit needs and nothing else, for this server.

    The two questions about rights let `doctor` prove that the user may not write.
    """
    numbers = version_of(version)
    new = flavour == "valkey" or numbers >= (7, 2)
    keys = "%R~*" if flavour == "valkey" or numbers >= (7, 0) else "~*"
    courtesies = " +client|setinfo +client|no-touch" if new else ""
    rights = " +acl|whoami +acl|dryrun" if flavour == "valkey" or numbers >= (7, 0) else " +acl|whoami"
    shards = " +cluster|shards" if flavour == "valkey" or numbers >= (7, 0) else ""
    return (
        f"ACL SETUSER auditor on >PASSWORD resetkeys resetchannels -@all {keys} "
        f"{_ACL_COMMANDS}{courtesies} {_ACL_REST}{shards}{rights}"
    )


def may_write(client: ReadOnlyClient) -> bool | None:
    """Whether the user could write a stream; None where the server does not say. No write is ever tried.

    Raises SourceUnavailable where the server does not answer.
    """
    who = client.pipeline([("ACL", "WHOAMI")])[0]
    if not isinstance(who, bytes):
        return None
    trial, user = client.pipeline(
        [("ACL", "DRYRUN", who, "XADD", "streamgauge", "*", "field", "value"), ("ACL", "GETUSER", who)]
    )
    if not isinstance(trial, ReplyError):
        return as_bytes(trial) == b"OK"
    if isinstance(user, ReplyError):
        return None
    rules = as_bytes(as_map(user).get("commands")).decode("ascii", "replace")
    return _allows_xadd(rules)


def warnings(client: ReadOnlyClient) -> tuple[str, ...]:
    """Side effects that reading has on this server, one sentence each. Raises SourceUnavailable."""
    memory = parse_info(as_bytes(client.call("INFO", "memory")))
    policy = memory.get("maxmemory_policy", "noeviction")
    found = []
    if not client.no_touch and ("lru" in policy or "lfu" in policy):
        found.append(
            f"maxmemory-policy is {policy} and CLIENT NO-TOUCH is missing or unsafe there: reading streams makes "
            "them look used, so other keys may be evicted before them."
        )
    return tuple(found)


def _allows_xadd(rules: str) -> bool:
    """Whether ACL command rules, read in order, end by allowing XADD."""
    allowed = False
    covering = {"@all", "@write", "@stream", "@fast", "xadd"}
    for rule in rules.lower().split():
        if rule[1:] in covering:
            allowed = rule.startswith("+")
        elif rule in {"allcommands", "nocommands"}:
            allowed = rule == "allcommands"
    return allowed


def require(client: ReadOnlyClient) -> Identity:
    """Identify the server and refuse one that is too old. Raises UsageError, SourceUnavailable."""
    server = identify(client)
    if not server.version:
        raise SourceUnavailable(
            f"Redis at {client.address}",
            "INFO names no version",
            "Allow the user +info, or name a Redis server.",
        )
    check_version(server)
    return server
