"""The dead-man ping: somebody outside hears that a session began and how it ended, or notices that nothing came.

The address is that of healthchecks and its kin: `URL/start`, then `URL` or `URL/fail`. It is a secret (who knows it
can feign a success), so no message of ours holds it. The pings carry no run id: an end with one leaves the start of
another run open, and a night that was refused beside one at work would have it called lost.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from orchestrator.alerts.channels.posting import post
from tools.clock import NEVER, Clock
from tools.errors import DeliveryFailed

TRIES = 2
_AGAIN_S = 1.0
_TEXT_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Dead:
    """The switch: its address, and what a ping may take."""

    url: str
    timeout_s: float


class Ping:
    """The pings of one run. Each is sent by a thread of its own, so that whatever a peer does costs bounded time."""

    def __init__(self, dead: Dead | None, clock: Clock) -> None:
        """Without a switch nothing is sent."""
        self._dead, self._clock = dead, clock
        self._start: _Sending | None = None

    def start(self) -> None:
        """Say that the run begins. Nobody waits for it."""
        if self._dead is not None:
            self._start = _Sending(self._dead, "start", "", self._clock)

    def end(self, text: str, *, well: bool) -> str:
        """Say how it ended and wait for that at most as long as a ping may take; why it was not taken, or "".

        The start is waited for first, as it must not come after the end: half the time, and then given up.
        """
        if self._dead is None:
            return ""
        until = self._clock.monotonic() + self._dead.timeout_s
        if self._start is not None:
            self._start.wait(self._left(until) / 2)
            self._start.give_up()
        sending = _Sending(self._dead, "" if well else "fail", text, self._clock)
        return sending.wait(self._left(until))

    def _left(self, until: float) -> float:
        return max(0.1, until - self._clock.monotonic())


class _Sending:
    """One ping on its way."""

    def __init__(self, dead: Dead, step: str, text: str, clock: Clock) -> None:
        self._url, self._text, self._clock = address(dead.url, step), text[:_TEXT_CHARS], clock
        self._said = ""
        self._given_up = False
        self._thread = threading.Thread(target=self._send, name="ping", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> str:
        """Why it was not taken, "" where it was."""
        self._thread.join(seconds)
        return "no answer in time" if self._thread.is_alive() else self._said

    def give_up(self) -> None:
        """Try it no other time."""
        self._given_up = True

    def _send(self) -> None:
        for attempt in range(1, TRIES + 1):
            if self._given_up:
                return
            try:
                post(self._url, self._text.encode("utf-8"), {"Content-Type": "text/plain; charset=utf-8"})
            except DeliveryFailed as error:
                self._said = str(error)
                if error.permanent or attempt == TRIES:
                    return
                self._clock.sleep_until(self._clock.monotonic() + _AGAIN_S, NEVER)
            else:
                self._said = ""
                return


def address(url: str, step: str) -> str:
    """Where a step is told: the step behind the path; the query stays."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + (f"/{step}" if step else "")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
