"""The real Claude Code drives a session on the bundled fleet; what it decides is scripted, all else is as it is.

That proves the plumbing: plugin, MCP server, subagents, gate, report. It proves nothing of a model's judgement.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator import session_status
from tests.fakes import claude_code
from tests.fakes.messages_api import Asked, Reply, calls, says
from tests.fakes.messages_api.foreign import ForeignApi
from tools.clock import SystemClock
from tools.findings import readings
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import load
from tools.report.verify import verify
from tools.sources import handed_in, session_facts
from tools.workspace import Workspace

TOOLS = "mcp__plugin_streamgauge_streamgauge__"
ALLOWED = ("--allowedTools", "Bash(streamgauge:*)", "Agent", TOOLS.removesuffix("__"))
INVENTED = "FATAL the moon has fallen into the payments service"
MEETING_S = 90.0
LOOKS_MAX = 60


@dataclass
class Script:
    """What the orchestrator and its four subagents say. `options` are those of the session."""

    options: str
    meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(4, timeout=MEETING_S))
    results: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    met: set[str] = field(default_factory=set)

    def __call__(self, asked: Asked) -> Reply:
        agent = next((one for one in AgentId if f"# Investigator beside the {one}" in system(asked)), None)
        return self.orchestrator(asked) if agent is None else self.subagent(agent, asked)

    def orchestrator(self, asked: Asked) -> Reply:
        if not asked.tools:
            return says("a title")
        self.results["orchestrator"] = list(answers(asked))
        steps = (
            lambda: shell(f"streamgauge session start {self.options}"),
            lambda: calls(*(("Agent", started(agent)) for agent in AgentId)),
            lambda: shell("streamgauge session stop"),
            lambda: shell("streamgauge session wait --until end --timeout 90s"),
            lambda: shell("streamgauge session done"),
            lambda: shell("streamgauge session wait --until report --timeout 200s"),
        )
        return steps[asked.rounds]() if asked.rounds < len(steps) else says("The report is written.")

    def subagent(self, agent: AgentId, asked: Asked) -> Reply:
        got = list(answers(asked))
        self.results[agent.value] = got
        if not got:
            self.meeting.wait()  # nobody goes on before all four were started
            self.met.add(agent.value)
            return tool("session_coverage")
        listed = [
            json.loads(text) for text in map(data_of, got) if '"findings":' in text and '"items":' in text
        ]
        ids = [item["id"] for page in listed for item in page["items"]]
        recorded = [text for text in got if '"rejected":' in text]
        whole = [
            json.loads(text) for text in map(data_of, got) if '"findingId":' in text and '"evidence":' in text
        ]
        if recorded:
            return says(f"Recorded: {recorded[-1]}")
        if whole:
            return tool("findings_record", agent=agent.value, **claims(whole[-1]))
        if ids:
            return tool("findings_get", id=ids[0])
        if len(listed) > LOOKS_MAX:
            return says("There is no finding.")
        threading.Event().wait(0.5 if listed else 0)  # the fleet needs its time to fail
        return tool("findings_list", agent=agent.value)


def system(asked: Asked) -> str:
    given = asked.body.get("system") or ""
    return given if isinstance(given, str) else "".join(block.get("text", "") for block in given)


def answers(asked: Asked) -> Iterator[str]:
    """The texts of every tool result so far."""
    for message in asked.messages:
        content = message["content"] if isinstance(message["content"], list) else []
        for block in content:
            if block.get("type") == "tool_result":
                inner = block.get("content") or ""
                yield inner if isinstance(inner, str) else "\n".join(part.get("text", "") for part in inner)


def data_of(text: str) -> str:
    """The JSON of a tool's answer, without the note before it."""
    return text[text.index("{") :] if "{" in text else text


def shell(line: str) -> Reply:
    return calls(("Bash", {"command": line, "description": "drive the session", "timeout": 300_000}))


def tool(name: str, **arguments: Any) -> Reply:
    return calls((TOOLS + name, arguments))


def started(agent: AgentId) -> dict[str, Any]:
    return {
        "description": f"Investigate {agent.slug}",
        "prompt": "The window is open. Investigate.",
        "subagent_type": f"streamgauge:{agent.slug}",
        "run_in_background": False,
    }


def claims(finding: Mapping[str, Any]) -> dict[str, Any]:
    """An explanation that stands on the finding's own evidence, and one whose quote is invented."""
    explanation = {
        "finding_id": finding["findingId"],
        "hypothesis": "The cause is the one that the evidence shows.",
        "recommendation": "Do what the finding recommends.",
        "confidence": 0.5,
    }
    true = {"source": finding["findingId"], "text": finding["evidence"][:200]}
    false = {"source": finding["findingId"], "text": INVENTED}
    return {
        "explanations": [explanation | {"quotes": [true]}, explanation | {"quotes": [false]}],
    }


@dataclass(frozen=True)
class Audited:
    """One session that Claude Code drove to its end."""

    said: claude_code.Said
    script: Script
    workspace: Workspace


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    claude_code.program()
    folder = tmp_path_factory.mktemp("claude") / "project"
    folder.mkdir()
    workspace = Workspace(folder / "monitor-session")
    script = Script("--demo --duration 3m --poll-interval 3s --hold 3m")
    plugin = ("--plugin-dir", str(claude_code.PLUGIN))
    try:
        with ForeignApi(script) as api:
            said = claude_code.prompt(folder, api, f"/streamgauge:run {script.options}", *plugin, *ALLOWED)
        yield Audited(said, script, workspace)
    finally:
        claude_code.end_session(workspace)


@pytest.mark.fleet
def test_the_plugin_is_loaded_and_its_server_answers(audited: Audited) -> None:
    (begin,) = audited.said.of("system", "init")
    # It may still be starting here; that it answers is what the subagents show.
    assert [one["name"] for one in begin["mcp_servers"]] == ["plugin:streamgauge:streamgauge"]
    coverage = audited.script.results[AgentId.LOG_WATCHER.value][0]
    assert '"takesFindings":true' in coverage
    assert {f"streamgauge:{agent.slug}" for agent in AgentId} <= set(begin["agents"])
    commands = {f"streamgauge:{name}" for name in ("run", "report", "trace", "findings", "audit")}
    assert commands <= set(begin["slash_commands"])
    assert audited.said.exit_code == 0, audited.said.errors
    assert audited.said.result["permission_denials"] == []


@pytest.mark.fleet
def test_the_four_subagents_work_at_the_same_time_and_record_through_the_gate(audited: Audited) -> None:
    assert audited.script.met == {agent.value for agent in AgentId}
    records = list(handed_in.read(audited.workspace))
    assert {record.agent for record in records} == {agent.value for agent in AgentId}
    for record in records:
        assert record.readings == 1
        assert len(record.rejected) == 1
        assert "claude" in record.client
    for agent in AgentId:
        said = [reading.hypothesis for reading in readings.read(audited.workspace, agent)]
        assert said == ["The cause is the one that the evidence shows."]


@pytest.mark.fleet
def test_a_claim_with_invented_evidence_is_refused_and_nowhere_in_the_findings(audited: Audited) -> None:
    for agent in AgentId:
        told = audited.script.results[agent.value][-1]
        assert "does not hold this quote" in told
        assert INVENTED not in audited.workspace.findings(agent).read_text(encoding="utf-8")
    report = audited.workspace.path("report.json").read_text(encoding="utf-8")
    assert INVENTED not in report


@pytest.mark.fleet
def test_stop_ends_it_and_the_report_is_the_one_that_run_writes(audited: Audited) -> None:
    stand = session_status.read(audited.workspace.root, SystemClock())
    assert (stand.stage, stand.mode, stand.exit_code) == ("over", "managed", 1)
    assert stand.handed_in is not None
    assert stand.handed_in.readings == 4
    text = Path(stand.report or "").read_text(encoding="utf-8")
    titles = [
        line.split(". ", 1)[0] for line in text.split("\n") if line[:4] in {f"## {n}" for n in range(1, 9)}
    ]
    assert titles == [f"## {number}" for number in range(1, 9)]
    assert "The cause is the one that the evidence shows." in text
    project = Path(session_facts.read(audited.workspace).project_root)
    result = verify(audited.workspace, project)
    assert result.checked > 0
    assert result.ok
    measured = [
        finding
        for agent in AgentId
        for finding in load(audited.workspace.findings(agent))
        if finding.origin is Origin.MEASURED
    ]
    assert {finding.agent_id for finding in measured} == set(AgentId)
    for name in ("all-findings.json", "report.html", "report.sarif", "streams/final_state.json", "STOP"):
        assert audited.workspace.path(*name.split("/")).exists()


def test_plugin_and_marketplace_pass_the_strict_validator(tmp_path: Path) -> None:
    for place in (claude_code.PLUGIN, claude_code.ROOT):
        done = claude_code.run(tmp_path, "plugin", "validate", "--strict", str(place))
        assert done.returncode == 0, done.stdout + done.stderr
