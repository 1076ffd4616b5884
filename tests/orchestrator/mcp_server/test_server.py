"""The MCP server as a client sees it: every tool of the table, pages, resources, and the one tool that writes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.shared.exceptions import MCPError
from msgspec import structs

from tests.functions.desks import SECRET
from tests.functions.scene import KEY_BODY, PASSWORD, make
from tests.functions.usual import USUAL
from tests.orchestrator.mcp_server.client import Caller, connected
from tests.report import made_session
from tests.servers.standalone import Server
from tools.findings.journal import read_data
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import load
from tools.functions.contract import PagedArguments
from tools.functions.table import TABLE
from tools.report.write import write_report
from tools.sources import session_facts
from tools.workspace import Workspace

ELSEWHERE = {name for name in USUAL if name.startswith("command_")}
"""Commands of the machine that tests run on: found there, or not."""
PAGED = [function.name for function in TABLE if issubclass(function.arguments, PagedArguments)]
PAGED_BY_NAME = {"redis_streams", "redis_groups", "redis_consumers", "session_topology"}
"""Their marks are names, and any text may be one."""
HOSTILE = (
    "\x1b[2J\x07",
    "../../etc/passwd",
    "a\0b",
    "x" * 5000,
    "$(touch pwned)",
    "\u202egnp",
    "*?[!a](((((",
)
LONGEST_PREFIX = "mcp__plugin_streamgauge_streamgauge__"
PAYMENT = "order 4 of billing"


@dataclass(frozen=True)
class Scene:
    """A session over a real server, and a client of the MCP server on it."""

    caller: Caller
    workspace: Workspace
    project: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("mcp")
    server = Server(folder)
    try:
        made = make(folder, server)
        workspace = Workspace(made.workspace)
        facts = session_facts.read(workspace)
        session_facts.write(workspace, structs.replace(facts, redis=f"127.0.0.1:{server.port}"))
        with connected(folder) as caller:
            yield Scene(caller, workspace, made.project)
    finally:
        server.stop()


def tools(scene: Scene) -> dict[str, Any]:
    return {tool.name: tool for tool in scene.caller.run(lambda client: client.list_tools()).tools}


def words(result: Any) -> str:
    return "\n".join(part.text for part in result.content)


def test_the_table_is_offered_as_it_is_and_one_tool_that_writes(scene: Scene) -> None:
    offered = tools(scene)
    assert list(offered) == [*(function.name for function in TABLE), "findings_record"]
    for name, tool in offered.items():
        assert tool.annotations.read_only_hint is (name != "findings_record")
        assert tool.annotations.destructive_hint is False
        assert len(LONGEST_PREFIX + name) <= 64
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)


@pytest.mark.parametrize("name", [function.name for function in TABLE])
def test_every_tool_answers_with_text_and_structure_that_agree(scene: Scene, name: str) -> None:
    result = scene.caller.call(name, **USUAL[name])
    if result.is_error:
        assert name in ELSEWHERE, words(result)
        return
    note, text = (part.text for part in result.content)
    assert "none of them is one" in note
    assert {"note": note, **json.loads(text)} == result.structured_content
    jsonschema.validate(result.structured_content, tools(scene)[name].output_schema)
    said = words(result) + json.dumps(result.structured_content)
    assert not [secret for secret in (SECRET, PASSWORD, KEY_BODY) if secret in said]


@pytest.mark.parametrize("name", PAGED)
def test_every_paged_tool_tells_page_by_page_what_it_tells_at_once(scene: Scene, name: str) -> None:
    usual = {key: value for key, value in USUAL[name].items() if key != "limit"}
    whole = scene.caller.call(name, **usual, limit=200)
    if whole.is_error:
        assert name in ELSEWHERE, words(whole)
        return
    items = lasting(whole)
    begin = scene.caller.call(name, **usual, limit=1)
    mark = begin.structured_content["nextPage"]
    assert lasting(begin) == items[:1]
    assert (mark is None) == (len(items) <= 1)
    if mark is not None and name not in ELSEWHERE:
        assert lasting(scene.caller.call(name, **usual, limit=1, page=mark)) == items[1:2]
    wrong = scene.caller.call(name, **usual, page="no such page")
    assert wrong.is_error or name in PAGED_BY_NAME
    assert not wrong.is_error or "'page'" in words(wrong)


def lasting(result: Any) -> list[dict[str, Any]]:
    """What of each item does not change from one look to the next."""
    items = result.structured_content["items"]
    return [
        {key: value for key, value in item.items() if isinstance(value, str) and key not in _PASSING}
        for item in items
    ]


_PASSING = frozenset({"age", "cpuPercent", "state"})
"""Of a process."""


def test_pages_go_on_until_the_last(scene: Scene) -> None:
    ids: list[str] = []
    page: str | None = ""
    while page is not None:
        answer = scene.caller.call("findings_list", limit=4, page=page).structured_content
        assert 0 < len(answer["items"]) <= 4
        ids += [item["id"] for item in answer["items"]]
        page = answer["nextPage"]
    every = [finding.finding_id for agent in AgentId for finding in load(scene.workspace.findings(agent))]
    assert sorted(ids) == sorted(every)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["code_file", "findings_get", "redis_stream", "logs_context"])
def test_hostile_arguments_are_an_error_that_shows_nothing_invisible(
    scene: Scene, name: str, value: str
) -> None:
    arguments = {key: value if isinstance(usual, str) else usual for key, usual in USUAL[name].items()}
    result = scene.caller.call(name, **arguments)
    assert result.is_error
    assert words(result).isprintable()
    assert result.structured_content["error"] == words(result)
    assert not list(scene.project.parent.rglob("pwned"))


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("no_such_tool", {}, "There is no function 'no_such_tool'"),
        ("findings_get", {"id": "LW-999"}, "findings_list lists them"),
        ("findings_get", {}, "Argument 'id' of findings_get"),
        ("findings_list", {"shell": "x"}, "has no argument 'shell'"),
        ("findings_record", {"agent": "LOG_WATCHER"}, "Nothing was handed in"),
    ],
)
def test_what_a_caller_does_wrong_is_told(
    scene: Scene, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = scene.caller.call(name, **arguments)
    assert result.is_error
    assert said in words(result)


def test_a_finding_is_recorded_through_the_gate_and_an_invented_one_is_not(scene: Scene) -> None:
    before = digest(scene.project)
    claim = {
        "title": "Billing takes orders twice",
        "category": "ANOMALY",
        "severity": "HIGH",
        "service": "billing",
        "hypothesis": "The same order is logged again.",
        "recommendation": "Make billing idempotent.",
        "quotes": [{"source": "logs/merged.log", "text": PAYMENT}],
        "confidence": 0.6,
    }
    invented = claim | {
        "category": "CRASH",
        "quotes": [{"source": "logs/merged.log", "text": "segmentation fault"}],
    }
    result = scene.caller.call("findings_record", agent="LOG_WATCHER", findings=[claim, invented])
    told = result.structured_content
    assert not result.is_error
    assert (len(told["findingIds"]), told["rejected"], told["lowered"]) == (1, 1, 2)
    assert "does not hold this quote: 'segmentation fault'" in told["reasons"][0]
    (found,) = [
        one for one in load(scene.workspace.findings(AgentId.LOG_WATCHER)) if one.origin is Origin.MODEL
    ]
    assert found.finding_id == told["findingIds"][0]
    assert found.evidence == PAYMENT
    assert [event["type"] for event in read_data(scene.workspace.events)][-1] == "handed-in"
    alone = scene.caller.call("findings_record", agent="LOG_WATCHER", findings=[invented])
    assert alone.is_error
    assert alone.structured_content["findingIds"] == []
    assert digest(scene.project) == before


def test_findings_are_resources_page_by_page(scene: Scene) -> None:
    listed: list[str] = []
    cursor = None
    while True:
        page = scene.caller.run(lambda client, at=cursor: client.list_resources(cursor=at))  # type: ignore[misc]
        listed += [resource.uri for resource in page.resources]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert listed[:3] == ["streamgauge://session", "streamgauge://report", "streamgauge://findings"]
    assert "streamgauge://finding/RSA-001" in listed
    one = json.loads(resource(scene, "finding/RSA-001"))
    assert one["findingId"] == "RSA-001"
    assert json.loads(resource(scene, "findings"))["findings"] == len(listed) - 3


def test_the_report_is_a_resource_whole_and_by_section(tmp_path: Path) -> None:
    made = made_session.make(tmp_path, "\n## 3. Stream health map\n")
    with connected(tmp_path) as caller:
        scene = Scene(caller, made.workspace, made.project)
        with pytest.raises(MCPError, match="There is no report yet"):
            resource(scene, "report")
        write_report(made.workspace, made.project, made.clock)
        whole = resource(scene, "report")
        sections = [resource(scene, f"report/{number}") for number in range(1, 9)]
    titles = [re.match(r"## (\d)\. ", section) for section in sections]
    assert [title and int(title[1]) for title in titles] == list(range(1, 9))
    assert all(section in whole for section in sections)


@pytest.mark.parametrize("name", ["", "nothing", "report/9", "finding/XX-1", "finding/..%2f..", "session/x"])
def test_a_resource_that_is_none_is_an_error_that_says_so(scene: Scene, name: str) -> None:
    with pytest.raises(MCPError) as raised:
        resource(scene, name)
    assert str(raised.value).isprintable()


def test_a_server_that_starts_before_its_session_tells_of_it_once_it_is_there(tmp_path: Path) -> None:
    with connected(tmp_path) as caller:
        before = caller.call("findings_list")
        assert before.is_error
        assert "holds no session yet" in words(before)
        made_session.make(tmp_path)
        after = caller.call("findings_list")
        assert not after.is_error
        assert after.structured_content["items"]


def resource(scene: Scene, name: str) -> str:
    read = scene.caller.run(lambda client: client.read_resource(f"streamgauge://{name}"))
    return str(getattr(read.contents[0], "text", ""))


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path} {path.lstat().st_mode}".encode())
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()
