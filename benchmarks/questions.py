"""The very commands that a piece of work sends, read off the wire by a relay between it and the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import hiredis

Question = tuple[bytes, ...]

_CHUNK = 262_144


class _Relay:
    """Passes one connection through and keeps what the client asked."""

    def __init__(self, server_port: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._server_port = server_port
        self._reader = hiredis.Reader()
        self.asked: list[Question] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"

    def _accept(self) -> None:
        ours, _ = self._listening.accept()
        theirs = socket.create_connection(("127.0.0.1", self._server_port))
        back = threading.Thread(target=_pass_on, args=(theirs, ours), daemon=True)
        back.start()
        while data := ours.recv(_CHUNK):
            self._reader.feed(data)
            while (question := self._reader.gets()) is not False:
                self.asked.append(tuple(question))
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        back.join()
        for one in (ours, theirs, self._listening):
            one.close()

    def end(self) -> None:
        """Wait until the client has closed its connection."""
        self._thread.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(_CHUNK):
        target.sendall(data)


def asked_by(server_port: int, work: Callable[[str], object]) -> list[Question]:
    """What `work` sends when it is given this URL; it must close its one connection itself."""
    relay = _Relay(server_port)
    work(relay.url)
    relay.end()
    return relay.asked
