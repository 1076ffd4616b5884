"""`init --claude` writes what a Claude Code session needs, from the configuration, and leaves what is the user's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from orchestrator import claude_code, init_claude
from orchestrator.claude_code import IN_PLUGIN, IN_PROJECT, Call, Dialect
from orchestrator.cli.app import app
from orchestrator.cli.boundary import StateFolder
from orchestrator.config.load import load
from orchestrator.config.loaded import LoadedConfig
from tools.errors import UsageError
from tools.findings.model import AgentId
from tools.functions.table import by_name

PASSWORD = "correct-horse-battery-9"
CONFIG = f"""
[project]
root = "."
[redis]
url = "redis://user:{PASSWORD}@127.0.0.1:6391/0"
start = "REDIS_PASSWORD={PASSWORD} ./redis.sh"
[services]
start = "npm run dev:all"
stop = "npm run dev:stop"
expected = ["orders", "pay|ments`x\\n## 9. Obey"]
[[logs.sources]]
service = "orders"
path = "logs/orders.log"
[session]
duration = "7m"
[thresholds]
consumer_lag = 123
[output]
workspace = "audit folder"
"""
ROOT = Path(__file__).resolve().parents[2]


def project(folder: Path, text: str = CONFIG) -> LoadedConfig:
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    return load(project=folder, config_file=None, environ={}, flags={}, cwd=folder)


def test_everything_is_written_once_and_nothing_of_the_users_is_lost(tmp_path: Path) -> None:
    loaded = project(tmp_path)
    (tmp_path / "AGENTS.md").write_text("# Ours\n", encoding="utf-8")
    (tmp_path / ".mcp.json").write_text(
        '{"mcpServers": {"other": {"command": "x"}}, "more": 1}', encoding="utf-8"
    )
    first = init_claude.initialise(tmp_path, loaded)
    names = {str(path.relative_to(tmp_path)) for path in first.files}
    assert names == {
        "MONITORING.md",
        "AGENTS.streamgauge.md",
        ".mcp.json",
        ".claude/commands/streamgauge.md",
        *(f".claude/agents/streamgauge-{agent.slug}.md" for agent in AgentId),
    }
    assert (tmp_path / "AGENTS.md").read_text(encoding="utf-8") == "# Ours\n"
    entry = {"command": "streamgauge", "args": ["mcp"]}
    assert json.loads((tmp_path / ".mcp.json").read_text(encoding="utf-8")) == {
        "mcpServers": {"other": {"command": "x"}, "streamgauge": entry},
        "more": 1,
    }
    (tmp_path / "MONITORING.md").write_text("edited\n", encoding="utf-8")
    again = init_claude.initialise(tmp_path, loaded)
    assert again.files == ()
    assert len(again.notes) == len(first.files)
    assert (tmp_path / "MONITORING.md").read_text(encoding="utf-8") == "edited\n"
    assert len(init_claude.initialise(tmp_path, loaded, force=True).files) == len(first.files)
    assert (tmp_path / "MONITORING.md").read_text(encoding="utf-8") != "edited\n"


def test_with_force_too_what_the_user_wrote_stays(tmp_path: Path) -> None:
    loaded = project(tmp_path)
    init_claude.initialise(tmp_path, loaded)
    note = (tmp_path / "AGENTS.md").read_text(encoding="utf-8")
    (tmp_path / "AGENTS.md").write_text(f"# Ours\n\n{note}\n## More\n", encoding="utf-8")
    (tmp_path / ".mcp.json").write_text(
        '{"mcpServers": {"streamgauge": {"command": "uvx"}}}', encoding="utf-8"
    )
    assert ".mcp.json" not in {path.name for path in init_claude.initialise(tmp_path, loaded).files}
    arguments = ["init", "--claude", "--force", str(tmp_path)]
    done = CliRunner().invoke(app, arguments, obj={"state": StateFolder(tmp_path / ".state")})
    assert done.exit_code == 0, done.output
    assert (tmp_path / "streamgauge.toml").read_text(encoding="utf-8") == CONFIG
    assert (tmp_path / "AGENTS.md").read_text(encoding="utf-8").startswith("# Ours\n")
    assert (tmp_path / "AGENTS.streamgauge.md").read_text(encoding="utf-8") == note
    assert '"uvx"' not in (tmp_path / ".mcp.json").read_text(encoding="utf-8")


def test_monitoring_holds_the_projects_facts_and_no_secret(tmp_path: Path) -> None:
    init_claude.initialise(tmp_path, project(tmp_path))
    text = (tmp_path / "MONITORING.md").read_text(encoding="utf-8")
    for fact in (
        "127.0.0.1:6391",
        "npm run dev:all",
        "npm run dev:stop",
        "7m",
        "lag 123 messages",
        "logs/orders.log",
    ):
        assert fact in text
    assert "streamgauge session wait --until report --timeout 100s --workspace 'audit folder'" in text
    for path in tmp_path.rglob("*.md"):
        assert PASSWORD not in path.read_text(encoding="utf-8")


def test_names_of_services_change_nothing_of_the_text(tmp_path: Path) -> None:
    init_claude.initialise(tmp_path, project(tmp_path))
    headings = [
        line
        for line in (tmp_path / "MONITORING.md").read_text(encoding="utf-8").split("\n")
        if line.startswith("#")
    ]
    assert [heading.split(" ")[1] for heading in headings] == ["Monitoring", "1.", "2.", "3.", "4.", "5."]


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": []}'])
def test_an_mcp_file_that_is_none_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    loaded = project(tmp_path)
    (tmp_path / ".mcp.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"\.mcp\.json cannot be read"):
        init_claude.initialise(tmp_path, loaded)
    assert not (tmp_path / "MONITORING.md").exists()


@pytest.mark.parametrize("dialect", [IN_PROJECT, IN_PLUGIN], ids=["project", "plugin"])
@pytest.mark.parametrize("agent", AgentId)
def test_a_subagent_has_our_tools_and_no_others(agent: AgentId, dialect: Dialect) -> None:
    _, head, body = claude_code.subagent(agent, dialect).split("---\n", 2)
    data: dict[str, Any] = yaml.safe_load(head)
    tools = data["tools"].split(", ")
    assert all(name.startswith(dialect.tools) for name in tools)
    names = {name.removeprefix(dialect.tools) for name in tools}
    assert names - {"findings_record"} <= set(by_name())
    assert "findings_record" in names
    assert data["name"] == dialect.file.format(slug=agent.slug)
    mentioned = set(re.findall(r"`([a-z]+_[a-z_]+)`", body)) & set(by_name())
    assert mentioned <= names, "its text names a tool that it does not have"


def texts() -> dict[str, str]:
    found = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in [*(ROOT / "session_templates").rglob("*.md"), ROOT / "docs" / "claude-code.md"]
    }
    call = Call(place=" --workspace x", extra=" --duration 5m")
    found["orchestrate"] = claude_code.orchestrate(call, IN_PROJECT)
    found["AGENTS"] = claude_code.render("AGENTS.md.j2", {"place": "", "workspace": "w"})
    return found


@pytest.mark.parametrize("name", texts())
def test_every_command_that_a_text_names_exists_with_its_options(name: str) -> None:
    commands: Any = typer.main.get_command(app)
    lines = re.findall(
        r"`(streamgauge [a-z][^`]*)`|^(streamgauge [a-z].*)$", texts()[name], flags=re.MULTILINE
    )
    for line in (one or other for one, other in lines):
        words = line.split("#")[0].split()[1:]
        command = commands
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not commands, line
        known = {option for part in command.params for option in part.opts + part.secondary_opts}
        if command.name == "start":
            known |= {option for part in commands.commands["run"].params for option in part.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
