"""Projects made of a few files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def write(folder: Path, files: Mapping[str, str | bytes | dict[str, object]]) -> Path:
    """Make the files below `folder`; a dict becomes JSON."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def with_docker(folder: Path) -> dict[str, str]:
    """An environment that has a program `docker` and names a daemon; nothing of it is ever run."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": str(program.parent), "DOCKER_HOST": "unix:///nowhere.sock"}
