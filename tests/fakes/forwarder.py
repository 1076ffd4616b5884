"""A TCP port in front of servers that change: what a virtual address or a proxy is in a failover."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Forwarder:
    """Forwards its port to `target`; `turn_to` drops every connection and leads the next ones elsewhere."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def turn_to(self, target: int) -> None:
        self._target = target
        self._drop()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop()
        for thread in self._threads:
            thread.join(5)

    def _drop(self) -> None:
        while self._pairs:
            one = self._pairs.pop()
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._pairs += [client, server]
            for one, other in ((client, server), (server, client)):
                self._threads.append(threading.Thread(target=_pump, args=(one, other), daemon=True))
                self._threads[-1].start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError), one:
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
