"""What a bundle asks of Redis, containers and processes: by the read-only functions, and no others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.diagnostics.bundle import Piece
from tools.errors import FunctionRefused
from tools.functions.calling import call
from tools.functions.contract import Desk
from tools.sources.redis.names import display
from tools.sources.redis.readonly import ReplyError
from tools.sources.redis.replies import as_bytes

_CONTAINERS_MAX, _STREAMS_MAX, _VALUES = 10, 20, 3
_KEYS_MAX, _SHOWN_MAX, _COUNT = 5_000, 500, 500
_SECTIONS = ("server", "clients", "memory", "persistence", "stats", "replication", "cpu", "commandstats",
             "errorstats", "keyspace")  # fmt: skip
_MACHINE = {
    "command_ps": "processes of this machine",
    "command_listening": "sockets that listen",
    "command_compose_ps": "containers of the project",
    "command_pm2": "processes of PM2",
}


@dataclass
class Asked:
    """Asks as pieces are made: streams and containers are known only once they were listed."""

    desk: Desk
    values: bool
    _containers: list[str] = field(default_factory=list)
    _streams: list[str] = field(default_factory=list)

    def pieces(self) -> Iterator[Piece]:
        """Every question, in an order in which the first ones tell what the later ones are about."""
        for name, what in _MACHINE.items():
            yield self._piece(f"host/{name.removeprefix('command_')}.json", what, name)
        yield Piece("containers/list.json", "containers, with their state", self._list_containers)
        for container in self._containers[:_CONTAINERS_MAX]:
            place, argument = f"containers/{_plain(container)}", {"container": container}
            yield self._piece(f"{place}.json", f"health of {container}", "command_docker_inspect", argument)
            yield self._piece(f"{place}.log.json", f"log of {container}", "command_docker_logs", argument)
        if self.desk.redis is None:
            yield Piece("redis", "the state of Redis", _no_server)
            return
        for section in _SECTIONS:
            argument = {"section": section}
            yield self._piece(f"redis/info-{section}.json", f"INFO {section}", "redis_info", argument)
        yield self._piece("redis/clients.json", "clients that read or write streams", "redis_clients")
        yield Piece("redis/keys.json", "keys by type and prefix; no values", self._keys)
        for number, stream in enumerate(self._streams[:_STREAMS_MAX]):
            place, argument = f"redis/stream-{number:02}", {"stream": stream}
            yield self._piece(f"{place}.json", f"stream {stream}", "redis_stream", argument)
            yield self._piece(f"{place}-groups.json", f"groups of {stream}", "redis_groups", argument)
            if self.values:
                newest = {**argument, "limit": _VALUES, "newest_first": True}
                yield self._piece(
                    f"{place}-entries.json", f"newest entries of {stream}", "redis_entries", newest
                )

    def _piece(
        self, name: str, what: str, function: str, arguments: Mapping[str, object] | None = None
    ) -> Piece:
        return Piece(name, what, lambda: self._ask(function, arguments or {}))

    def _ask(self, function: str, arguments: Mapping[str, object]) -> str:
        answer = call(function, arguments, self.desk)
        if not answer.ok:
            raise FunctionRefused(answer.error or "there is no answer")
        return json.dumps(answer.data, indent=1, ensure_ascii=True, sort_keys=True) + "\n"

    def _list_containers(self) -> str:
        text = self._ask("command_docker_ps", {})
        items = json.loads(text)["items"]
        self._containers = [str(item.get("Names") or item.get("name") or "") for item in items]
        self._containers = [name for name in self._containers if name]
        return text

    def _keys(self) -> str:
        """A bounded SCAN: names, types, lengths of streams. What a name masks is not asked for again."""
        kinds: Counter[str] = Counter()
        prefixes: Counter[str] = Counter()
        shown: list[dict[str, object]] = []
        whole, seen = True, 0
        with self.desk.server().asking() as asking:
            for part in asking.parts():
                cursor = "0"
                while True:
                    reply = asking.one(part, "SCAN", cursor, "COUNT", _COUNT)
                    assert isinstance(reply, list)
                    cursor = as_bytes(reply[0]).decode("ascii", "replace")
                    keys = [as_bytes(key) for key in reply[1]]
                    types = asking.ask(part, *(("TYPE", key) for key in keys)) if keys else []
                    for key, said in zip(keys, types, strict=True):
                        kind = (
                            "?" if isinstance(said, ReplyError) else as_bytes(said).decode("ascii", "replace")
                        )
                        name = display(key)
                        kinds[kind] += 1
                        prefixes[name.partition(":")[0][:60]] += 1
                        if kind == "stream":
                            self._streams.append(name)
                        if len(shown) < _SHOWN_MAX:
                            shown.append({"name": name, "type": kind, "database": part.database})
                    seen += len(keys)
                    if cursor == "0":
                        break
                    if seen >= _KEYS_MAX:
                        whole = False
                        break
            cost = asking.cost()
        self._streams.sort()
        data = {
            "keysSeen": seen,
            "all": whole,
            "byType": dict(kinds),
            "byPrefix": dict(prefixes.most_common(100)),
            "keys": shown,
            "cost": cost,
        }
        return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def _plain(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)[
        :80
    ]


def _no_server() -> str:
    raise FunctionRefused("no server is configured (redis.url)")
