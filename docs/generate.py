"""Writes the generated documents again: rules, schemas, tools, the plugin. A test checks that they are current."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_CAUSES = (
    "How findings become causes and effects of one trouble. The rules are tried in this order, so that an effect gets "
    "its nearest explanation. A cause must have been told before its effect was seen last, or stand in files; where "
    "they share only a service or a name, the effect may have begun at most the given time before its cause was told. "
    "A rule that does not decide links nothing: its cause is named as what else may be behind the trouble, as is a "
    "second cause that fits and belongs to another trouble."
)
sys.path.insert(0, str(ROOT))


def documents() -> Iterator[tuple[Path, str]]:
    """Every generated file, relative to the project, and its text."""
    from importlib.metadata import version

    from orchestrator.claude_code import plugin
    from orchestrator.cli.schemas import schemas

    for path, text in plugin(version("streamgauge")):
        yield Path(path), text
    yield Path("docs/rules.md"), rules()
    yield Path("docs/causes.md"), causes()
    yield Path("docs/tools.md"), functions()
    for name, schema in schemas().items():
        yield (
            Path("docs/schemas") / name,
            json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n",
        )


def rules() -> str:
    """The rules table, one section per agent, from the rules' own words."""
    from orchestrator.session import rules as session_rules
    from tools.detectors import registry
    from tools.findings.model import AgentId
    from tools.findings.rule import by_id
    from tools.synthesis import cross_agent

    everything = by_id([*registry.rules().values(), *session_rules.RULES, *cross_agent.RULES])
    lines = [
        "# Rules",
        "",
        "Generated from the rules themselves by `make docs`. Limits are the defaults of `[thresholds]`.",
        "",
    ]
    for agent in AgentId:
        lines += [
            f"## {agent}",
            "",
            "| ruleId | what it sees | category | severity |",
            "| --- | --- | --- | --- |",
        ]
        for rule in sorted(
            (rule for rule in everything.values() if rule.agent is agent), key=lambda rule: rule.id
        ):
            level = rule.severity or f"{rule.priority}, {rule.effort}, impact {rule.impact}"
            condition = rule.condition.replace("|", "\\|")
            lines.append(f"| `{rule.id}` | {condition} | {rule.category} | {level} |")
        lines.append("")
    return "\n".join(lines)


def causes() -> str:
    """The causal rules, in the order in which they are tried, from their modules' own words."""
    from tools.synthesis.causal_rules import RULES

    lines = [
        "# Causal rules",
        "",
        "Generated from the rules themselves (`tools/synthesis/causal_rules/`) by `make docs`.",
        "",
        _CAUSES,
        "",
        "| rule | from | to | the first explains the second because | when | effect began at most |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for rule in RULES:
        module = sys.modules[rule.cause.__module__]
        when = " ".join((module.__doc__ or "").split())
        lead = "–" if rule.lead_ms is None else f"{rule.lead_ms // 60_000} min before it"
        name = f"`{rule.name}`" + ("" if rule.decides else " (does not decide)")
        kinds = " | ".join(", ".join(names) for names in (rule.causes, rule.effects))
        lines.append(f"| {name} | {kinds} | {_cell(rule.says)} | {_cell(when)} | {lead} |")
    return "\n".join(lines) + "\n"


def functions() -> str:
    """The tool functions: what each tells, who calls it, and its arguments."""
    from tools.findings.model import AgentId
    from tools.functions.schema import schema
    from tools.functions.table import TABLE

    lines = [
        "# Tool functions",
        "",
        "Generated from the table itself (`tools/functions/`) by `make docs`.",
        "",
        "What a language model or an MCP client may call. All of them only read; answers are masked and come page by page "
        "(`nextPage`). A text argument may be left empty, a number 0. The orchestrator and MCP clients may call all, a "
        "specialist those with its name: " + ", ".join(f"{agent.prefix} {agent}" for agent in AgentId) + ".",
        "",
    ]
    for function in TABLE:
        callers = (
            ", ".join(agent.prefix for agent in AgentId if agent in function.agents) or "orchestrator only"
        )
        lines += [f"## {function.name}", "", f"{function.description} ({callers})", ""]
        arguments = schema(function).get("properties", {})
        if arguments:
            lines += ["| argument | what it is |", "| --- | --- |"]
            lines += [
                f"| `{name}` | {_cell(part.get('description', ''))}{_values(part)} |"
                for name, part in arguments.items()
            ]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _values(part: dict[str, object]) -> str:
    values = part.get("enum")
    if not isinstance(values, list):
        return ""
    return " One of " + ", ".join(f"`{value}`" for value in values if value) + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write every document."""
    for path, text in documents():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
