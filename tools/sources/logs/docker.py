"""`docker logs`: one container, with every line's time as the engine got it.

Tried with Docker Engine 20.10 (drivers json-file and local), clients 20.10 and 28.2; podman is untried. Standard output and
standard error come in the engine's order. A last line without a newline and the first line after a restart are one
line to the engine; they are told apart only where the first of them was delivered before.
"""

from __future__ import annotations

import re2

from tools.sources.logs.command import Start
from tools.sources.logs.feed import CommandCheckpoint, Note, Piece
from tools.sources.logs.stamps import RECORD_BYTES_MAX, Entry, StampPlace, text_of

TAIL_LINES = 10_000
"""The engine reads a whole log to find where `--since` begins (23 s of its CPU per GB), but a tail from the end."""
_NAME = re2.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_REMEDIES = (
    ("No such container", "Give the name or id that `docker ps` prints."),
    (
        "permission denied",
        "Let the user that runs streamgauge use the engine (group docker, or DOCKER_HOST).",
    ),
    ("Cannot connect to", "Start the engine, or point DOCKER_HOST at it."),
    ("does not support reading", "Use a logging driver that keeps logs (json-file, local), or name a file."),
)


class DockerLogs:
    """Reads one container's log; a dialect of `command`."""

    program = "docker"
    merged = True
    record_bytes_max = RECORD_BYTES_MAX
    silent = ""

    def __init__(self, name: str, checkpoint: CommandCheckpoint) -> None:
        self._name = name
        self._place = StampPlace(checkpoint.stamp)
        self.notes: list[Note] = self._place.notes

    @property
    def again(self) -> bool:
        """Whether more lines had come than `--tail` gave."""
        return self._place.again

    def arguments(self, start: Start) -> list[str]:
        """`logs` and its options; called before each start."""
        place = self._place
        since_ns = place.since_ns
        limited = since_ns is not None and not place.again
        place.connect(tail=start.lines is not None, limited=limited)
        if start.lines is not None:
            return ["logs", "--timestamps", f"--tail={start.lines}", "--", self._name]
        options = ["--follow"]
        if limited:
            options.append(f"--tail={TAIL_LINES}")
        if since_ns is None and start.since_ms is not None:
            since_ns = start.since_ms * 1_000_000
        if since_ns is not None:
            options.append(f"--since={text_of(since_ns)}")
        return ["logs", "--timestamps", *options, "--", self._name]

    def read(self, piece: Piece, *, complete: bool) -> list[Entry] | None:
        """The line, where it is new; None where docker speaks of itself."""
        return self._place.read(piece, complete=complete)

    def remark(self, words: str) -> Note | None:  # noqa: ARG002 - docker says nothing while it follows
        """Nothing."""
        return None

    def remedy(self, words: str) -> str:
        """What to do about docker's last message."""
        found = (fix for needle, fix in _REMEDIES if needle in words)
        return next(found, "Try `docker logs` by hand.")

    def save(self, checkpoint: CommandCheckpoint) -> CommandCheckpoint:
        """The checkpoint with the newest time and what was counted of it."""
        checkpoint.stamp = self._place.mark()
        return checkpoint


def problem(name: str) -> str | None:
    """Why a name cannot be a container's; None where it can."""
    return None if _NAME.fullmatch(name) else "it is no container's name (letters, digits, _ . -)"


def service(name: str) -> str:
    """The service that a source named `*` stands for."""
    return name
