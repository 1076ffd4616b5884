"""The servers that a framework's own command starts (`uvicorn app:app`, `next start`), with their ports.

A command that runs a program of the project's own (`python main.py`) says nothing of ports; where the program has no word
of a server, it listens nowhere.

What runs in a container is what compose or the Dockerfile starts; what runs elsewhere is what a Procfile or the
scripts of a package start. A port that a configuration file of the framework may set (vite's, gunicorn's) is known
only where the command names it.
"""

from __future__ import annotations

import posixpath
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import re2
from msgspec.structs import replace

from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.project_commands import BASE

_QUOTED = re2.compile(r'"([^"]*)"')
_SCRIPT = re2.compile(r'\s*"[\w:./-]+"\s*:\s*"(.*)"\s*,?\s*\}?\s*,?')
_PORT = re2.compile(r"(?:.*:)?(\d{2,5})")
_VARIABLE = re2.compile(r"(?:.*:)?\$\{?([A-Za-z_]\w*)(?::?-(\d{2,5}))?\}?")
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun", "npx", "bunx", "turbo"})


@dataclass(frozen=True, slots=True)
class _Runner:
    """A command that serves. `flags` name its port; `default` is "" where something else may set it too."""

    flags: tuple[str, ...]
    default: str = ""
    variable: str = ""
    verbs: frozenset[str] = frozenset()
    """Of a tool that does other things too: the words behind it by which it serves."""
    bare: bool = False
    """A port may stand without a flag."""


_PORTS = ("--port", "-p")
_RUNNERS = {
    "uvicorn": _Runner(("--port",), "8000", "UVICORN_PORT"),
    "hypercorn": _Runner(("--bind", "-b")),
    "gunicorn": _Runner(("--bind", "-b")),
    "fastapi": _Runner(("--port",), "8000", "", frozenset({"run", "dev"})),
    "flask": _Runner(_PORTS, "", "FLASK_RUN_PORT", frozenset({"run"})),
    "next": _Runner(_PORTS, "3000", "PORT", frozenset({"dev", "start"})),
    "nuxt": _Runner(_PORTS, "", "", frozenset({"dev", "start", "preview"})),
    "vite": _Runner(("--port",)),
    "manage.py": _Runner((), "8000", "", frozenset({"runserver"}), bare=True),
    "http.server": _Runner((), "8000", "", frozenset(), bare=True),
}
_NOWHERE = {"form": "command", "variables": "", "open": "", "none": "yes"}
_ELSEWHERE = ("--uds", "--fd", "unix:", "fd://")
"""Options by which a server listens on something that is no port, or by other means."""


_INTERPRETERS = re2.compile(r"(?:python|node|bun|deno|tsx|ts-node|go)[\d.]*")
_PROGRAM = re2.compile(r"[\w./-]+\.(?:py|[cm]?[jt]s|go)")
SERVES = re2.compile(
    r"(?i)listen|serve|\.bind\(|socket\.(?:socket|io)|grpc|secure_port|http\.create|express|fastify|flask|uvicorn"
    r"|aiohttp|django|tornado|\bhono\b|\bkoa\b|streamlit|gradio|celery|prometheus"
)
"""Words of a program that may listen, or whose libraries may."""


def plain(known: Collection[ConfigFact]) -> Iterator[ConfigFact]:
    """A fact, with its own line, for each container that does nothing but run a program of a service by an interpreter.

    Its name is "" and `none` says that the command opens no port; of services that are started otherwise too, none.
    """
    found: dict[str, list[ConfigFact | None]] = defaultdict(list)
    for first, given in _commands(known, contained=True):
        words = _last_of(given)
        runs = words[:1] and _INTERPRETERS.fullmatch(posixpath.basename(words[0])) is not None
        programs = [word for word in words[1:] if _PROGRAM.fullmatch(word)]
        alone = runs and len(programs) == 1 and not any(word.startswith("-m") for word in words)
        fact = replace(first, kind=FactKind.LISTENS, name="", value=None, details=_NOWHERE) if alone else None
        found[first.service or ""].append(fact)
    for service, facts_of_it in found.items():
        whole = [fact for fact in facts_of_it if fact is not None]
        if service and len(whole) == len(facts_of_it):
            yield whole[0]


def _last_of(words: list[str]) -> list[str]:
    """Of commands one after the other the last, which stays; nothing of those that run beside each other."""
    if {"&", ";", "|", "||"} & set(words):
        return []
    at = max((place for place, word in enumerate(words) if word == "&&"), default=-1)
    return words[at + 1 :]


def facts(known: Collection[ConfigFact]) -> Iterator[ConfigFact]:
    """A LISTENS fact for each command of a service that starts a framework's server."""
    scripts = [fact for fact in known if _is(fact, "script")]
    contained = any(_is(fact, "dockerfile") or fact.kind is FactKind.SERVICE for fact in known)
    for first, words in _commands(known, contained=contained):
        served = list(_served(first, words))
        if not served and _MANAGERS & {posixpath.basename(word) for word in words}:
            for script in scripts:
                if script.service == first.service and script.name in words:
                    served += _served(script, _of_script(script))
        yield from served


def _is(fact: ConfigFact, form: str) -> bool:
    return fact.kind is FactKind.COMMAND and fact.details.get("form") == form and fact.service is not None


def _commands(known: Collection[ConfigFact], *, contained: bool) -> Iterator[tuple[ConfigFact, list[str]]]:
    """Each command with the fact of its first line: of compose, of Dockerfiles without one there, of the host."""
    composed: set[str | None] = set()
    for fact in known:
        if fact.kind is FactKind.SERVICE and fact.details.get("command"):
            composed.add(fact.name)
            yield replace(fact, service=fact.name), _words(fact.details["command"])
    files: dict[tuple[str, str | None], list[ConfigFact]] = defaultdict(list)
    for fact in known:
        if _is(fact, "dockerfile") and fact.name != BASE and fact.service not in composed:
            files[fact.path, fact.service].append(fact)
    for lines in files.values():
        yield lines[0], [word for line in lines for word in _words(_instruction(line.text))]
    if contained:
        return
    for fact in known:
        if _is(fact, "procfile"):
            yield fact, _words(fact.text.partition(":")[2])
        elif _is(fact, "script"):
            yield fact, _of_script(fact)


def _instruction(text: str) -> str:
    word, _, rest = text.strip().partition(" ")
    return rest if word.upper() in {"CMD", "ENTRYPOINT"} else text


def _of_script(fact: ConfigFact) -> list[str]:
    found = _SCRIPT.fullmatch(fact.text)
    return _words(found.group(1)) if found is not None else []


def _words(command: str) -> list[str]:
    """The words of a command: of a JSON array its texts, of a shell line what a shell would make of it."""
    bare = command.strip().rstrip("\\").strip()
    if bare.startswith("["):
        texts = _QUOTED.findall(bare)
        return texts if len(texts) != 3 or texts[1] != "-c" else _words(texts[2])
    try:
        return shlex.split(bare, comments=False)
    except ValueError:
        return bare.split()


def _served(fact: ConfigFact, words: Sequence[str]) -> Iterator[ConfigFact]:
    for place, word in enumerate(words):
        name = posixpath.basename(word)
        runner = _RUNNERS.get(name)
        if runner is None:
            continue
        rest = list(_until_next(words[place + 1 :]))
        if runner.verbs and not runner.verbs & set(rest[:3]):
            continue
        if name == "vite" and "build" in rest[:1]:
            continue
        yield _listens(fact, runner, rest)


def _until_next(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word in {"&&", "||", ";", "|", "&"}:
            return
        yield word


def _listens(fact: ConfigFact, runner: _Runner, rest: list[str]) -> ConfigFact:
    given = _given(runner, rest)
    name, variable, is_open = runner.default, runner.variable, not runner.default
    if any(word.startswith(_ELSEWHERE) for word in rest):
        name, is_open = "", True
    elif given is not None:
        port, by_variable = _PORT.fullmatch(given), _VARIABLE.fullmatch(given)
        variable = by_variable.group(1) if by_variable is not None else ""
        name = port.group(1) if port is not None else (by_variable.group(2) or "") if by_variable else ""
        is_open = port is None and by_variable is None
    details = {"form": "command", "variables": variable, "open": "yes" if is_open else ""}
    return replace(fact, kind=FactKind.LISTENS, name=name, value=None, details=details)


def _given(runner: _Runner, rest: list[str]) -> str | None:
    """The port that a command names; None where it names none."""
    for place, word in enumerate(rest):
        flag, _, value = word.partition("=")
        if flag in runner.flags:
            return value or (rest[place + 1] if place + 1 < len(rest) else "")
    if runner.bare:
        return next((word for word in rest if _PORT.fullmatch(word) or _VARIABLE.fullmatch(word)), None)
    return None
