"""One HTTP request with an end: httpx bounds each wait for the next byte, and not how often a peer may make us wait."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import httpx

_CONNECTED = (".connect_tcp.complete", ".start_tls.complete")


class Deadline:
    """Ends what is asked within it when its time is over: `with Deadline(seconds) as deadline`."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_over = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def ask(
        self, client: httpx.Client, method: str, url: str, bytes_max: int, **more: Any
    ) -> tuple[httpx.Response, bytes]:
        """The answer, and its body of at most `bytes_max`; `more` goes to httpx. Raises httpx.HTTPError, InvalidURL."""
        import httpx

        with client.stream(method, url, extensions={"trace": self._trace}, **more) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > bytes_max:
                    raise httpx.ReadError(f"more than {bytes_max} bytes")
        # A body whose length was not told ends where the connection does.
        if self.is_over:
            raise httpx.ReadTimeout("the answer did not end in time")
        return response, bytes(body)

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpcore: the connection's socket, as it is now."""
        if event.endswith(_CONNECTED):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        """Wake who waits for it. It is not closed: its number would be another file's while it is still read."""
        if self.is_over and self._socket is not None:
            with suppress(OSError, ValueError):
                # Of the socket itself, also where it speaks TLS: that has a state, which is not ours.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
