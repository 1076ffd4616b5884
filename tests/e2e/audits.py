"""Real audits of the bundled fleet: a process, a server, seven services, a report."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from tests.conftest import free_port
from tests.fakes import node_shop as shop
from tools.findings.model import AgentId, Enhancement, Finding, rank_of
from tools.findings.recorder import load
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
LOW_RANK = 3
BOUND_S = 400


def fleet() -> ModuleType:
    """`examples/fleet.py`, which is not a package."""
    spec = importlib.util.spec_from_file_location("example_fleet", ROOT / "examples" / "fleet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Audit:
    """One finished audit."""

    exit_code: int
    output: str
    workspace: Workspace
    project: Path
    port: int
    faults: list[dict[str, Any]]

    def findings(self) -> list[Finding]:
        return [finding for agent in AgentId for finding in load(self.workspace.findings(agent))]

    def report(self) -> str:
        return next(self.workspace.root.glob("REPORT_*.md")).read_text(encoding="utf-8")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "STREAMGAUGE_PYTHON": sys.executable}


def audit(folder: Path, profile: str, *arguments: str, rename_seed: int | None = None) -> Audit:
    """Put a copy of the fleet into `folder` and audit it as a user would: managed mode, one command."""
    port = free_port()
    project = folder / "shop"
    module = fleet()
    mapping = module.assemble(profile, project, rename_seed, port)
    workspace = Workspace(folder / "monitor-session")
    done = subprocess.run(
        command("run", "--project", str(project), "--workspace", str(workspace.root), *arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    return Audit(done.returncode, done.stdout, workspace, project, port, module.load_faults(mapping))


def node_shop(
    factory: pytest.TempPathFactory, project: Path, port: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Put a copy of the JavaScript fleet into `project`; its truth list, and the variables that move its ports."""
    shop.require_node()
    shop.copy(shop.install(factory.mktemp("npm") / "installed"), project)
    faults = tomllib.loads(shop.FAULTS.read_text(encoding="utf-8"))["fault"]
    return faults, {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "GATEWAY_PORT": str(free_port())}


def names(finding: Finding) -> set[str]:
    """Everything a finding names that a fault may name."""
    data = finding.model_dump(mode="json")
    keys = ("stream", "consumer_group", "service", "affected_services", "affected_streams", "affected_files")
    found: set[str] = set()
    for key in keys:
        value = data.get(key)
        found |= set(value) if isinstance(value, list) else {value} if value else set()
    return found


def is_of(finding: Finding, fault: dict[str, Any]) -> bool:
    """Whether a finding reports a fault: same agent, category and entity. CRASH and BUG share stack traces."""
    if finding.agent_id != fault["agent"]:
        return False
    crashes = {"CRASH", "BUG"}
    same = finding.category == fault["category"] or {finding.category, fault["category"]} <= crashes
    keys = [key for key in ("stream", "group", "service", "file") if key in fault]
    wanted = {
        "REDIS_STREAM_ANALYST": ("stream", "group"),
        "LOG_WATCHER": ("service",),
        "CONFIG_AUDITOR": ("stream", "group", "service"),
        "ENHANCEMENT_SCOUT": ("file", "service"),
    }[finding.agent_id]
    entity = [fault[key] for key in keys if key in wanted] or [fault["entity"]]
    return same and bool(set(entity) & names(finding))


def level(fault: dict[str, Any]) -> str:
    return str(fault.get("severity", fault.get("priority")))


def level_of(finding: Finding) -> str:
    return str(finding.priority if isinstance(finding, Enhancement) else finding.severity)


def left_behind(audit: Audit) -> list[str]:
    """Processes that still name the audited project or its port."""
    return left_behind_in(audit.project, f"--port {audit.port}")


def left_behind_in(folder: Path, mark: str | None = None) -> list[str]:
    """Processes that run in a folder or name it, or whose command line holds `mark`."""
    left = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        line = " ".join(process.info["cmdline"] or [])
        here = str(process.info["cwd"] or "").startswith(str(folder))
        if here or str(folder) in line or (mark is not None and mark in line):
            left.append(f"{process.info['pid']} {line}")
    return left


def untrue(findings: list[Finding], faults: list[dict[str, Any]]) -> list[str]:
    """Findings above LOW that no listed fault explains; a cross-agent one rests on its members."""
    true_ids = {finding.finding_id for finding in findings if any(is_of(finding, fault) for fault in faults)}
    bad = []
    for finding in findings:
        if rank_of(finding) >= LOW_RANK or finding.finding_id in true_ids:
            continue
        if (
            isinstance(finding, Enhancement)
            and finding.related_findings
            and set(finding.related_findings) & true_ids
        ):
            continue
        bad.append(f"{finding.finding_id} {level_of(finding)} {finding.rule_id}: {finding.title}")
    return bad


def missed(findings: list[Finding], faults: list[dict[str, Any]]) -> list[str]:
    """Faults and consequences that no finding reports."""
    return [
        f"{fault['id']} ({fault['agent']} {fault['category']} {fault['entity']})"
        for fault in faults
        if fault["kind"] != "tolerated" and not any(is_of(finding, fault) for finding in findings)
    ]


def milder(findings: list[Finding], faults: list[dict[str, Any]]) -> list[str]:
    """Faults without a `note` for which no finding has the level that the list says."""
    return [
        f"{fault['id']}: {level(fault)}, found {[level_of(finding) for finding in matching]}"
        for fault in faults
        if fault["kind"] != "tolerated" and "note" not in fault
        for matching in [[finding for finding in findings if is_of(finding, fault)]]
        if matching and level(fault) not in {level_of(finding) for finding in matching}
    ]
