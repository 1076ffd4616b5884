"""A real cluster on loopback: three primaries, replicas on wish. Made by commands alone, no redis-cli.

In: the program of the server, so that every product of a matrix can be one.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from tests.servers.ports import free_pair

SLOTS = 16_384
PRIMARIES = 3
NODE_TIMEOUT_MS = 2_000
_BOUND_S = 60.0


def wait_until(condition: Callable[[], object], what: str, bound_s: float = _BOUND_S) -> None:
    """Ask until it is so; a connection that is refused is a no."""
    deadline = time.monotonic() + bound_s
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, f"waited {bound_s} s for {what}"
        time.sleep(0.05)


class Node:
    """One server process of the cluster."""

    def __init__(self, folder: Path, binary: str, options: tuple[str, ...], *, tls: bool = False) -> None:
        self.port = free_pair()
        self.tls_port = free_pair() if tls else 0
        self.folder, self._binary, self._options = folder, binary, options
        folder.mkdir(exist_ok=True)
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cluster_port(self) -> int:
        """The port that the nodes know it by: that of TLS where there is one."""
        return self.tls_port or self.port

    def start(self) -> None:
        command = [
            self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder),
            "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
            "--cluster-node-timeout", str(NODE_TIMEOUT_MS), *self._options,
            *(("--tls-port", str(self.tls_port), "--tls-cluster", "yes") if self.tls_port else ()),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, f"the server at {self.port}")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server at {self.port} ended"
        return bool(self.client.ping())

    def send(self, *command: str | bytes | int) -> Any:
        """One command's raw reply; redis-py's types do not know all commands."""
        return cast("Any", self.client).execute_command(*command)

    @property
    def id(self) -> str:
        return str(self.send("CLUSTER", "MYID"))

    def role(self) -> str:
        return str(self.client.info("replication")["role"])

    def kill(self) -> None:
        self.client.connection_pool.disconnect()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


class Cluster:
    """Three primaries with a third of the slots each, and `replicas` for each of them; `nodes` holds primaries first."""

    def __init__(
        self,
        folder: Path,
        binary: str,
        *,
        replicas: int = 0,
        options: tuple[str, ...] = (),
        tls: bool = False,
    ) -> None:
        self._folder, self._binary, self._options, self._tls = folder, binary, options, tls
        self.nodes: list[Node] = []
        self._client: RedisCluster | None = None
        try:
            for _ in range(PRIMARIES * (1 + replicas)):
                self.add_node()
            self._give_slots()
            self._meet()
            self._replicate()
            self._settle()
        except BaseException:
            self.stop()
            raise

    @property
    def primaries(self) -> list[Node]:
        """The first three, whatever became of them."""
        return self.nodes[:PRIMARIES]

    @property
    def url(self) -> str:
        """The address of all nodes."""
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    @property
    def tls_url(self) -> str:
        """The same over TLS; which certificates, the caller's options say."""
        return f"rediss+cluster://{','.join(f'127.0.0.1:{node.tls_port}' for node in self.nodes)}"

    @property
    def client(self) -> Any:
        """As the audited system talks to it: follows redirections."""
        if self._client is None:
            first = next(node for node in self.nodes if node.process.poll() is None)
            self._client = RedisCluster(host="127.0.0.1", port=first.port, decode_responses=True)
        return self._client

    def add_node(self) -> Node:
        """One more server, not yet met."""
        node = Node(self._folder / f"node-{len(self.nodes)}", self._binary, self._options, tls=self._tls)
        self.nodes.append(node)
        return node

    def join(self, node: Node) -> None:
        """Make a new server a primary without slots."""
        node.send("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].cluster_port)
        count = len(self.nodes)
        wait_until(
            lambda: all(_knows(other) == count and _state(other) == "ok" for other in self.nodes),
            "the new node to be known",
        )

    def owner(self, key: str) -> Node:
        """The node that has the key's slot, as the first living node says."""
        slot = key_slot(key.encode())
        living = next(node for node in self.nodes if node.process.poll() is None)
        port = next(int(owner[1]) for first, last, owner, *_ in _slots(living) if first <= slot <= last)
        return next(node for node in self.nodes if node.port == port)

    def begin_move(self, key: str, to: Node) -> int:
        """Open the key's slot for a move and say which it is; keys are not moved yet."""
        slot, source = key_slot(key.encode()), self.owner(key)
        to.send("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.send("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        return slot

    def move_keys(self, slot: int, source: Node, to: Node) -> int:
        """Move all keys of an open slot; how many."""
        moved = 0
        while keys := source.send("CLUSTER", "GETKEYSINSLOT", slot, 10):
            for key in keys:
                source.send("MIGRATE", "127.0.0.1", to.cluster_port, key, 0, 5000)
                moved += 1
        return moved

    def end_move(self, slot: int, to: Node) -> None:
        """Give the slot away, the new owner first."""
        for node in [to, *(node for node in self.nodes if node is not to)]:
            if node.process.poll() is None and node.role() == "master":
                node.send("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    def move(self, key: str, to: Node) -> None:
        """Move the key's slot with all its keys."""
        source = self.owner(key)
        slot = self.begin_move(key, to)
        self.move_keys(slot, source, to)
        self.end_move(slot, to)

    def replica_of(self, node: Node) -> Node:
        """The first replica of a primary."""
        wanted = node.id
        return next(
            other
            for other in self.nodes
            if other is not node and wanted in str(_own_line(other)) and other.role() == "slave"
        )

    def make_user(self, acl_line: str, password: str) -> str:
        """Make the user of an ACL SETUSER line on every node; the cluster's address with it."""
        words = shlex.split(acl_line.replace("PASSWORD", password))
        for node in self.nodes:
            node.send(*words)
        return self.url.replace("://", f"://{words[2]}:{password}@")

    def stop(self) -> None:
        if self._client is not None:
            self._client.close()
        for node in self.nodes:
            node.kill()
            node.client.close()

    def _give_slots(self) -> None:
        for number, node in enumerate(self.primaries):
            first, end = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES
            try:
                node.send("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            except redis.ResponseError:  # before 7.0
                node.send("CLUSTER", "ADDSLOTS", *range(first, end))

    def _meet(self) -> None:
        for number, node in enumerate(self.nodes):
            node.send("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.send("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].cluster_port)
        count = len(self.nodes)
        wait_until(lambda: all(_knows(node) == count for node in self.nodes), "all nodes to know each other")

    def _replicate(self) -> None:
        for number, node in enumerate(self.nodes[PRIMARIES:]):
            node.send("CLUSTER", "REPLICATE", self.primaries[number % PRIMARIES].id)

    def _settle(self) -> None:
        def settled() -> bool:
            replicas = self.nodes[PRIMARIES:]
            return all(_state(node) == "ok" for node in self.nodes) and all(
                node.client.info("replication").get("master_link_status") == "up" for node in replicas
            )

        wait_until(settled, "the cluster to be whole")


def _slots(node: Node) -> Iterator[Any]:
    with redis.Redis(port=node.port, protocol=2) as plain:
        connection = plain.connection_pool.get_connection()
        connection.send_command("CLUSTER", "SLOTS")
        yield from connection.read_response()
        plain.connection_pool.release(connection)


def _info(node: Node) -> dict[str, str]:
    text = node.send("CLUSTER", "INFO")
    if isinstance(text, dict):
        return {str(key): str(value) for key, value in text.items()}
    return dict(line.split(":", 1) for line in str(text).split("\r\n") if ":" in line)


def _state(node: Node) -> str:
    return _info(node)["cluster_state"]


def _knows(node: Node) -> int:
    return int(_info(node)["cluster_known_nodes"])


def _own_line(node: Node) -> str:
    found = node.send("CLUSTER", "NODES")
    lines = found.values() if isinstance(found, dict) else str(found).splitlines()
    return next(str(line) for line in lines if "myself" in str(line))
