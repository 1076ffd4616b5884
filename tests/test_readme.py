"""The README is a promise: what it shows is run here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator.config.load import load
from orchestrator.config.model import Config, Mode
from tests.conftest import Server
from tests.e2e.audits import command, environment, fleet
from tests.report.made_session import make

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    for line in block.splitlines()
]
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = [line for line in LINES if line.startswith("streamgauge ")]
EXITS = {
    "eval": {0},
    "run": {1},
    "init": {0},
    "doctor": {0, 3},
    "plan": {0},
    "findings": {0},
    "verify": {0},
    "report": {0},
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished static session in it."""
    folder = tmp_path_factory.mktemp("readme")
    fleet().assemble("faulty", folder, None, None)
    done = subprocess.run(
        command("run", "--mode", "static"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("line", [line for line in COMMANDS if not {"run", "trace"} & set(line.split())])
def test_every_command_of_the_readme_works(line: str, audited: Path) -> None:
    words = shlex.split(line)[1:]
    if words[0] == "init":
        words.append("--force")
    done = subprocess.run(
        command(*words),
        cwd=audited,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in EXITS[words[0]], f"{line}\n{done.stdout}{done.stderr}"


def test_the_trace_of_the_readme_is_what_the_command_prints(tmp_path: Path) -> None:
    made = make(tmp_path)
    (line,) = [line for line in COMMANDS if line.split()[1] == "trace"]
    done = subprocess.run(
        command(*shlex.split(line)[1:]),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)[0]
    assert shown == done.stdout.replace(f"{made.project}/", "")


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    used = set(re.findall(r"make ([a-z]+)", TEXT))
    assert used - {"it"} <= targets


def test_the_configuration_of_the_readme_is_an_attach_session(tmp_path: Path) -> None:
    config = configured(tmp_path, BLOCKS[0])
    assert config.session.mode is Mode.ATTACH
    assert config.expect[0].consumer_lag == 10_000


def test_the_other_blocks_of_the_readme_load(tmp_path: Path) -> None:
    assert configured(tmp_path, "\n".join(BLOCKS)).services.has_start


def configured(folder: Path, text: str) -> Config:
    assert tomllib.loads(text)
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    return load(project=None, config_file=None, environ={}, flags={}, cwd=folder).config


def test_every_flag_and_exit_code_of_the_readme_is_in_the_help() -> None:
    done = subprocess.run(
        command("run", "--help"), cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    for code in re.findall(r"^\| (\d+)", TEXT, flags=re.MULTILINE):
        assert re.search(rf"\b{code}\b", done.stdout), code
    for flag in ("--mode", "--fail-on", "--demo", "--resume", "--llm", "--duration"):
        assert flag in done.stdout


def test_doctor_prints_the_acl_line_of_a_real_server(server: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        command("doctor", "--acl", "--redis-url", server.url),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ACL SETUSER" in done.stdout


def test_the_readme_names_the_python_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"].removeprefix(">=") in TEXT
    assert sys.version_info >= (3, 11)
