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
    made.workspace.path("logs", "merged.log").write_text("")
    write_index(made.workspace.code_index, build_index(made.project, (), (), 0))
    with made.workspace.polls.open("ab") as polls:
        for name in (ODD, MASKED, "audit@db3"):
            polls.write(
                json.encode({"line": "stream", "poll": 4, "state": {"name": name, "groups": []}}) + b"\n"
            )
        polls.write(b'{"torn')
        for name in ("{shop}:orders", "caf\u00e9:bestellung"):
            polls.write(
                b"\n"
                + json.encode({"line": "stream", "poll": 4, "state": {"name": name, "groups": []}})
                + b"\n"
            )
    beat = {"type": "heartbeat", "servicesActive": ["web", "order-service"], "servicesSilent": ["mail"]}
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
        pytest.param({"service": "redis:6379"}, id="the server with its port"),
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
        pytest.param({"files": ["**/main.py"]}, id="files by a pattern of any depth"),
    ],
)  # fmt: skip
def test_what_exists_is_known_in_each_form(gate: EvidenceGate, names: dict[str, Any]) -> None:
    gate.check_names(said(**names), ())


@pytest.mark.parametrize(
    ("kind", "said_so", "known"),
    [
        pytest.param("service", "Order Service", "order-service", id="with a space"),
        pytest.param("service", "order_service", "order-service", id="with an underscore"),
        pytest.param("service", "OrderService", "order-service", id="with capitals"),
        pytest.param("service", "order", "order-service", id="without the word"),
        pytest.param("service", "`Orders`", "orders", id="in other letters, as code"),
        pytest.param("service", "\u201corders\u201d", "orders", id="in typographic quotes"),
        pytest.param("service", "**orders**", "orders", id="bold"),
        pytest.param("service", "container orders", "orders", id="with a word for it"),
        pytest.param("service", "web.1", "web", id="a process of a Procfile"),
        pytest.param("service", "worker@orders-2.service", None, id="another unit"),
        pytest.param("service", "orders@2.service", "orders", id="a unit for several"),
        pytest.param("service", "orders[4711]", "orders", id="with its process"),
        pytest.param("service", "shop-orders-1", "orders", id="a container of compose"),
        pytest.param("service", "pod/orders-7d9f8c5b6d-x2kfz", "orders", id="a pod as kubectl has it"),
        pytest.param("service", "http://orders:8080/v1", "orders", id="an address"),
        pytest.param("service", "orders.shop.svc.cluster.local", "orders", id="a host of a cluster"),
        pytest.param("service", "orders/payments", "cross-service", id="two"),
        pytest.param("service", "orders, and web", "cross-service", id="two with a comma"),
        pytest.param("service", "all services", "cross-service", id="all"),
        pytest.param("service", "N/A", "", id="no service"),
        pytest.param("stream", "orders stream", "orders", id="stream with a word for it"),
        pytest.param("stream", "audit", "audit@db3", id="stream without its database"),
        pytest.param("stream", "cafe\u0301:bestellung", "caf\u00e9:bestellung", id="stream composed otherwise"),
        pytest.param("stream", "tenant:${tenant}:mail", "tenant:${tenant}:mail", id="template"),
        pytest.param("stream", "tenant:%s:mail", "tenant:%s:mail", id="format"),
        pytest.param("stream", "{shop}:*", "{shop}:*", id="pattern with a hash tag"),
        pytest.param("stream", "none", "", id="no stream"),
        pytest.param("files", "orders.py#L3", "orders.py#L3", id="file with a line as a link has it"),
        pytest.param("files", "orders.py (line 3)", "orders.py (line 3)", id="file with a line in words"),
        pytest.param("files", "/app/orders.py:3", "orders.py:3", id="file as a container has it"),
        pytest.param("files", "services\\shipping\\main.py", "services/shipping/main.py", id="file as Windows has it"),
        pytest.param("files", "orders.log", "logs/orders.log", id="log by its name"),
    ],
)  # fmt: skip
def test_a_name_is_written_as_the_session_has_it(
    gate: EvidenceGate, kind: str, said_so: str, known: str | None
) -> None:
    finding = said(**{kind: [said_so] if kind == "files" else said_so})
    if known is None:
        with pytest.raises(NotThere):
            gate.check_names(finding, ())
        return
    named = gate.check_names(finding, ())
    found = {"service": (named.service,), "stream": named.streams, "files": named.files}[kind]
    assert "".join(found) == known


@pytest.mark.parametrize("name", ["./orders.py:3", "orders.py#L3", "/app/services/shipping/main.py"])
def test_a_file_of_the_index_is_known_where_the_project_is_gone(
    recorded: Recorded, tmp_path: Path, name: str
) -> None:
    EvidenceGate(recorded.workspace, tmp_path / "gone").check_names(said(files=[name]), ())


def test_several_services_are_kept_apart(gate: EvidenceGate) -> None:
    named = gate.check_names(said(service="orders, Payments & web"), ())
    assert (named.services, named.service) == (("orders", "payments", "web"), "cross-service")


def test_a_name_that_the_evidence_of_a_cited_finding_holds_is_known(gate: EvidenceGate) -> None:
    with pytest.raises(NotThere):
        gate.check_names(said(stream="stock", related_findings=[]), ())
    assert gate.check_names(said(stream="stock", related_findings=["LW-001"]), ()).streams == ("stock",)


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
        pytest.param({"stream": "**"}, "nothing knows a stream", id="everything, twice"),
        pytest.param({"stream": "{a}:{b}"}, "nothing knows a stream", id="a template of everything"),
        pytest.param({"stream": "*o*"}, "nothing knows a stream", id="nearly everything"),
        pytest.param({"stream": "{nobody}:*"}, "nothing knows a stream", id="another hash tag"),
        pytest.param({"stream": "workers"}, "nothing knows a stream 'workers'", id="what is a group"),
        pytest.param({"service": "merged"}, "nothing knows a service 'merged'", id="a log of the session"),
        pytest.param({"service": "orders.py"}, "nothing knows a service", id="what is a file"),
        pytest.param({"files": ["*"]}, "nothing knows a file '*'", id="all files"),
        pytest.param({"files": ["[a-z]*"]}, "nothing knows a file", id="all files but in brackets"),
        pytest.param({"files": ["orders.py"] * 41}, "it names 41 files; name 40 at most", id="too many files"),
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
    finding = said(service="stock", related_findings=[])
    if is_known:
        gate.check_names(finding, quotes)
    else:
        with pytest.raises(NotThere):
            gate.check_names(finding, quotes)


def test_the_place_of_a_quote_makes_a_file_known_and_nothing_else(gate: EvidenceGate) -> None:
    quotes = (Quote(EvidenceKind.REDIS, "streams/gone.jsonl", "nothing of the kind", Locator()),)
    gate.check_names(said(files=["streams/gone.jsonl"]), quotes)
    for names in ({"stream": "streams"}, {"service": "streams"}, {"consumer_group": "gone.jsonl"}):
        with pytest.raises(NotThere):
            gate.check_names(said(**names), quotes)


def test_what_the_model_found_before_makes_no_name_known(tmp_path: Path) -> None:
    alone = Recorded(tmp_path)
    more = {"service": "ordres", "finding_id": "LW-90001", "origin": Origin.MODEL, "severity": Severity.LOW}
    with Journal(alone.workspace.findings(AgentId.LOG_WATCHER)) as journal:
        journal.append(dump(alone.findings[0].model_copy(update=more)))
    gate = EvidenceGate(alone.workspace, alone.project)
    assert "LW-90001" in gate.findings()
    with pytest.raises(NotThere, match="there is 'orders'"):
        gate.check_names(said(service="ordres"), ())
