"""The wheel works where it is installed: all packages, prompts, templates and the fleet are inside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.audits import left_behind_in

ROOT = Path(__file__).resolve().parents[1]
LEFT_BY_RUNS = ("node_modules/pino/pino.js", ".run/orders.pid", "services/orders/node_modules/x/index.js")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    for left in LEFT_BY_RUNS:
        path = source / "examples" / "node-shop" / left
        path.parent.mkdir(parents=True)
        path.write_text("left by a run\n", encoding="ascii")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("streamgauge-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in an environment of its own; dependencies come from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.EnvBuilder(with_pip=True).create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "venv" / "bin" / "streamgauge"


def run(script: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(script), *arguments],
        cwd=folder,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_everything_and_nothing_that_runs_left(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "prompts/log_watcher.md",
        "tools/report/html/front/page.html",
        "tools/report/html/vendor/dagre.js",
        "tools/report/html/vendor/dagre.LICENSE",
        "examples/orderflow/start.py",
        "examples/node-shop/package-lock.json",
        "examples/node-shop/.env",
        "streamgauge.toml.j2",
        "session_templates/claude/orchestrate.md.j2",
        "session_templates/claude/roles/log-watcher.md",
    ):
        assert [name for name in names if name.endswith(wanted)], wanted
    left = ("__pycache__", ".ruff_cache", ".run/", "monitor-session", "tests/", "node_modules")
    assert [name for name in names if any(part in name for part in left)] == []


def test_an_installed_streamgauge_audits_the_bundled_fleet(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "run", "--demo", "--duration", "12s")
    assert done.returncode == 1, done.stdout + done.stderr
    findings = json.loads((tmp_path / "monitor-session" / "all-findings.json").read_bytes())
    assert {finding["agentId"] for finding in findings} >= {
        "LOG_WATCHER",
        "CONFIG_AUDITOR",
        "ENHANCEMENT_SCOUT",
    }
    assert run(installed, tmp_path, "verify").returncode == 0
    assert left_behind_in(tmp_path) == []


def test_an_installed_streamgauge_says_what_to_do_where_there_is_nothing(
    installed: Path, tmp_path: Path
) -> None:
    done = run(installed, tmp_path, "run")
    assert done.returncode == 2
    assert "init" in done.stderr
    assert "--demo" in done.stderr
