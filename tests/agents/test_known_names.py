"""What a finding of the model's names must be known: to the session, to the code, or to its own quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from agents.evidence_gate import EvidenceGate, NotThere
from agents.investigation.answer import OwnFinding
from tests.agents.investigation.answers import own
from tests.agents.recorded import Recorded
from tools.findings.journal import Journal
from tools.findings.model import AgentId, EvidenceKind, Locator, Origin, Severity, dump
from tools.findings.rule import Quote
from tools.sources.code.index import build_index, write_index
from tools.sources.redis.names import display

CODE = """import redis
client = redis.Redis()
client.xadd("orders", {"id": "1"})
client.xadd(f"tenant:{name}:mail", {"id": "1"})
client.xreadgroup("label-desk", "one", {"labels": ">"})
"""
COMPOSE = "services:\n  billing:\n    build: billing\n    command: python main.py\n"
TOKEN = "ghp_" + "Zq3xV7" * 6
ODD = display(b"jobs\x07\xff")
MASKED = display(f"jobs:{TOKEN}".encode())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    made = Recorded(tmp_path_factory.mktemp("known"))
    code = made.project / "services" / "shipping"
    code.mkdir(parents=True)
    (code / "main.py").write_text(CODE)
    (made.project / "docker-compose.yml").write_text(COMPOSE)
    (made.project / "outside").symlink_to("/")
    write_index(made.workspace.code_index, build_index(made.project, (), (), 0))
    with made.workspace.polls.open("ab") as polls:
        for name in (ODD, MASKED, "audit@db3"):
            polls.write(
                json.encode({"line": "stream", "poll": 4, "state": {"name": name, "groups": []}}) + b"\n"
            )
        polls.write(b'{"torn')
    beat = {"type": "heartbeat", "servicesActive": ["web"], "servicesSilent": ["mail"]}
    (made.workspace.agent_dir(AgentId.LOG_WATCHER) / "heartbeat.jsonl").write_bytes(json.encode(beat) + b"\n")
    return made


@pytest.fixture
def gate(recorded: Recorded) -> EvidenceGate:
    return EvidenceGate(recorded.workspace, recorded.project)


def said(**names: Any) -> OwnFinding:
    return OwnFinding.model_validate(own() | {"service": ""} | names)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({}, id="none"),
        pytest.param({"service": "orders"}, id="whose lines were read"),
        pytest.param({"service": "payments"}, id="that a measured finding names"),
        pytest.param({"service": "billing"}, id="that compose declares"),
        pytest.param({"service": "shipping"}, id="that the code is of"),
        pytest.param({"service": "services/shipping"}, id="by its folder"),
        pytest.param({"service": "mail"}, id="that is silent"),
        pytest.param({"service": "Orders"}, id="in other letters"),
        pytest.param({"service": "`orders`"}, id="as code"),
        pytest.param({"service": "orders, payments and web"}, id="several"),
        pytest.param({"service": "cross-service"}, id="none of them alone"),
        pytest.param({"service": "shop-orders-1"}, id="a container of compose"),
        pytest.param({"service": "orders.service"}, id="a unit"),
        pytest.param({"service": "orders-7d9f8c5b6d-x2kfz"}, id="a pod"),
        pytest.param({"service": "orders:8080"}, id="with its port"),
        pytest.param({"stream": "orders"}, id="of a poll"),
        pytest.param({"stream": "labels"}, id="of the code"),
        pytest.param({"stream": "tenant:acme:mail"}, id="that the code makes"),
        pytest.param({"stream": "tenant:{tenant}:mail"}, id="in other brackets"),
        pytest.param({"stream": "ord*"}, id="a pattern"),
        pytest.param({"stream": "audit"}, id="without its database"),
        pytest.param({"stream": ODD}, id="escaped"),
        pytest.param({"stream": ODD.replace("\\", "\\\\")}, id="escaped twice"),
        pytest.param({"stream": MASKED}, id="masked"),
        pytest.param({"stream": f"jobs:{TOKEN}"}, id="not masked"),
        pytest.param({"consumer_group": "workers"}, id="group of a poll"),
        pytest.param({"consumer_group": "label-desk"}, id="group of the code"),
        pytest.param({"files": ["services/shipping/main.py"]}, id="file"),
        pytest.param({"files": ["./services/shipping/main.py:12"]}, id="file with a line"),
        pytest.param({"files": ["services/shipping"]}, id="folder"),
        pytest.param({"files": ["/app/services/shipping/main.py"]}, id="file as a container has it"),
        pytest.param({"files": ["main.py"]}, id="file by its name alone"),
        pytest.param({"files": ["logs/orders.log", "streams/polls.jsonl"]}, id="files of the session"),
        pytest.param({"files": ["services/*/main.py"]}, id="files by a pattern"),
    ],
)  # fmt: skip
def test_what_exists_is_known_in_each_form(gate: EvidenceGate, names: dict[str, Any]) -> None:
    gate.check_names(said(**names), ())


def test_a_file_may_be_named_from_the_root_of_the_machine(gate: EvidenceGate, recorded: Recorded) -> None:
    gate.check_names(said(files=[str(recorded.project / "orders.py")]), ())


@pytest.mark.parametrize(
    ("names", "why"),
    [
        pytest.param({"service": "ordres"}, "nothing knows a service 'ordres'; there is 'orders'", id="a slip"),
        pytest.param({"service": "orders-v9"}, "nothing knows a service 'orders-v9'", id="another of its kind"),
        pytest.param({"service": "orders-cache"}, "nothing knows a service 'orders-cache'", id="no pod"),
        pytest.param({"service": "orders, nobody"}, "service 'orders, nobody'", id="one of several"),
        pytest.param({"stream": "orders:x"}, "nothing knows a stream 'orders:x'; there is 'orders'", id="stream"),
        pytest.param({"stream": "*"}, "nothing knows a stream", id="everything"),
        pytest.param({"stream": "workers"}, "nothing knows a stream 'workers'", id="what is a group"),
        pytest.param({"consumer_group": "label-dest"}, "there is 'label-desk'", id="group"),
        pytest.param({"files": ["orders.py", "order.py"]}, "nothing knows a file 'order.py'", id="file"),
        pytest.param({"files": ["/etc/passwd"]}, "nothing knows a file '/etc/passwd'", id="elsewhere"),
        pytest.param({"files": ["outside/etc/passwd"]}, "nothing knows a file", id="elsewhere, by a link"),
        pytest.param({"files": ["services/../../x"]}, "nothing knows a file", id="upwards"),
        pytest.param({"files": ["a\0b"]}, "nothing knows a file", id="NUL"),
        pytest.param({"service": "\x1b[2J"}, r"nothing knows a service '\x1b[2J'", id="no name at all"),
    ],
)  # fmt: skip
def test_what_nothing_knows_is_refused_by_name(gate: EvidenceGate, names: dict[str, Any], why: str) -> None:
    with pytest.raises(NotThere) as refused:
        gate.check_names(said(**names), ())
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        pytest.param("connect ECONNREFUSED http://stock:8080/v1", True, id="a host"),
        pytest.param('{"service": "stock"}', True, id="a value"),
        pytest.param("no answer from stock.", True, id="at the end of a sentence"),
        pytest.param("no answer from stock-api", False, id="a part of a name"),
        pytest.param("XADD stock:levels", False, id="a part of a stream"),
        pytest.param("out of stocks", False, id="a part of a word"),
    ],
)
def test_a_name_that_stands_in_the_evidence_is_known(gate: EvidenceGate, text: str, is_known: bool) -> None:
    quotes = (Quote(EvidenceKind.LOG, "logs/orders.log", text, Locator()),)
    if is_known:
        gate.check_names(said(service="stock"), quotes)
    else:
        with pytest.raises(NotThere):
            gate.check_names(said(service="stock"), quotes)


def test_what_the_model_found_before_makes_no_name_known(tmp_path: Path) -> None:
    alone = Recorded(tmp_path)
    more = {"service": "ordres", "finding_id": "LW-90001", "origin": Origin.MODEL, "severity": Severity.LOW}
    with Journal(alone.workspace.findings(AgentId.LOG_WATCHER)) as journal:
        journal.append(dump(alone.findings[0].model_copy(update=more)))
    gate = EvidenceGate(alone.workspace, alone.project)
    assert "LW-90001" in gate.findings()
    with pytest.raises(NotThere, match="there is 'orders'"):
        gate.check_names(said(service="ordres"), ())
