"""TLS in front of a plain server, as stunnel or a load balancer does it, and certificates made by openssl.

The embedded server is built without TLS; the handshake here is a real one all the same.
"""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Papers:
    """Authorities and certificates as PEM files of a folder; `ca` signed all but `stranger`. Valid for two days."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        made = cls(folder)
        made.authority("ca")
        made.authority("stranger")
        made.signed("server", "DNS:localhost,IP:127.0.0.1")
        made.signed("other", "DNS:elsewhere.example")
        made.signed("client", "DNS:auditor")
        return made

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def authority(self, name: str) -> None:
        self._openssl("req", "-x509", "-days", "2", *self._new_key(name), "-out", self.path(f"{name}.pem"))

    def signed(self, name: str, names: str) -> None:
        request, extensions = self.path(f"{name}.csr"), self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n", encoding="ascii")
        self._openssl("req", *self._new_key(name), "-out", request)
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", self.path(f"{name}.pem"),
        )  # fmt: skip

    def _new_key(self, name: str) -> tuple[str, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return (*curve, "-subj", f"/CN={name}", "-keyout", self.path(f"{name}.key"))

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr


class TlsFront:
    """Speaks TLS on `port` for the plain server at `target`; with `strict` it wants a certificate of the client."""

    def __init__(
        self, target: int, papers: Papers, certificate: str = "server", *, strict: bool = False
    ) -> None:
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(papers.path(f"{certificate}.pem"), papers.path(f"{certificate}.key"))
        if strict:
            self._context.load_verify_locations(papers.path("ca.pem"))
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open: list[socket.socket] = []
        self._threads[0].start()

    def url(self, query: str = "") -> str:
        return f"rediss://127.0.0.1:{self.port}/0{query}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(10)
        with suppress(OSError), client:
            secure = self._context.wrap_socket(client, server_side=True)
            with secure, socket.create_connection(("127.0.0.1", self._target)) as server:
                self._open += [secure, server]
                while True:
                    ready = [secure] if secure.pending() else select.select([secure, server], [], [])[0]
                    for one in ready:
                        data = one.recv(65536)
                        if not data:
                            return
                        (server if one is secure else secure).sendall(data)
