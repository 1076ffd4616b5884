"""What `plan` and `doctor` say of alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.alerts import told
from orchestrator.check import Verdict
from orchestrator.config.model import AlertsSection, Config

HOOK = "receivers: [{name: hook, webhook: {url_env: HOOK}}, {name: here, console: {}}]\nroute: {receiver: hook, routes: [{match: {severity: critical}, receiver: here}]}\n"
ENVIRON = {"HOOK": "https://hooks.example.org/T0/secret"}


def config(folder: Path, text: str, *, shadow: bool = False) -> Config:
    file = folder / "alerts.yaml"
    file.write_text(text, encoding="utf-8")
    return Config(alerts=AlertsSection(file=file, shadow=shadow))


def test_a_plan_says_what_would_leave_and_for_whom(tmp_path: Path) -> None:
    (line,) = told.plan(config(tmp_path, HOOK), ENVIRON)
    assert line.startswith("alerts to hook (https://hooks.example.org): titles of findings")
    assert list(told.plan(config(tmp_path, HOOK, shadow=True), ENVIRON)) == [
        "no alert: alerts.shadow is set, they are printed"
    ]
    assert list(told.plan(Config(), ENVIRON)) == []


@pytest.mark.parametrize(
    ("text", "environ", "verdict", "saw"),
    [
        pytest.param(HOOK, ENVIRON, Verdict.OK, "hook (https://hooks.example.org)", id="well"),
        pytest.param(HOOK, {}, Verdict.WARN, "needs the variable HOOK", id="a variable is missing"),
        pytest.param("route: 1\n", {}, Verdict.FAIL, "receivers: is missing", id="a wrong file"),
    ],
)
def test_doctor_looks_at_the_file_and_the_variables(
    tmp_path: Path, text: str, environ: dict[str, str], verdict: Verdict, saw: str
) -> None:
    (check,) = told.examine(config(tmp_path, text), environ)
    assert check.verdict is verdict
    assert saw in check.saw
    assert "secret" not in check.saw


def test_doctor_is_silent_without_alerts() -> None:
    assert list(told.examine(Config(), {})) == []
