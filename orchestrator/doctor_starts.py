"""`doctor` in managed mode: is what the start and stop commands run there, and are the services' ports free.

Nothing is run: a command's first word is looked for, as the shell would.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.check import Check, Verdict
from orchestrator.config.mode import port_is_free
from orchestrator.config.model import Config
from tools.masking import mask

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)")
_BUILT_IN = frozenset(
    {".", ":", "[", "echo", "eval", "for", "if", "printf", "set", "source", "test", "trap", "ulimit", "umask"}
    | {"case", "false", "true", "unset", "until", "wait", "while", "cd", "export", "{"}
)
_RUNS_THE_NEXT = frozenset({"exec", "command", "env", "nohup", "nice", "time", "!"})
_CONNECT_S = 0.5
_ENDS = frozenset({"&&", ";"})


def examine(config: Config, environ: Mapping[str, str]) -> Iterator[Check]:
    """A check for each command, folder and file of variables that a managed session needs, and for each port."""
    root = config.project.root
    if config.redis.start is not None and config.redis.start != "embedded":
        yield _command("server's start", config.redis.start, root, environ)
    if config.redis.stop is not None:
        yield _command("server's stop", config.redis.stop, root, environ)
    if config.services.start is not None:
        yield _command("services' start", config.services.start, root, environ)
    if config.services.stop is not None:
        yield _command("services' stop", config.services.stop, root, environ)
    for entry in config.services.list:
        if entry.start is not None:
            yield _command(f"start of {entry.name}", entry.start, entry.folder or root, environ)
    if config.services.env_file is not None:
        yield _variables(config.services.env_file)
    yield from _ports(config)


def _command(subject: str, command: str, folder: Path, environ: Mapping[str, str]) -> Check:
    if not folder.is_dir():
        return Check(subject, Verdict.FAIL, f"its folder {folder} is not there", "Correct the folder.")
    word = program_of(command, dict(environ) | {"STREAMGAUGE_PYTHON": sys.executable})
    if word is None:
        return Check(
            subject, Verdict.UNKNOWN, f"{mask(command)} is more than a program", "Try it in a shell."
        )
    if not _is_there(word, folder, environ):
        return Check(subject, Verdict.FAIL, f"{word} is not on PATH", "Install it, or correct the command.")
    return Check(subject, Verdict.OK, f"{mask(command)}: {word} is there")


def program_of(command: str, environ: Mapping[str, str]) -> str | None:
    """The program that a shell command begins with; None where that cannot be said without a shell."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] in _RUNS_THE_NEXT | {"cd", "export"}):
        skipped = words.pop(0)
        if skipped in {"cd", "export"}:
            end = next(
                (at for at, word in enumerate(words) if word in _ENDS or word.endswith(";")), len(words)
            )
            del words[: end + 1]
    word = _VARIABLE.sub(lambda found: _value(found, environ), words[0].rstrip(";")) if words else ""
    if not word or set(word) & set("$`*?<>|&()") or word in _BUILT_IN or word.startswith("-"):
        return None
    return word if word.isprintable() else None


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    """A variable's value; the text as it stands where it is not set."""
    return environ.get(found.group(1) or found.group(3)) or found.group(2) or found.group()


def _is_there(word: str, folder: Path, environ: Mapping[str, str]) -> bool:
    if "/" in word:
        file = folder / word
        return file.is_file() and os.access(file, os.X_OK)
    return shutil.which(word, path=environ.get("PATH", os.defpath)) is not None


def _variables(file: Path) -> Check:
    if not file.is_file() or not os.access(file, os.R_OK):
        fix = "Write it, or remove services.env_file."
        return Check("variables", Verdict.FAIL, f"{file} cannot be read", fix)
    return Check("variables", Verdict.OK, f"{file} can be read")


def _ports(config: Config) -> Iterator[Check]:
    from orchestrator.keeper.owned import holder_of

    for entry in config.services.list:
        if entry.port is None:
            continue
        subject = f"port of {entry.name}"
        if port_is_free("127.0.0.1", entry.port) and not _answers("::1", entry.port):
            yield Check(subject, Verdict.OK, f"{entry.port} is free")
        else:
            saw = f"{entry.port} is in use already by {mask(holder_of(entry.port))}"
            yield Check(subject, Verdict.FAIL, saw, "Stop that, or correct the port.")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return True
    except OSError:
        return False
