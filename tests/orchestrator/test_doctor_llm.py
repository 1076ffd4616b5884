"""`doctor` about the language model: whether one can take part, without asking it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.check import Verdict
from orchestrator.config.load import load
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Mode
from orchestrator.doctor import examine

KEY = {"ANTHROPIC_API_KEY": "sk-ant-hunter2hunter2"}


@pytest.mark.parametrize(
    ("text", "environ", "verdict", "words"),
    [
        pytest.param("", {}, Verdict.OK, "ANTHROPIC_API_KEY is not set", id="no key"),
        pytest.param("enabled = false", KEY, Verdict.OK, "llm.enabled is false", id="switched off"),
        pytest.param("", KEY, Verdict.OK, "a key is set (ANTHROPIC_API_KEY); claude-", id="a key"),
        pytest.param(
            "enabled = true", {}, Verdict.FAIL, "is asked for and ANTHROPIC_API_KEY", id="asked, no key"
        ),
    ],
)
def test_the_models_part(
    tmp_path: Path, text: str, environ: dict[str, str], verdict: Verdict, words: str
) -> None:
    (tmp_path / "streamgauge.toml").write_text(f"[llm]\n{text}\n", encoding="utf-8")
    loaded = load(project=None, config_file=None, environ={}, flags={}, cwd=tmp_path)
    found = examine(loaded, ModeDecision(Mode.STATIC, ("the test says so",)), environ)
    (check,) = [check for check in found if check.subject == "language model"]
    assert check.verdict is verdict
    assert words in check.saw
    assert bool(check.remedy) == (verdict is not Verdict.OK)
    assert "hunter2" not in str(check)
