"""The shape of the house: who may import whom, how long a module and a function may be, who writes files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agents", "benchmarks", "orchestrator", "prompts", "tools")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
MAY_IMPORT = {
    "prompts": {"prompts"},
    "tools": {"tools"},
    "agents": {"agents", "tools", "prompts"},
    "orchestrator": {"orchestrator", "agents", "tools", "prompts"},
    "benchmarks": {"benchmarks", "orchestrator", "agents", "tools"},
}
STAGES = ("findings", "sources", "detectors", "synthesis", "report", "functions")
BROAD_EXCEPTS = {  # module → why an unknown error is caught there
    "agents/detecting.py": "detector runner: one broken rule does not blind the others",
    "agents/investigator.py": "the model's investigation runs beside the agent: what goes wrong in it must not reach it",
    "agents/model_client.py": "the SDK's boundary: whatever it makes of a broken answer is a failed call",
    "agents/node.py": "supervisor: a failed agent is restarted, never lost across the join",
    "orchestrator/alerts/channels/bounded.py": "a channel's boundary: whatever a library makes of a proxy or an address",
    "orchestrator/cli/app.py": "command line boundary: an unknown error becomes exit code 4",
    "orchestrator/cli/boundary.py": "command line boundary: an unknown error becomes exit code 4",
    "orchestrator/diagnostics/bundle.py": "a bundle: whatever one piece is about, the others are made",
    "tools/functions/calling.py": "what a function raises in its thread is raised in the caller's",
    "orchestrator/mcp_server/server.py": "protocol boundary: an unknown error is kept, masked, and told to the client",
    "orchestrator/session/model_part.py": "a round of the model that fails is an event and costs the session nothing",
    "orchestrator/watch/chain.py": "a link of the chain that fails is kept and told; all other runs get their turn",
    "orchestrator/session/supervise.py": "supervisor: a look that fails must not cancel the agents beside it",
}
HEAVY = ("langgraph", "langchain_core", "rich", "typer", "anthropic", "langsmith")


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_imports_only_what_the_design_allows(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports_of(tree_of(path))} & set(PACKAGES)
    assert ours <= MAY_IMPORT[package]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tools").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_stage_imports_only_stages_to_its_left(path: Path) -> None:
    stage = path.relative_to(ROOT / "tools").parts[0]
    if stage not in STAGES:
        return
    allowed = STAGES[: STAGES.index(stage) + 1]
    for name in imports_of(tree_of(path)):
        parts = name.split(".")
        if parts[0] == "tools" and len(parts) > 1 and parts[1] in STAGES:
            assert parts[1] in allowed, f"{stage} imports {name}"
            if stage == "detectors" and parts[1] == "sources" and len(parts) > 2:
                assert parts[2] == "records", f"a detector sees records only, not {name}"


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "orchestrator" / "session").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_session_never_imports_its_readers(path: Path) -> None:
    readers = (
        "orchestrator.store",
        "orchestrator.watch",
        "orchestrator.alerts",
        "orchestrator.serve",
        "orchestrator.cli",
    )
    assert not [name for name in imports_of(tree_of(path)) if name.startswith(readers)]


def test_only_the_mcp_server_imports_the_protocol() -> None:
    found = {
        str(path.parent.relative_to(ROOT))
        for path in modules()
        if any(name.split(".")[0] in {"mcp", "mcp_types"} for name in imports_of(tree_of(path)))
    }
    assert found == {"orchestrator/mcp_server"}


def test_only_agents_and_orchestrator_call_tool_functions() -> None:
    callers = {
        path.relative_to(ROOT).parts[0]
        for path in modules()
        if any(name.startswith("tools.functions") for name in imports_of(tree_of(path)))
        and not path.is_relative_to(ROOT / "tools" / "functions")
    }
    assert callers <= {"agents", "orchestrator"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "orchestrator" / "keeper").rglob("*.py")), ids=lambda path: path.name
)
def test_the_keeper_knows_no_session(path: Path) -> None:
    own = [name for name in imports_of(tree_of(path)) if name.startswith(("orchestrator.", "agents."))]
    assert [name for name in own if not name.startswith("orchestrator.keeper")] == []


def test_modules_and_functions_stay_small() -> None:
    too_long: list[str] = []
    for path in modules():
        name = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MODULE_LINES_MAX:
            too_long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long.append(f"{name}:{node.lineno} {node.name}: {lines} lines")
    assert too_long == []


def test_broad_excepts_stand_only_where_they_are_meant() -> None:
    found = set()
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            ):
                found.add(str(path.relative_to(ROOT)))
    assert found <= set(BROAD_EXCEPTS)


@pytest.mark.parametrize(
    "module",
    [
        "tools.functions.calling",
        "agents.watcher",
        "agents.log_watcher",
        "agents.stream_analyst",
        "agents.config_auditor",
        "agents.enhancement_scout",
        "agents.indexer",
        "orchestrator.keeper.process",
    ],
)
def test_a_watcher_process_stays_small(module: str) -> None:
    heavy = HEAVY if module == "agents.log_watcher" else (*HEAVY, "numpy")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_package_opens_with_what_it_is() -> None:
    assert [str(path) for path in modules() if ast.get_docstring(tree_of(path)) is None] == []


def test_no_file_speaks_of_anything_but_the_product() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    words = ("/wo" + "rk/", "TO" + "DO", "FIX" + "ME")
    bad = [
        f"{name}: {word}"
        for name in listed
        if (ROOT / name).is_file() and name not in {"uv.lock", "pyproject.toml"}
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8", errors="replace")
    ]
    assert bad == []
