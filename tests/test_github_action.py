"""The GitHub action: its files are what GitHub reads, and its scripts do on a real repository what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from orchestrator.cli.app import app
from tests.fakes.repositories import GitRepository
from tests.report.sarif_rules import checked

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "github-action"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
DOCUMENT = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
CODE = 'import os, redis\nORDERS = "orders"\nredis.Redis().xadd(ORDERS, {"trace_id": "1"})\nos.environ["OLD_URL"]\n'


def test_the_action_is_composite_and_every_step_is_whole() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert ("uses" in step) != ("run" in step)
        if "run" in step:
            assert step["shell"] == "bash"
            subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)
        else:
            assert re.fullmatch(r"[\w./-]+@v\d+", step["uses"])


def test_no_expression_stands_in_a_script() -> None:
    assert [name for name, step in STEPS.items() if "${{" in step.get("run", "")] == []


def test_no_module_of_the_audited_folder_is_imported_by_a_script() -> None:
    scripts = "\n".join(step.get("run", "") for step in STEPS.values())
    started = re.findall(r'(?:/python|\$PYTHON)" (\S+)', scripts)
    assert started == ["-I"] * 3


def test_every_expression_names_what_there_is() -> None:
    text = (FOLDER / "action.yml").read_text(encoding="utf-8")
    inputs = set(re.findall(r"inputs\.([\w-]+)", text))
    assert inputs == set(ACTION["inputs"])
    written = set(re.findall(r'echo "([\w-]+)=', STEPS["Audit"]["run"]))
    assert set(re.findall(r"steps\.python\.outputs\.([\w-]+)", text)) == {"python-path"}
    assert set(re.findall(r"steps\.audit\.outputs\.([\w-]+)", text)) == written == set(ACTION["outputs"])


def test_every_option_is_one_of_ours() -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    options = command.commands["run"].params
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    used = set(re.findall(r"(?<!\S)--[a-z-]+", STEPS["Audit"]["run"]))
    assert {"--mode", "--diff-base", "--fail-on"} <= used <= known


def test_what_is_installed_is_this_project() -> None:
    assert "$GITHUB_ACTION_PATH/../.." in STEPS["Install streamgauge"]["run"]
    assert (FOLDER / ".." / ".." / "pyproject.toml").resolve() == ROOT / "pyproject.toml"


def test_the_example_workflow_uses_the_action_as_it_is() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    workflow = yaml.safe_load(block)
    (job,) = workflow["jobs"].values()
    checkout, ours = job["steps"]
    assert checkout["with"]["fetch-depth"] == 0
    assert ours["uses"].split("@")[0].endswith(FOLDER.relative_to(ROOT).as_posix())
    assert set(ours["with"]) <= set(ACTION["inputs"])
    assert workflow["permissions"]["security-events"] == "write"
    told = re.findall(r"^\| `([\w-]+)` \|", DOCUMENT, flags=re.MULTILINE)
    assert told == [*ACTION["inputs"], *ACTION["outputs"]]


class Runner:
    """Runs a step's script as a runner does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = GitRepository(folder / "shop")
        self.repository.commit({"app.py": CODE, ".env.example": "X=1\n"})
        self.repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.repository.git("checkout", "-q", "-b", "feature")
        tools = folder / "temp" / "streamgauge" / "venv" / "bin"
        tools.mkdir(parents=True)
        for name, words in (("python", ""), ("streamgauge", "-P -m orchestrator")):
            script = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} {words} "$@"\n'
            (tools / name).write_text(script, encoding="utf-8")
            (tools / name).chmod(0o755)

    def step(self, name: str, **values: str) -> tuple[int, str]:
        environ = {
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
            cwd=self.repository.root,
            env=environ | values,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def audit(self, base_branch: str = "", diff_base: str = "") -> str:
        code, said = self.step(
            "Audit", PROJECT=".", FAIL_ON="high", DIFF_BASE=diff_base, BASE_BRANCH=base_branch
        )
        assert code == 0, said
        return said

    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_a_pull_request_gets_what_it_brings_and_a_summary(runner: Runner) -> None:
    runner.repository.commit({"app.py": f'{CODE}os.environ["NEW_URL"]\n'})
    said = runner.audit(base_branch="main")
    outputs = runner.outputs()
    assert outputs["exit-code"] == "1"
    run = checked(Path(outputs["sarif"]).read_text(encoding="utf-8"))
    assert [result["ruleId"] for result in run["results"]] == ["config.missing-env-var"]
    assert "NEW_URL" in run["results"][0]["message"]["text"]
    assert "**Partial view:**" in (runner.folder / "summary").read_text(encoding="utf-8")
    token = re.findall(r"^::stop-commands::(\w{32})$", said, flags=re.MULTILINE)
    assert said.rstrip().endswith(f"::{token[0]}::")
    assert runner.repository.git("status", "--porcelain") == ""
    code, judged = runner.step("Judge", CODE=outputs["exit-code"])
    assert (code, judged.startswith("::error::streamgauge: findings")) == (1, True)


def test_a_push_gets_everything(runner: Runner) -> None:
    runner.audit()
    run = checked(Path(runner.outputs()["sarif"]).read_text(encoding="utf-8"))
    assert run["automationDetails"]["id"].startswith("streamgauge/static/")
    assert {result["ruleId"] for result in run["results"]} == {
        "config.missing-env-var",
        "code.xadd-no-maxlen",
    }


def test_a_branch_that_is_not_there_ends_it_with_a_sentence_and_nothing_is_uploaded(runner: Runner) -> None:
    said = runner.audit(base_branch="$(touch owned); --x")
    assert "knows no revision 'origin/$(touch owned); --x'" in said
    assert runner.outputs() == {"exit-code": "2"}
    assert not (runner.repository.root / "owned").exists()
    assert runner.step("Judge", CODE="2")[0] == 2


def test_a_module_of_the_audited_folder_is_not_run(runner: Runner) -> None:
    owns = 'open("owned", "w").close()\n'
    runner.repository.commit({"secrets.py": owns, "logging.py": owns, "orchestrator.py": owns})
    runner.audit(base_branch="main")
    assert not (runner.repository.root / "owned").exists()


def test_two_audits_of_one_job_keep_apart(runner: Runner) -> None:
    runner.audit()
    first = runner.outputs()["sarif"]
    runner.audit()
    assert runner.outputs()["sarif"] != first
    assert Path(first).is_file()


def test_a_change_that_brings_nothing_passes(runner: Runner) -> None:
    assert runner.step("Judge", CODE="0") == (0, "")
