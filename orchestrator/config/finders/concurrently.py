"""What `concurrently` in a script runs: which prefix of its output is which service.

Commands without a name get their index as a prefix (`[0]`); the service is read off the command. A name learned here
is not expected to say that it is ready: among the commands there are compilers and style sheet watchers.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import re2

from orchestrator.config.finders.starts import plain_name
from tools.sources.logs.prefix import service_name

_PROGRAMS = frozenset({"concurrently", "conc"})
_OPERATORS = frozenset({"&&", "||", ";", "|", "&"})
_WITH_VALUE = {
    **{letter: letter for letter in "mnspclt"},
    "max-processes": "m",
    "names": "n",
    "success": "s",
    "prefix": "p",
    "prefix-colors": "c",
    "prefix-length": "l",
    "timestamp-format": "t",
    "name-separator": "name-separator",
    **dict.fromkeys(
        ("hide", "teardown", "kill-signal", "ks", "kill-timeout", "restart-tries", "restart-after"), ""
    ),
    **dict.fromkeys(("default-input-target", "cwd"), ""),
}
_LENGTH = 10
_COMMANDS_MAX = 100
_KEY_MAX = 80
_SHORTCUT = re2.compile(r"(?:npm|yarn|pnpm|bun|node|deno):(\S+)")
_RUN = re2.compile(r"(?:(?:npm|yarn|pnpm|bun) (?:run)|node --run|deno task) (\S+)")
_OMISSION = re2.compile(r"\(!([^)]+)\)")
_MEMBER = re2.compile(r"(?:^|\s)(?:-w|-F|--workspace|--filter|workspace)[ =](\S+)")
_FOLDER = re2.compile(r"(?:^|\s)(?:--prefix|-C|--cwd|--dir|cd)[ =](\S+)")
_SCRIPT = re2.compile(r"(?:npm|yarn|pnpm|bun|task)(?: run)?(?: -\S+)* ([A-Za-z][\w.-]*:[\w:.-]+)")
_PLACES = frozenset(
    {"services", "apps", "packages", "microservices", "workers", "cmd", "src", "dist", "build"}
)
_NO_SERVICES = _PLACES | {
    "lib",
    "bin",
    "index",
    "main",
    "server",
    "app",
    "start",
    "dev",
    "run",
    "scripts",
    ".",
}


@dataclass(frozen=True, slots=True)
class _Command:
    text: str
    name: str


def prefixes(script: str, scripts: Mapping[str, str], packages: Mapping[str, str]) -> dict[str, str]:
    """Service by prefix; empty where the script runs no concurrently or says nothing usable.

    `scripts` are those of the package.json, for wildcards; `packages` are the services of the workspaces by name.
    """
    options, commands = _parsed(script)
    style = options.get("p", "")
    if "r" in options or style in {"none", "pid", "time"}:
        return {}
    named = _named(options, commands)
    expanded = [inner for command in named for inner in _expanded(command, scripts)][:_COMMANDS_MAX]
    found: dict[str, str] = {}
    for index, command in enumerate(expanded):
        names = _plain([service_name(command.name)]) if command.name else _services_of(command.text, packages)
        service = next((name for name in names if name not in found.values()), names[0] if names else None)
        for key in _keys(style, index, command, options.get("l", "")):
            if service is not None and key and len(key) <= _KEY_MAX and key.isprintable():
                found.setdefault(key, service)
    return found


def _parsed(script: str) -> tuple[dict[str, str], list[str]]:
    """Options by short name (those that matter), and the commands."""
    try:
        words = shlex.split(script)
    except ValueError:
        return {}, []
    start = next((at for at, word in enumerate(words) if PurePosixPath(word).name in _PROGRAMS), None)
    options: dict[str, str] = {}
    commands: list[str] = []
    rest = iter(words[start + 1 :] if start is not None else ())
    for word in rest:
        if word in _OPERATORS:
            break
        if len(word) < 2 or not word.startswith("-") or word == "--":
            commands += [word] if word != "--" else []
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if name in _WITH_VALUE:
            options[_WITH_VALUE[name]] = value if equals else next(rest, "")
        elif name in {"r", "raw"}:
            options["r"] = ""
    return options, commands


def _named(options: Mapping[str, str], commands: list[str]) -> list[_Command]:
    separator = options.get("name-separator") or ","
    names = options["n"].split(separator) if options.get("n") else []
    padded = [*names, *[""] * len(commands)]
    return [_Command(text, name.strip()) for text, name in zip(commands, padded, strict=False)]


def _expanded(command: _Command, scripts: Mapping[str, str]) -> Iterator[_Command]:
    """`npm:dev:*` as the scripts that it stands for, each with the name that concurrently gives it."""
    shortcut = _SHORTCUT.match(command.text)
    if shortcut is not None:
        command = _Command(f"npm run {shortcut.group(1)}", command.name or shortcut.group(1))
    run = _RUN.search(command.text)
    if run is None or "*" not in run.group(1):
        yield command
        return
    omission = _OMISSION.search(run.group(1))
    before, _, after = _OMISSION.sub("", run.group(1)).partition("*")
    prefix = command.name if command.name != run.group(1) else ""
    for script in scripts:
        inner = script.removeprefix(before)
        if omission is not None and omission.group(1) in script:
            continue
        if script.startswith(before) and inner.endswith(after) and len(inner) >= len(after):
            yield _Command(f"npm run {script}", prefix + inner[: len(inner) - len(after)])


def _keys(style: str, index: int, command: _Command, length: str) -> Iterator[str]:
    """What stands before the command's lines."""
    if style == "command":
        yield _shortened(command.text, int(length) if length.isdecimal() else _LENGTH)
    elif style == "index" or "{index}" in style or not command.name:
        yield str(index)
    if (command.name and style in {"", "name"}) or "{name}" in style:
        yield command.name


def _shortened(text: str, length: int) -> str:
    """As concurrently shortens a command: two dots in the middle."""
    if len(text) <= length:
        return text
    kept = max(0, length - 2)
    end = kept // 2
    return f"{text[: kept - end]}..{text[len(text) - end :] if end else ''}"


def _services_of(command: str, packages: Mapping[str, str]) -> list[str]:
    """What service a command without a name may run, the likeliest first: by workspace, folder, script or file."""
    member = _MEMBER.search(command)
    if member is not None:
        wanted = member.group(1).strip("'\"")
        return _plain([packages.get(wanted) or wanted.rstrip("/").rpartition("/")[2]])
    folder = _FOLDER.search(command)
    if folder is not None:
        return _of_path(folder.group(1).strip("'\""))
    script = _SCRIPT.search(command)
    if script is not None:
        return _plain([service_name(script.group(1))])
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    paths = (
        word for word in words if not word.startswith("-") and ("/" in word or PurePosixPath(word).suffix)
    )
    return next((names for path in paths if (names := _of_path(path))), [])


def _of_path(path: str) -> list[str]:
    """`orders` for `services/orders/src/index.js` and for `orders.js`."""
    parts = [part for part in PurePosixPath(path).parts if part not in {"/", ".", ".."}]
    own = [
        PurePosixPath(part).stem
        for place, part in enumerate(parts)
        if place > 0 and parts[place - 1] in _PLACES and PurePosixPath(part).stem not in _NO_SERVICES
    ]
    if parts:
        own += [
            part
            for part in (PurePosixPath(parts[-1]).stem, *reversed(parts[:-1]))
            if part not in _NO_SERVICES
        ]
    return _plain(own)


def _plain(names: list[str]) -> list[str]:
    return [plain for name in names if (plain := plain_name(name)) is not None]
