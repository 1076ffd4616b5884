"""A real Sentinel deployment on loopback: a primary, a replica and three Sentinels.

In: the program of the server, which is a Sentinel with `--sentinel`.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any, cast

import redis

from tests.servers.cluster import wait_until
from tests.servers.ports import free_port

SERVICE = "shop-main"
SENTINELS = 3
DOWN_AFTER_MS = 1_000


class Process:
    """A server or a Sentinel."""

    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self._command = command
        self.client = redis.Redis(port=port, decode_responses=True)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.client.ping, f"the process at {self.port}")

    def send(self, *command: str | bytes | int) -> Any:
        """One command's reply; redis-py's types do not know all commands."""
        return cast("Any", self.client).execute_command(*command)

    def role(self) -> str:
        return str(self.client.info("replication")["role"])

    def kill(self) -> None:
        self.client.connection_pool.disconnect()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


class Deployment:
    """`servers` are the first primary and its replica; whichever is the primary now is `primary`."""

    def __init__(self, folder: Path, binary: str) -> None:
        self._folder, self._binary = folder, binary
        self.servers: list[Process] = []
        self.sentinels: list[Process] = []
        try:
            first = self._server()
            self._server("--replicaof", "127.0.0.1", str(first.port))
            wait_until(
                lambda: self.servers[1].client.info("replication")["master_link_status"] == "up",
                "the replica to follow",
            )
            for _ in range(SENTINELS):
                self._sentinel(first.port)
            wait_until(self._agreed, "the Sentinels to know each other and the replica")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The address by the Sentinels."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def primary(self) -> Process:
        """Who is the primary as the first living Sentinel says."""
        living = next(one for one in self.sentinels if one.process.poll() is None)
        _, port = living.send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    def fail_over(self) -> Process:
        """Kill the primary and wait until the Sentinels have made the replica one; the new primary."""
        old = self.primary
        old.kill()
        self.wait_for_another(old)
        return self.primary

    def wait_for_another(self, old: Process) -> None:
        """Until another server than `old` is named, and is a primary."""
        wait_until(lambda: self.primary is not old and self.primary.role() == "master", "the failover")

    def make_user(self, acl_line: str, sentinel_line: str, password: str) -> str:
        """Make the users of two ACL SETUSER lines, on the servers and on the Sentinels; the address with them."""
        words = shlex.split(acl_line.replace("PASSWORD", password))
        for server in self.servers:
            server.send(*words)
        for sentinel in self.sentinels:
            sentinel.send(*shlex.split(sentinel_line.replace("PASSWORD", password)))
        login = f"://{words[2]}:{password}@"
        return f"{self.url.replace('://', login)}?sentinel_username={words[2]}&sentinel_password={password}"

    def stop(self) -> None:
        for process in (*self.sentinels, *self.servers):
            process.kill()
            process.client.close()

    def _server(self, *options: str) -> Process:
        port = free_port()
        folder = self._folder / f"server-{port}"
        folder.mkdir()
        command = [
            self._binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder),
            "--repl-diskless-sync-delay", "0", *options,
        ]  # fmt: skip
        self.servers.append(Process(command, port))
        return self.servers[-1]

    def _sentinel(self, primary: int) -> Process:
        port = free_port()
        file = self._folder / f"sentinel-{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n",
            encoding="utf-8",
        )
        self.sentinels.append(Process([self._binary, str(file), "--sentinel"], port))
        return self.sentinels[-1]

    def _agreed(self) -> bool:
        for sentinel in self.sentinels:
            flat = sentinel.send("SENTINEL", "MASTER", SERVICE)
            known = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=False))
            if (int(known["num-other-sentinels"]), int(known["num-slaves"])) != (SENTINELS - 1, 1):
                return False
        return True
