"""The commands that may be sent to an audited server. What is not here is refused before a byte is sent.

The list is the read-only ACL that `preflight.acl_line` prints, plus the questions about one's own rights. None
of these commands changes a key, a group, a pending entry or a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tools.errors import CommandRefused

Argument = str | bytes | int
Command = Sequence[Argument]


class Question(Struct, frozen=True, gc=False):
    """One or more commands that were checked and encoded; only `question` makes them.

    `names` are those of commandstats, one for each reply; `reply_bytes` is a guess of all replies together.
    """

    data: bytes
    names: tuple[str, ...]
    reply_bytes: int = 0


Ask = Question | Command
"""What may be sent: a command, or what was made of commands before."""

_ALLOWED: Mapping[str, frozenset[str]] = {
    "PING": frozenset(),
    "INFO": frozenset(),
    "TIME": frozenset(),
    "SELECT": frozenset(),
    "SCAN": frozenset(),
    "TYPE": frozenset(),
    "XPENDING": frozenset(),
    "XLEN": frozenset(),
    "XRANGE": frozenset(),
    "XREVRANGE": frozenset(),
    "XINFO": frozenset({"STREAM", "GROUPS", "CONSUMERS"}),
    "MEMORY": frozenset({"USAGE"}),
    "COMMAND": frozenset({"INFO", "DOCS", "LIST", "COUNT"}),
    "CLIENT": frozenset({"LIST", "ID", "SETNAME", "SETINFO", "NO-TOUCH"}),
    "SLOWLOG": frozenset({"GET", "LEN"}),
    "LATENCY": frozenset({"LATEST"}),
    "CONFIG": frozenset({"GET"}),
    "ACL": frozenset({"WHOAMI", "DRYRUN", "GETUSER"}),
    "CLUSTER": frozenset({"SLOTS", "NODES", "INFO", "SHARDS"}),
    "ASKING": frozenset(),
    "SENTINEL": frozenset({"GET-MASTER-ADDR-BY-NAME"}),
}
"""Command → its allowed subcommands; an empty set for a command that has none."""

_WORD_MAX = 64
_SETTING = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def check(command: Command) -> str:
    """The command's name as commandstats spells it (`xinfo|stream`).

    Raises CommandRefused for a command, subcommand or setting that is not on the list.
    """
    words = [_word(argument) for argument in command[:2]]
    subcommands = _ALLOWED.get(words[0]) if words else None
    if subcommands is None:
        raise _refusal(words[:1])
    if not subcommands:
        return words[0].lower()
    if len(words) < 2 or words[1] not in subcommands:
        raise _refusal(words)
    if words[0] == "CONFIG":
        _check_settings(command[2:])
    return f"{words[0]}|{words[1]}".lower()


def question(*commands: Command, reply_bytes: int = 0) -> Question:
    """Check and encode commands, so that they can be sent again and again. Raises CommandRefused."""
    names = tuple(map(check, commands))
    return Question(b"".join(map(_encode, commands)), names, reply_bytes)


def _encode(command: Command) -> bytes:
    """As an array of bulk strings (the RESP specification)."""
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        raw = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def _check_settings(names: Sequence[Argument]) -> None:
    """Globs could read passwords, and so could their own names."""
    for name in names:
        text = _word(name).lower()
        if not text or not _SETTING.issuperset(text) or "pass" in text or "auth" in text:
            raise _refusal(["CONFIG", "GET", text])


def _word(argument: Argument) -> str:
    if isinstance(argument, int):
        return str(argument)
    text = argument if isinstance(argument, str) else argument.decode("ascii", "replace")
    return text[:_WORD_MAX].upper() if len(text) <= _WORD_MAX else ""


def _refusal(words: Sequence[str]) -> CommandRefused:
    name = " ".join(word for word in words if word.isprintable()) or "an empty command"
    return CommandRefused(
        f"Redis command {name}", "it is not on the read-only list and was not sent", "Use a read command."
    )
