"""`run --mode static --diff-base`: what a user of a pull request gets, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.repositories import GitRepository
from tests.orchestrator.cli.test_app import typed
from tests.report.sarif_rules import checked

CODE = 'import os, redis\nORDERS = "orders"\nredis.Redis().xadd(ORDERS, {"trace_id": "1"})\nos.environ["OLD_URL"]\n'
OUTSIDE = ("--workspace", "../ws", "--state-db", "../state/o.db")


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "shop")
    made.commit({"app.py": CODE, ".env.example": "X=1\n", "streamgauge.toml": '[session]\nmode = "static"\n'})
    made.git("checkout", "-q", "-b", "feature")
    return made


def test_a_run_reports_what_the_change_brings_and_says_what_it_leaves_out(
    repository: GitRepository, tmp_path: Path
) -> None:
    repository.commit({"app.py": f'# moved\n{CODE}os.environ["NEW_URL"]\n'})
    (tmp_path / "tmp").mkdir()
    before = repository.state()
    done = typed(
        "run", "--diff-base", "main", *OUTSIDE, cwd=repository.root, environ={"TMPDIR": str(tmp_path / "tmp")}
    )
    assert done.returncode == 1, done.stderr
    assert "there were 2 findings; 2 of them are still there and not repeated, 0 are gone" in done.stdout
    report = json.loads((tmp_path / "ws" / "report.json").read_text(encoding="utf-8"))
    change = report["change"]
    assert (change["before"], change["still"], change["gone"], change["new"]) == (2, 2, 0, 1)
    assert change["commit"] == repository.git("rev-parse", "main")
    assert [finding["title"] for finding in report["findings"]] == [
        "NEW_URL is read by shop and declared nowhere"
    ]
    markdown = next((tmp_path / "ws").glob("REPORT_*.md")).read_text(encoding="utf-8")
    assert "**Partial view:** only what changed since commit" in markdown
    (result,) = checked((tmp_path / "ws" / "report.sarif").read_text(encoding="utf-8"))["results"]
    assert result["baselineState"] == "new"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert repository.state() == before
    assert list((tmp_path / "tmp").glob("streamgauge-base-*")) == []
    assert typed("report", *OUTSIDE, cwd=repository.root).returncode == 0
    again = json.loads((tmp_path / "ws" / "report.json").read_text(encoding="utf-8"))
    assert again["change"] == change


def test_a_change_that_brings_nothing_ends_with_0(repository: GitRepository) -> None:
    repository.commit({"README.md": "hello\n"})
    done = typed("run", "--diff-base", "main", "--quiet", *OUTSIDE, cwd=repository.root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["--diff-base", "nope"], "knows no revision 'nope'", id="unknown revision"),
        pytest.param(["--diff-base=--all"], "is no revision", id="an option"),
        pytest.param(
            ["--diff-base", "main", "--mode", "attach", "--redis-url", "redis://127.0.0.1:1"],
            "Use it with --mode static",
            id="attach",
        ),
        pytest.param(["--diff-base", "main", "--demo", "--mode", "static"], "has no history", id="demo"),
    ],
)
def test_what_cannot_be_compared_is_refused(repository: GitRepository, words: list[str], told: str) -> None:
    done = typed("run", *words, *OUTSIDE, cwd=repository.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (repository.root.parent / "ws").exists()


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE, encoding="utf-8")
    done = typed("run", "--mode", "static", "--diff-base", "main", "--project", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "is in no git repository" in done.stderr


def test_plan_tells_that_git_is_started(repository: GitRepository) -> None:
    done = typed("plan", "--diff-base", "main", cwd=repository.root)
    assert done.returncode == 0, done.stderr
    assert "the common history with main, and only what changed is reported" in done.stdout
    assert "starts git" in done.stdout
