"""Starts one program, waits for its end, and gives what it printed: bounded in time and size, masked.

The argument list is made by our own code from constants and checked values; nothing passes a shell. The program is found
on PATH outside of the audited project, gets a small environment, no standard input, a folder of no meaning, a process
group of its own that is killed, and an empty home where it needs none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.clock import NEVER
from tools.errors import FunctionRefused
from tools.functions.contract import Desk
from tools.masking import LineMasker, mask
from tools.sources.logs.child import Child

OUTPUT_BYTES_MAX = 2_000_000
SECONDS_MAX = 10.0
_LOOK_S = 0.01
_READ_BYTES = 65_536
_WORDS_MAX = 200
_LINE_CHARS = 4000
_NOWHERE = "/nonexistent"
_ALWAYS_PASSED = ("TZ",)
"""Of the user's environment; LD_*, PAGER, LESS*, *_OPTIONS and their like never reach a program."""


@dataclass(frozen=True, slots=True)
class Command:
    """One run of a program. `passes` are more variables that it may have; `home`: whether it may see the user's.

    `sets` are variables that are ours. `merged`: what it prints as errors belongs to its output.
    """

    program: str
    arguments: tuple[str, ...]
    passes: tuple[str, ...] = ()
    sets: Mapping[str, str] | None = None
    home: bool = False
    merged: bool = False
    install: str = ""
    """What to do instead where it is not installed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What was printed: masked lines; `cut` where there was more than may be read."""

    lines: tuple[str, ...]
    cut: bool


def run(desk: Desk, command: Command) -> Output:
    """The program's output. Raises FunctionRefused where it is not installed, fails, or takes too long."""
    return Output(*_lines(*_bytes(desk, command)))


def raw(desk: Desk, command: Command) -> bytes:
    """The same unmasked, for output that is parsed first. Whole, or FunctionRefused."""
    data, cut = _bytes(desk, command)
    if cut:
        raise FunctionRefused(f"{command.program} printed more than {OUTPUT_BYTES_MAX} bytes: ask for less.")
    return data


def program_path(desk: Desk, name: str) -> str | None:
    """Where a program lies, on PATH outside of the audited project and the workspace; None where it is not installed."""
    found = shutil.which(name, path=_path(desk))
    return None if found is None or _is_audited(desk, Path(found)) else found


def environment(desk: Desk, command: Command) -> dict[str, str]:
    """All that the program gets to see of the environment."""
    passed = [*_ALWAYS_PASSED, *command.passes, *(("HOME",) if command.home else ())]
    found = {name: desk.environ[name] for name in passed if name in desk.environ}
    kept = {name: value for name, value in found.items() if not _is_audited(desk, Path(value))}
    ours = {"PATH": _path(desk), "LC_ALL": "C", "TERM": "dumb", "COLUMNS": "10000"}
    return {"HOME": _NOWHERE, **kept, **ours, **(command.sets or {})}


def _path(desk: Desk) -> str:
    """The absolute folders of PATH but for those of the audited project: what lies there is not ours to run."""
    folders = desk.environ.get("PATH", os.defpath).split(os.pathsep)
    kept = [
        folder for folder in folders if Path(folder).is_absolute() and not _is_audited(desk, Path(folder))
    ]
    return os.pathsep.join(kept)


def _is_audited(desk: Desk, place: Path) -> bool:
    """Whether an absolute path leads into the audited project or the workspace."""
    ours = (desk.project_root.resolve(), desk.workspace.root.resolve())
    return place.is_absolute() and any(place.resolve().is_relative_to(root) for root in ours)


def _bytes(desk: Desk, command: Command) -> tuple[bytes, bool]:
    path = program_path(desk, command.program)
    if path is None:
        hint = f" {command.install}" if command.install else ""
        raise FunctionRefused(f"{command.program} is not installed here.{hint}")
    seconds = min(SECONDS_MAX, desk.seconds_left())
    until = desk.clock.monotonic() + seconds
    try:
        child = Child(
            [path, *command.arguments], environment(desk, command), merged=command.merged, cwd=Path("/")
        )
    except OSError as error:
        raise FunctionRefused(f"{command.program} cannot be started ({error.strerror}).") from error
    said: list[str] = []
    try:
        data, ended = _read(desk, child, until, said)
        if not ended and len(data) <= OUTPUT_BYTES_MAX:
            raise FunctionRefused(f"{command.program} did not end within {seconds:.0f} s and was killed.")
        cut = len(data) > OUTPUT_BYTES_MAX
        code = None if cut else _code(desk, child, until)
        if code:
            words = [*said, *child.words(last=True)]
            raise FunctionRefused(_failure(command, code, words or _tail(data)))
        return data[:OUTPUT_BYTES_MAX], cut
    finally:
        child.close()


def _read(desk: Desk, child: Child, until: float, said: list[str]) -> tuple[bytes, bool]:
    """What was printed, and whether that is all; no more than the limit and one block. `said` gets its errors."""
    parts: list[bytes] = []
    size = 0
    while size <= OUTPUT_BYTES_MAX and desk.clock.monotonic() < until:
        block = child.read(_READ_BYTES)
        if block is None:
            said += child.words()  # a full pipe of errors would hold it up
            del said[1:-1]
            desk.clock.sleep_until(desk.clock.monotonic() + _LOOK_S, NEVER)
        elif block:
            parts.append(block)
            size += len(block)
        else:
            return b"".join(parts), True
    return b"".join(parts), False


def _code(desk: Desk, child: Child, until: float) -> int:
    """The exit code of a program that has closed its output."""
    while (code := child.ended()) is None:
        if desk.clock.monotonic() >= until:
            raise FunctionRefused("The program closed its output and did not end: it was killed.")
        desk.clock.sleep_until(desk.clock.monotonic() + _LOOK_S, NEVER)
    return code


def _failure(command: Command, code: int, words: Sequence[str]) -> str:
    said = (
        mask(" ".join(dict.fromkeys([*words[:1], *words[-1:]])))[:_WORDS_MAX].strip() or f"exit code {code}"
    )
    return f"{command.program} failed: {said}{'' if said.endswith(('.', '?', '!')) else '.'}"


def _tail(data: bytes) -> list[str]:
    return [line for line in data[-4000:].decode("utf-8", "replace").splitlines() if line.strip()][-1:]


def _lines(data: bytes, cut: bool) -> tuple[tuple[str, ...], bool]:
    masker = LineMasker()
    lines = data.decode("utf-8", "replace").splitlines()
    return tuple(masker.scan(line[: 2 * _LINE_CHARS])[0][:_LINE_CHARS] for line in lines), cut
