"""A skip needs a listed reason; any other fails, and those that were used are told at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import skips

ROOT = Path(__file__).resolve().parents[1]
CONFTEST = """\
from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport, pytest_terminal_summary
"""
TESTS = """\
import pytest
def test_well(): pass
def test_allowed(): pytest.skip("kubectl is not on PATH")
@pytest.mark.skipif(True, reason="Linux only")
def test_allowed_by_mark(): pass
def test_invented(): pytest.skip("too slow today")
@pytest.mark.skip
def test_without_reason(): pass
@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""


def run(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:langsmith_plugin",
    ]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_skip_without_a_listed_reason_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS)
    assert done.returncode == 1
    assert "1 failed, 1 passed, 2 skipped, 1 xfailed, 1 error" in done.stdout
    assert "tests/skips.py does not list: too slow today" in done.stdout
    assert "    1  Linux only\n    1  kubectl is not on PATH" in done.stdout


def test_a_module_skipped_without_a_listed_reason_is_an_error(tmp_path: Path) -> None:
    done = run(tmp_path, "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n")
    assert done.returncode != 0
    assert "does not list: could not import 'no_such_module'" in done.stdout


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("Linux only", True), ("no build of redis-6.2 for Darwin arm64", True), ("Linux only today", False),
        ("no C compiler", True), ("unconditional skip", False), ("", False),
    ],
)  # fmt: skip
def test_reasons_are_whole_texts(text: str, allowed: bool) -> None:
    assert skips.is_allowed(text) is allowed
