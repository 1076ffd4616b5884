"""The commands that may be sent to an audited server. What is not here is refused before a byte is sent.

The list is the read-only ACL that `preflight.acl_line` prints, plus the questions about one's own rights. None
of these commands changes a key, a group, a pending entry or a setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tools.errors import CommandRefused

Argument = str | bytes | int
Command = Sequence[Argument]


class Question(Struct, frozen=True, gc=False):
    """One or more commands that were checked and encoded; only this module makes them.

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
    usual = _usual(command)
    if usual is not None:
        return usual
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


class Form:
    """A command with places for raw arguments at its end, checked once: many questions differ in nothing else.

    In: its words, and words behind the raw arguments. Raises CommandRefused.
    """

    def __init__(self, *words: str, then: tuple[Argument, ...] = ()) -> None:
        self._names = (check(words),)
        self._words, self._count = b"".join(map(_bulk, words)), len(words) + len(then)
        self._then = b"".join(map(_bulk, then))
        self._shapes: dict[int, bytes] = {}

    def __call__(self, *raws: bytes, reply_bytes: int = 0) -> Question:
        """The question with these arguments."""
        count = len(raws)
        shape = self._shapes.get(count) or self._shape(count)
        if count == 1:
            data = shape % (len(raws[0]), raws[0])
        elif count == 2:
            one, other = raws
            data = shape % (len(one), one, len(other), other)
        else:
            data = shape % tuple([part for raw in raws for part in (len(raw), raw)])
        return Question(data, self._names, reply_bytes)

    def beside(self, other: Form) -> Callable[[bytes], Question]:
        """Both commands of one raw argument as one question."""
        shape, names = self._shape(1) + other._shape(1), self._names + other._names

        def made(raw: bytes) -> Question:
            size = len(raw)
            return Question(shape % (size, raw, size, raw), names)

        return made

    def pair_beside(self, other: Form, reply_bytes: int = 0) -> Callable[[bytes, bytes], Question]:
        """Both commands of two raw arguments as one question."""
        shape, names = self._shape(2) + other._shape(2), self._names + other._names

        def made(one: bytes, two: bytes) -> Question:
            size, other_size = len(one), len(two)
            parts = (size, one, other_size, two)
            return Question(shape % (parts + parts), names, reply_bytes)

        return made

    def _shape(self, count: int) -> bytes:
        """The command's bytes, with places for so many raw arguments."""
        head = (b"*%d\r\n" % (self._count + count) + self._words).replace(b"%", b"%%")
        made = head + b"$%d\r\n%b\r\n" * count + self._then.replace(b"%", b"%%")
        self._shapes[count] = made
        return made


def question(*commands: Command, reply_bytes: int = 0) -> Question:
    """Check and encode commands, so that they can be sent again and again. Raises CommandRefused."""
    names = tuple(map(check, commands))
    return Question(b"".join(map(_encode, commands)), names, reply_bytes)


def _usual(command: Command) -> str | None:
    """The name of a command that is spelled as in the list; None for all others, and for CONFIG."""
    first = command[0] if command else ""
    if not isinstance(first, str):
        return None
    if first in _NAMES:
        return _NAMES[first]
    second = command[1] if len(command) > 1 else ""
    return _NAMES.get(f"{first} {second}") if isinstance(second, str) else None


_NAMES: Mapping[str, str] = {name: name.lower() for name, parts in _ALLOWED.items() if not parts} | {
    f"{name} {part}": f"{name}|{part}".lower()
    for name, parts in _ALLOWED.items()
    for part in parts
    if name != "CONFIG"
}
"""Allowed commands, and commands with their subcommand, by the name of commandstats."""


def _encode(command: Command) -> bytes:
    """As an array of bulk strings (the RESP specification)."""
    return b"*%d\r\n%b" % (len(command), b"".join(map(_bulk, command)))


def _bulk(argument: Argument) -> bytes:
    raw = argument if isinstance(argument, bytes) else str(argument).encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


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
