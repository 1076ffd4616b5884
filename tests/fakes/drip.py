"""A server on loopback whose answer never ends: a byte now and then, for as long as somebody listens."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Self

_PAUSE_S = 0.02


class Drip:
    """Sends `head`, then spaces. `left` is set once a client has gone."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.left = threading.Event()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self._head)
            while not select.select([connection], [], [], _PAUSE_S)[0]:
                connection.sendall(b" ")
        self.left.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
