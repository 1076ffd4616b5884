"""What the services print: masked as it comes in, told apart by service, kept in `logs/`.

`startup.log` holds every line as it came; `<service>.log` those of one service without their prefix.
It learns names and readiness from the lines, and judges nothing else.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from pathlib import Path

import re2

from tools.errors import ConfigError
from tools.masking import LineMasker, mask
from tools.sources.logs.prefix import Demultiplexer, without_ansi
from tools.workspace import Workspace

_READY = re2.compile(r"(?i)\b(?:ready|listening|started|up and running)\b")
_NOT_READY = re2.compile(
    r"(?i)\b(?:not|isn't|waiting|until|before|being)\b.{0,40}\b(?:ready|listening|started)\b"
)
_TAIL_LINES = 50
_SERVICES_MAX = 500
"""Names come from hostile text: beyond this many, lines stay in startup.log only."""


class Capture:
    """Sink of the start command's output; safe to ask from another thread.

    `named` are the services that the configuration names; where it is one, unprefixed lines are its own.
    Raises ConfigError for a ready pattern that is not valid.
    """

    def __init__(self, workspace: Workspace, ready_pattern: str | None, named: tuple[str, ...] = ()) -> None:
        self._workspace = workspace
        self._sole = named[0] if len(named) == 1 else None
        self._ready_pattern = _compiled(ready_pattern)
        self._demultiplexer = Demultiplexer(named)
        self._lock = threading.Lock()
        self._maskers: dict[str | None, LineMasker] = defaultdict(LineMasker)
        self._tails: dict[str | None, deque[str]] = defaultdict(lambda: deque(maxlen=_TAIL_LINES))
        self._ready: dict[str, str] = {}
        self._services: dict[str, None] = {}
        self.lost_lines = 0

    def __call__(self, lines: list[bytes]) -> None:
        """Take a batch of lines."""
        texts: dict[Path, list[str]] = defaultdict(list)
        startup = self._workspace.path("logs", "startup.log")
        with self._lock:
            for raw in lines:
                plain = without_ansi(raw.rstrip(b"\r").decode("utf-8", "replace"))
                service, rest = self._demultiplexer.feed(plain)
                service = service or self._sole
                # A private key spans lines, and those of other services may lie between.
                text = self._maskers[service].scan(rest)[0]
                whole = mask(plain.removesuffix(rest)) + text
                texts[startup].append(whole)
                self._tails[None].append(whole)
                if service is not None and (service in self._services or len(self._services) < _SERVICES_MAX):
                    texts[self._workspace.service_log(service)].append(text)
                    self._take(service, text)
        for path, new in texts.items():
            try:
                with path.open("ab") as file:
                    file.write("".join(f"{text}\n" for text in new).encode("utf-8", "replace"))
            except OSError:
                self.lost_lines += len(new)

    def services(self) -> tuple[str, ...]:
        """The services seen so far, in order of their first line."""
        with self._lock:
            return tuple(self._services)

    def ready(self) -> frozenset[str]:
        """The services that printed a line that matches the ready pattern."""
        with self._lock:
            return frozenset(self._ready)

    def tail(self, service: str | None = None) -> list[str]:
        """The newest lines of a service (masked), or of all of them."""
        with self._lock:
            return list(self._tails.get(service, ()))

    def _take(self, service: str, text: str) -> None:
        self._services.setdefault(service)
        self._tails[service].append(text)
        if service not in self._ready and self._says_ready(text):
            self._ready[service] = text

    def _says_ready(self, text: str) -> bool:
        if self._ready_pattern is not None:
            return self._ready_pattern.search(text) is not None
        return _READY.search(text) is not None and _NOT_READY.search(text) is None


def _compiled(pattern: str | None) -> re2._Regexp[str] | None:
    if pattern is None:
        return None
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise ConfigError(
            f"{pattern!r} is not a valid pattern ({error})",
            remedy="Write it in re2 syntax.",
            key="services.ready_pattern",
        ) from error
