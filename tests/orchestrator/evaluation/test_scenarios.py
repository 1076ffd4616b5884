"""Scenario files: the bundled ones hold, and what cannot be used is named with its file and key."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import bundled
from orchestrator.config.load import load
from orchestrator.evaluation import scenarios
from orchestrator.evaluation.scenarios import Kind, Scenario
from orchestrator.evaluation.stage import Ports, prepare
from tools.errors import ConfigError, UsageError

BUNDLED = bundled.folder("examples") / "scenarios"
GOOD = """
title = "A service"
kind = "fault"
duration = "20s"
config = '''
[thresholds]
consumer_lag = 7
'''
[[service]]
name = "shop"
env = { COLOUR = "dark \\"red\\"" }
step = [{ do = "produce", stream = "orders", rate = 2, mark = "begun" }]
[[expect]]
id = "lag"
category = "CONSUMER_LAG"
mark = "begun"
"""


def one(folder: Path, text: str, name: str = "slow") -> Scenario:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return scenarios.read(folder)[0]


def test_the_bundled_scenarios_are_many_and_of_every_kind() -> None:
    kinds = Counter(scenario.facts.kind for scenario in scenarios.read(BUNDLED))
    assert sum(kinds.values()) >= 30
    assert kinds[Kind.HEALTHY] >= 5
    assert kinds[Kind.RED_HERRING] >= 5
    assert kinds[Kind.CHAIN] >= 5


@pytest.mark.parametrize("scenario", scenarios.read(BUNDLED), ids=lambda scenario: scenario.name)
def test_a_bundled_scenario_makes_a_configuration_that_is_valid(scenario: Scenario, tmp_path: Path) -> None:
    stage = prepare(scenario, 1, tmp_path, 20_001)
    config = load(project=None, config_file=stage.config, environ={}, flags={}, cwd=tmp_path).config
    assert config.project.root == stage.project
    assert config.session.mode == scenario.facts.mode
    assert {entry.name for entry in config.services.list} == (
        {service.name for service in scenario.facts.service} if scenario.facts.mode == "managed" else set()
    )


@pytest.mark.parametrize("scenario", scenarios.read(BUNDLED), ids=lambda scenario: scenario.name)
def test_labels_lie_outside_what_is_audited(scenario: Scenario, tmp_path: Path) -> None:
    stage = prepare(scenario, 1, tmp_path, 20_001)
    texts = [path.read_text(encoding="utf-8") for path in stage.project.rglob("*") if path.is_file()]
    assert not any(scenario.facts.title in text for text in texts)


def test_a_run_has_its_project_scripts_and_settings(tmp_path: Path) -> None:
    scenario = one(tmp_path / "scenarios", GOOD)
    (tmp_path / "scenarios" / "slow").mkdir()
    (tmp_path / "scenarios" / "slow" / "app.py").write_text("pass\n", encoding="utf-8")
    scenario = scenarios.read(tmp_path / "scenarios")[0]
    stage = prepare(scenario, 3, tmp_path / "out", 20_007)
    assert stage.folder == tmp_path / "out" / "slow-3"
    assert (stage.project / "app.py").read_text(encoding="utf-8") == "pass\n"
    script = json.loads((stage.folder / "scripts" / "shop.json").read_text(encoding="utf-8"))
    assert script["steps"] == [
        {"do": "produce", "at": 0.0, "runs": [], "mark": "begun", "rate": 2.0, "stream": "orders"}
    ]
    config = tomllib.loads(stage.config.read_text(encoding="utf-8"))
    assert config["thresholds"] == {"consumer_lag": 7}
    assert config["session"] == {"mode": "managed", "duration": "20s", "poll_interval": "2s"}
    (entry,) = config["services"]["list"]
    assert entry["env"]["COLOUR"] == 'dark "red"'
    assert entry["env"]["REDIS_URL"] == config["redis"]["url"] == "redis://127.0.0.1:20007/0"


def test_a_run_from_before_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    scenario = one(tmp_path / "scenarios", GOOD)
    first = prepare(scenario, 1, tmp_path, 20_001)
    (first.folder / "left.txt").touch()
    assert not (prepare(scenario, 1, tmp_path, 20_001).folder / "left.txt").exists()
    other = tmp_path / "slow-2"
    other.mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(UsageError, match="holds something else"):
        prepare(scenario, 2, tmp_path, 20_001)
    assert (other / "thesis.txt").exists()


def test_no_port_is_handed_out_twice_and_taken_ones_are_left_out() -> None:
    asked: list[int] = []

    def is_free(_host: str, port: int) -> bool:
        asked.append(port)
        return len(asked) % 2 == 0

    ports = Ports(is_free)
    taken = [ports.take() for _ in range(20)]
    assert len(set(taken)) == 20
    assert taken == asked[1::2]
    with pytest.raises(UsageError, match="No free port"):
        Ports(lambda _host, _port: False).take()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(("kind =", "kinds ="), "kind: ", id="a key that is missing"),
        pytest.param(('"CONSUMER_LAG"', '"LAGGARD"'), "is no category", id="no category"),
        pytest.param(('do = "produce", ', 'do = "dance", '), "service.0.step.0.do: ", id="no action"),
        pytest.param(('stream = "orders", ', ""), "needs stream", id="a step without its stream"),
        pytest.param(("rate = 2", "rate = 0"), "service.0.step.0.rate: ", id="no rate"),
        pytest.param(('id = "lag"\n', ""), "needs an id", id="an expectation without id"),
        pytest.param(
            ('[[expect]]\nid = "lag"', '[[expect]]\nid = "lag"\nwhen = 3'), "expect.0.when: ", id="unknown"
        ),
        pytest.param(('mark = "begun"\n', 'mark = "ended"\n'), "no step has the mark 'ended'", id="no mark"),
        pytest.param(('"fault"', '"healthy"'), "expects nothing", id="a healthy one with faults"),
        pytest.param(('"fault"', '"chain"'), "belong together", id="a chain without [chain]"),
        pytest.param(("duration", "= duration"), "it is no TOML", id="no TOML"),
        pytest.param(("consumer_lag = 7", "= 7"), "it is no TOML", id="no TOML in config"),
        pytest.param(('duration = "20s"', 'duration = "soon"'), "duration: ", id="no duration"),
    ],
)
def test_a_scenario_that_cannot_be_used_is_named(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "slow.toml"))) as caught:
        one(tmp_path, text)
    assert told in str(caught.value)


def test_a_name_that_no_scenario_has_is_told_with_those_there_are(tmp_path: Path) -> None:
    one(tmp_path, GOOD)
    with pytest.raises(UsageError, match=r"no scenario 'fast'. There are: slow"):
        scenarios.read(tmp_path, ("fast",))
    with pytest.raises(UsageError, match="holds no scenarios"):
        scenarios.read(tmp_path / "elsewhere")
