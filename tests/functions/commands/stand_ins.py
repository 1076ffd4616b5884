"""Programs that stand in for those that a machine may not have: they print what they are told and note how they were started."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from tools.functions.contract import Desk


@dataclass(frozen=True)
class Started:
    """One start: the arguments, the environment, the folder it ran in."""

    arguments: list[str]
    environ: dict[str, str]
    cwd: str


class StandIn:
    """A program of that name, first on PATH. `output` is what it prints, by its first argument; "" for any."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.log = folder / f"{name}.started"
        folder.mkdir(parents=True, exist_ok=True)
        self.prints("")

    def prints(self, output: str, *, code: int = 0, errors: str = "", then: str = "") -> None:
        """From now on it prints this. `then` are shell commands that it goes on with."""
        for ending, text in (("out", output), ("err", errors)):
            (self._folder / f"{self._name}.{ending}").write_text(text, encoding="utf-8")
        path = self._folder / self._name
        path.write_text(
            "#!/bin/sh\n"
            f"{{ printf '%s\\0' \"$PWD\" \"$#\" \"$@\"; env -0; printf '\\0'; }} >> '{self.log}'\n"
            f"cat '{self._folder}/{self._name}.out'\ncat '{self._folder}/{self._name}.err' >&2\n{then}\nexit {code}\n",
            encoding="utf-8",
        )
        path.chmod(0o755)

    def started(self) -> list[Started]:
        """Every start so far, oldest first."""
        if not self.log.exists():
            return []
        found = []
        parts = iter(self.log.read_text(encoding="utf-8", errors="surrogateescape").split("\0"))
        for cwd in parts:
            if not cwd:
                break
            arguments = [next(parts) for _ in range(int(next(parts)))]
            environ = {}
            while pair := next(parts):
                name, _, value = pair.partition("=")
                environ[name] = value
            found.append(Started(arguments, environ, cwd))
        return found


def on_path(desk: Desk, folder: Path, **environ: str) -> Desk:
    """A desk whose programs are found in `folder` first."""
    given = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), **environ}
    return replace(desk, environ=given)


def lines(*rows: object) -> str:
    """Rows as JSON, one a line."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)
