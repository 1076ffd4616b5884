"""The real Claude Code drives a session on the bundled fleet; what it decides is scripted, all else is as it is.

That proves the plumbing: plugin, MCP server, subagents, gate, report. It proves nothing of a model's judgement.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator import session_status
from orchestrator.claude_code import IN_PLUGIN, IN_PROJECT, Dialect
from orchestrator.cli.app import app
from orchestrator.cli.boundary import StateFolder
from tests.e2e.audits import command, environment, fleet
from tests.e2e.same_report import by_rules
from tests.fakes import claude_code
from tests.fakes.messages_api import Asked, Reply, calls, says
from tests.fakes.messages_api.foreign import ForeignApi
from tests.fakes.waiting import wait_for
from tools.clock import SystemClock
from tools.findings import readings
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import load
from tools.report.verify import verify
from tools.sources import handed_in, session_facts
from tools.workspace import Workspace

INVENTED = "FATAL the moon has fallen into the payments service"
MEETING_S = 90.0
LOOKS_MAX = 60
"""Of one subagent that finds nothing yet."""


@dataclass
class Script:
    """What the orchestrator and its four subagents say; `steps` are the orchestrator's."""

    names: Dialect
    steps: Sequence[Callable[[], Reply]]
    looks_max: int = LOOKS_MAX
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
        return (
            self.steps[asked.rounds]() if asked.rounds < len(self.steps) else says("The report is written.")
        )

    def subagent(self, agent: AgentId, asked: Asked) -> Reply:
        got = list(answers(asked))
        self.results[agent.value] = got
        if not got:
            self.meeting.wait()  # nobody goes on before all four were started
            self.met.add(agent.value)
            return self.tool("session_coverage")
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
            return self.tool("findings_record", agent=agent.value, **claims(whole[-1]))
        if ids:
            return self.tool("findings_get", id=ids[0])
        if len(listed) >= self.looks_max:
            return says("There is no finding.")
        threading.Event().wait(0.5 if listed else 0)  # the fleet needs its time to fail
        return self.tool("findings_list", agent=agent.value)

    def tool(self, name: str, **arguments: Any) -> Reply:
        return calls((self.names.tools + name, arguments))


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


def all_four(names: Dialect) -> Reply:
    """The four subagents, in one message."""
    given = {"prompt": "The window is open. Investigate.", "run_in_background": False}
    return calls(
        *(
            (
                "Agent",
                given | {"description": agent.slug, "subagent_type": names.started.format(slug=agent.slug)},
            )
            for agent in AgentId
        )
    )


def allowed(names: Dialect) -> tuple[str, ...]:
    return ("--allowedTools", "Bash(streamgauge:*)", "Agent", names.tools.removesuffix("__"))


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
    """With the installed plugin: the bundled fleet, started and stopped by the session."""
    claude_code.program()
    folder = tmp_path_factory.mktemp("claude") / "project"
    folder.mkdir()
    workspace = Workspace(folder / "monitor-session")
    options = "--demo --duration 3m --poll-interval 3s --hold 3m"
    steps = (
        lambda: shell(f"streamgauge session start {options}"),
        lambda: all_four(IN_PLUGIN),
        lambda: shell("streamgauge session stop"),
        lambda: shell("streamgauge session wait --until end --timeout 90s"),
        lambda: shell("streamgauge session done"),
        lambda: shell("streamgauge session wait --until report --timeout 200s"),
    )
    script = Script(IN_PLUGIN, steps)
    installed = claude_code.run(
        folder, "plugin", "install", "streamgauge", "--marketplace", str(claude_code.ROOT)
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    try:
        with ForeignApi(script) as api:
            said = claude_code.prompt(folder, api, f"/streamgauge:run {options}", *allowed(IN_PLUGIN))
        yield Audited(said, script, workspace)
    finally:
        claude_code.end_session(workspace)


@pytest.fixture(scope="module")
def by_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """With the files of `init --claude`: the fleet's code, in a session that is killed while it waits, and resumed."""
    claude_code.program()
    folder = tmp_path_factory.mktemp("files") / "flow"
    fleet().assemble("faulty", folder, None, None)
    run = CliRunner().invoke(app, ["init", "--claude", str(folder)], obj={"state": StateFolder(folder)})
    assert run.exit_code == 0, run.output
    workspace = Workspace(folder / "monitor-session")

    def killed() -> Reply:
        os.kill(claude_code.process_of(workspace), signal.SIGKILL)
        wait_for(lambda: not session_status.is_alive(workspace), seconds=60, what="the end of its process")
        return shell("streamgauge session wait")

    steps = (
        lambda: shell("streamgauge session start --mode static"),
        lambda: shell("streamgauge session wait --until end --timeout 90s"),
        lambda: all_four(IN_PROJECT),
        killed,
        lambda: shell("streamgauge session start --mode static --resume"),
        lambda: shell("streamgauge session done"),
        lambda: shell("streamgauge session wait --until report --timeout 90s"),
    )
    script = Script(IN_PROJECT, steps, looks_max=1)
    try:
        with ForeignApi(script) as api:
            said = claude_code.prompt(folder, api, "/streamgauge --mode static", *allowed(IN_PROJECT))
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


def test_the_files_of_init_drive_a_session_that_is_killed_while_it_waits(by_files: Audited) -> None:
    (begin,) = by_files.said.of("system", "init")
    assert [one["name"] for one in begin["mcp_servers"]] == ["streamgauge"]
    assert {f"streamgauge-{agent.slug}" for agent in AgentId} <= set(begin["agents"])
    assert by_files.said.exit_code == 0, by_files.said.errors
    assert by_files.said.result["permission_denials"] == []
    assert by_files.script.met == {agent.value for agent in AgentId}
    gone, resumed = by_files.script.results["orchestrator"][-4:-2]
    assert '"stage": "killed"' in gone
    assert '"takesFindings": true' in resumed
    records = list(handed_in.read(by_files.workspace))
    assert {record.agent for record in records} == {"CONFIG_AUDITOR", "ENHANCEMENT_SCOUT"}
    assert {(record.readings, len(record.rejected)) for record in records} == {(1, 1)}


def test_its_report_is_the_one_that_run_writes_of_the_same_code(by_files: Audited, tmp_path: Path) -> None:
    project = session_facts.read(by_files.workspace).project_root
    arguments = ("--mode", "static", "--project", project, "--workspace", "alone", "--no-archive")
    assert "off: rules only" in by_files.workspace.path("report.json").read_text(encoding="utf-8")
    done = subprocess.run(
        command("run", *arguments),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=claude_code.BOUND_S,
        check=False,
    )
    stand = session_status.read(by_files.workspace.root, SystemClock())
    assert (stand.stage, stand.exit_code) == ("over", done.returncode), done.stderr
    said, alone = by_rules(by_files.workspace), by_rules(Workspace(tmp_path / "alone"))
    assert [gap["source"] for gap in said.pop("sourceGaps")] == ["resume"]
    assert alone.pop("sourceGaps") == []
    assert said["findings"]
    assert said == alone


def test_plugin_and_marketplace_pass_the_strict_validator(tmp_path: Path) -> None:
    for place in (claude_code.PLUGIN, claude_code.ROOT):
        done = claude_code.run(tmp_path, "plugin", "validate", "--strict", str(place))
        assert done.returncode == 0, done.stdout + done.stderr
