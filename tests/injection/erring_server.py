"""A server that speaks Redis and answers every command with one error, whose words are not ours."""

from __future__ import annotations

import socketserver
import threading
from typing import Self


class ErringServer:
    """`says` sets the error's text. A context manager."""

    def __init__(self) -> None:
        class Handler(_Handler):
            """Of this server alone."""

        self._handler = Handler
        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"redis://127.0.0.1:{self._server.server_address[1]}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def says(self, text: str) -> None:
        self._handler.reply = f"-ERR {text}\r\n".encode()

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    reply = b"-ERR nothing yet\r\n"

    def handle(self) -> None:
        while command := self._command():
            # The connection itself is well: it is questions that are answered by an error.
            self.wfile.write(b"+OK\r\n" if command in {b"CLIENT", b"SELECT"} else self.reply)

    def _command(self) -> bytes:
        head = self.rfile.readline()
        if not head.startswith(b"*"):
            return b""
        parts = []
        for _ in range(int(head[1:])):
            size = int(self.rfile.readline()[1:])
            parts.append(self.rfile.read(size + 2)[:-2])
        return parts[0].upper()
