"""A whole session to ask about: a project with files of every kind, a workspace, and streams on a real server.

A secret is planted wherever the audited system may hold one: in files, log lines, entries, commits and declarations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.repositories import GitRepository
from tests.functions.desks import SECRET, desk_of
from tests.report import made_session
from tests.servers.standalone import Server
from tools.findings.journal import Journal
from tools.functions.contract import Desk
from tools.sources.code.index import build_index, write_index
from tools.synthesis.topology import Topology, TopologyStream

PASSWORD = "correct-horse-battery-9"
KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

FILES = {
    ".env": f"REDIS_URL=redis://:{PASSWORD}@127.0.0.1:6379/0\nAPI_TOKEN={SECRET}\nLOG_LEVEL=info\n",
    "docker-compose.yml": "services:\n  web:\n    build: ./web\n    ports: ['8080:8080']\n"
    f"    environment:\n      DB_PASSWORD: {PASSWORD}\n      LOG_LEVEL: debug\n  audit:\n    build: ./audit\n",
    "README.md": "# Shop\n\n| stream | producer | consumer |\n| --- | --- | --- |\n| orders | web | billing |\n",
    "web/settings.py": "import os\n\nLEVEL = os.environ['LOG_LEVEL']\n"
    f'TOKEN = os.environ.get("API_TOKEN", "{SECRET}")\n',
    "web/models.py": "from pydantic import BaseModel\n\n\nclass Order(BaseModel):\n    id: str\n    total: float\n",
    "asyncapi.yaml": "asyncapi: 2.6.0\nchannels:\n  orders:\n    publish:\n      message:\n        name: order\n"
    "        payload:\n          type: object\n          properties:\n            id: {type: string}\n",
    "deploy/signing.txt": "-----BEGIN PRIVATE KEY-----\n"
    + f"{KEY_BODY}\n" * 5
    + "-----END PRIVATE KEY-----\nafter\n",
    "deploy/server.key": "a key of its own\n",
    "web/wide.txt": "x" * 3000 + "\nshort\n",
}


@dataclass(frozen=True)
class Scene:
    """What there is to ask about."""

    desk: Desk
    project: Path
    workspace: Path


def make(folder: Path, server: Server | None = None, hostile: str = "") -> Scene:
    """A finished session over a project with files, history and, with a server, streams."""
    made = made_session.make(folder, hostile)
    for name, text in FILES.items():
        path = made.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with (made.project / "logs" / "web.log").open("a", encoding="utf-8") as log:
        log.write(f"login with token {SECRET}\n")
    _commit(made.project)
    write_index(made.workspace.code_index, build_index(made.project, (), (), made_session.START_MS))
    _write_topology(made)
    _write_merged(made, hostile)
    with Journal(made.workspace.events) as events:
        for number in range(5):
            events.append({"type": "agent.restarted", "at": "2025-06-15T15:06:41.000Z", "number": number})
    if server is not None:
        fill(server)
    return Scene(desk_of(made, server), made.project, made.workspace.root)


def fill(server: Server) -> None:
    """Streams like those of the session, a group behind, and a secret in an entry."""
    client = server.client
    for number in range(30):
        fields: dict[Any, Any] = {
            "id": str(number),
            "password": PASSWORD,
            "note": f"token {SECRET}",
            "body": "y" * 900,
        }
        client.xadd("orders", fields, id=f"{made_session.START_MS + number}-0")
    client.xgroup_create("orders", "billing", id="0")
    client.xreadgroup("billing", "b-1", {"orders": ">"}, count=12)
    client.xreadgroup("billing", "b-2", {"orders": ">"}, count=3)
    client.xgroup_create("orders", "idle-group", id="0")


def _commit(project: Path) -> None:
    repository = GitRepository(project)
    repository.git("add", "-A")
    for number in range(4):
        repository.git("commit", "-q", "--allow-empty", "-m", f"change {number} with {SECRET}")


def _write_topology(made: made_session.Made) -> None:
    streams = tuple(
        TopologyStream(
            name=name,
            length=1,
            messages_per_minute=None,
            capped=None,
            producers=("web",),
            consumer_services=("billing",),
            groups=(),
            fields=("id",),
            status="HEALTHY",
        )
        for name in ("audit", "invoices", "orders")
    )
    topology = Topology(at_ms=made_session.START_MS, poll=3, streams=streams)
    made.workspace.write_json(made.workspace.path("streams", "topology.json"), topology)


def _write_merged(made: made_session.Made, hostile: str) -> None:
    """As the Log Watcher writes it: masked, rotated."""
    lines = [
        f"2025-06-15T15:06:4{number}.000Z {service} file order {number} of {service}{hostile}"
        for number in range(8)
        for service in ("web", "billing")
    ]
    one_line = [line.replace("\n", " ").replace("\0", " ") for line in lines]
    for name, part in (("merged.log.1", one_line[:6]), ("merged.log", one_line[6:])):
        made.workspace.write_text(made.workspace.path("logs", name), "\n".join(part) + "\n")
