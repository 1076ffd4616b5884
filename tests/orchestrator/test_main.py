"""Starting from anywhere: our own packages, quick help, nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = [sys.executable, "-m", "orchestrator"]


def started(*arguments: str, cwd: Path, python: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [*(python or ENTRY), *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """A project whose own packages are called like ours, and tell when they run."""
    for name in ("tools", "agents", "prompts"):
        (tmp_path / name).mkdir()
        text = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
        (tmp_path / name / "__init__.py").write_text(text, encoding="utf-8")
    return tmp_path


def test_packages_of_the_audited_project_are_never_run(audited: Path) -> None:
    done = started("version", cwd=audited)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    assert not (audited / "ran").exists()


@pytest.mark.parametrize("option", ["-P", "-I"])
def test_the_guard_leaves_a_path_alone_that_python_made_safe(audited: Path, option: str) -> None:
    done = started("version", cwd=audited, python=[sys.executable, option, "-m", "orchestrator"])
    assert (done.returncode, done.stderr) == (0, "")


def test_it_starts_in_its_own_checkout() -> None:
    assert started("version", cwd=ROOT).returncode == 0


def test_a_package_that_hides_ours_is_named_with_the_way_out(audited: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(audited)!r}]; import orchestrator.__main__ as entry; entry.main()"
    )
    done = started(cwd=ROOT.parent, python=[sys.executable, "-c", code])
    assert done.returncode == 2
    assert "'agents' is hidden by another one" in done.stderr
    assert "openai-agents" in done.stderr
    assert "uv tool install streamgauge" in done.stderr
    assert not (audited / "ran").exists()


HEAVY = ("langgraph", "langchain_core", "redis", "rich", "jinja2", "psutil", "yaml", "re2", "msgspec")


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        pytest.param(["--help"], (*HEAVY, "pydantic"), id="all commands"),
        pytest.param(["run", "--help"], HEAVY, id="run, whose option types make typer load pydantic"),
    ],
)
def test_help_imports_nothing_heavy_and_lists_the_exit_codes(
    tmp_path: Path, arguments: list[str], heavy: tuple[str, ...]
) -> None:
    code = (
        "import sys\nfrom orchestrator.cli.app import app\n"
        f"try:\n    app({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = started(cwd=tmp_path, python=[sys.executable, "-c", code])
    assert done.stdout.splitlines()[-1] == "[]"
    for exit_code in ("0", "1", "2", "3", "4", "75", "130", "143"):
        assert f"\n  {exit_code:>5}  " in done.stdout, exit_code
