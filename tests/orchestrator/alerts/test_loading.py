"""The alert file: every mistake with file, line, key and remedy; what can have no effect is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import bundled
from orchestrator.alerts import checking
from orchestrator.alerts.loading import parse, read
from tests.orchestrator.alerts.scenes import START_MS, episode
from tools.errors import ConfigError

HEAD = "receivers:\n  - name: team\n    console: {}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "a.yaml: holds no rules", id="empty"),
        pytest.param("[1]", "a.yaml: holds no rules", id="a list"),
        pytest.param("a: [", "a.yaml:1: is no YAML that can be read", id="no YAML"),
        pytest.param("a: &a [*a]", "is no YAML that can be read", id="one that holds itself"),
        pytest.param("a: !!python/name:os.system x", "is no YAML that can be read", id="a tag that runs"),
        pytest.param(f"{HEAD}{HEAD}", "a.yaml:4: is no YAML that can be read: the key receivers", id="twice"),
        pytest.param(HEAD, "a.yaml:1: route: is missing. Add it.", id="no route"),
        pytest.param(f"{HEAD}route: {{}}\n", "a.yaml:4: route: the first route has no receiver", id="nobody"),
        pytest.param(
            f"{HEAD}route:\n  receiver: teem\n",
            "a.yaml:5: route.receiver: 'teem' is no receiver. There are team.",
            id="unknown receiver",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  routes:\n    - recever: team\n",
            "a.yaml:7: route.routes[0].recever: unknown key",
            id="unknown key",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  group_interval: 5m\n  routes:\n    - repeat_interval: 1m\n",
            "a.yaml:8: route.routes[0].repeat_interval: what lasts cannot be told again",
            id="repeat before group",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  group_wait: soon\n",
            "a.yaml:6: route.group_wait: 'soon' is not a duration",
            id="no duration",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  group_by: [colour]\n",
            "a.yaml:6: route.group_by: 'colour' is no label",
            id="unknown label",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  routes:\n    - match_any: [{{}}]\n",
            "a.yaml:7: route.routes[0].match_any: one of them matches everything. Name what each takes.",
            id="any of everything",
        ),
        pytest.param(
            f"{HEAD}route:\n  receiver: team\n  match: {{severity: bad}}\n",
            "a.yaml:6: route.match.severity: 'bad' is no severity",
            id="unknown severity",
        ),
        pytest.param(
            f"{HEAD}route: {{receiver: team}}\nsilences:\n  - match: {{service: a}}\n    until: 2030-01-01\n    author: x\n",
            "a.yaml:6: silences[0].comment: is missing",
            id="a silence without a reason",
        ),
        pytest.param(
            f"{HEAD}route: {{receiver: team}}\nsilences:\n  - {{match: {{}}, until: 2030-01-01, author: x, comment: y}}\n",
            "it silences everything",
            id="a silence of all",
        ),
        pytest.param(
            "receivers:\n  - name: a\n    console: {}\n    pagerduty: {}\nroute: {receiver: a}\n",
            "a.yaml:2: receivers[0]: a receiver has one channel",
            id="two channels",
        ),
        pytest.param(
            "receivers:\n  - name: a\n    webhook: {url: 'https://u:p@h/x'}\nroute: {receiver: a}\n",
            "the address holds a secret. Put it into a variable",
            id="a secret in the file",
        ),
        pytest.param(
            f"{HEAD}  - name: team\n    console: {{}}\nroute: {{receiver: team}}\n",
            "a.yaml:4: receivers[1].name: 'team' is there already",
            id="a name twice",
        ),
        pytest.param(
            f"{HEAD}route: {{receiver: team}}\nbudget: {{per_receiver_per_hour: 0}}\n",
            "a.yaml:5: budget.per_receiver_per_hour",
            id="no budget",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(text.encode(), "a.yaml")
    assert said in str(wrong.value)


def test_every_mistake_is_told() -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(f"{HEAD}route: {{receiver: x, repeat_interval: 1s}}\n".encode(), "a.yaml")
    assert len(wrong.value.errors) == 2


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="alerts init"):
        read(tmp_path / "none.yaml")


def test_the_rules_that_ship_have_an_effect_each() -> None:
    rules = read(bundled.folder("session_templates") / "alerts.yaml")
    assert list(checking.problems(rules, [], START_MS)) == []
    told = {
        name: [line for line in checking.taken(rules, [item]) if "1 of 1" in line]
        for name, item in {
            "critical": episode(severity="CRITICAL"),
            "high": episode(severity="HIGH"),
            "medium": episode(severity="MEDIUM"),
            "security": episode(severity="MEDIUM", category="SECURITY"),
            "failed": episode("r", "HIGH", event="run.failed"),
            "stalled": episode("s", "HIGH", event="run.stalled"),
            "chain": episode("c", "HIGH", event="chain.failed"),
            "finished": episode("f", "INFO", event="run.finished"),
        }.items()
    }
    assert {name: lines[0].split(" ")[0] for name, lines in told.items()} == {
        "critical": "route.routes[0]",
        "high": "route.routes[0]",
        "medium": "route",
        "security": "route.routes[0]",
        "failed": "route.routes[1]",
        "stalled": "route.routes[2]",
        "chain": "route.routes[3]",
        "finished": "route",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "routes: [{match: {category: consumer_lagg}}]", "'consumer_lagg' can match nothing", id="category"
        ),
        pytest.param("routes: [{match: {rule: 'stream.*lagg'}}]", "can match nothing", id="rule"),
        pytest.param("routes: [{match: {event: finished}}]", "can match nothing", id="event"),
        pytest.param(
            "routes: [{match: {service: a}}, {match: {service: a}}]",
            "routes[1] can never be reached",
            id="same",
        ),
        pytest.param("routes: [{}, {match: {service: a}}]", "routes[1] can never be reached", id="after all"),
        pytest.param(
            "routes: [{match_any: [{service: a}, {event: finished}]}]",
            "can match nothing",
            id="one of several",
        ),
        pytest.param(
            "routes: [{match_any: [{service: a}]}, {match_any: [{service: a}]}]",
            "routes[1] can never be reached",
            id="the same several",
        ),
    ],
)
def test_a_route_that_can_do_nothing_says_so(text: str, said: str) -> None:
    rules = parse(f"{HEAD}route: {{receiver: team, {text}}}\n".encode(), "a.yaml")
    (problem,) = checking.problems(rules, [], START_MS)
    assert said in problem


def test_silences_that_are_over_or_match_nothing_and_unused_receivers_are_told() -> None:
    text = (
        f"{HEAD}  - name: other\n    console: {{}}\nroute: {{receiver: team}}\nsilences:\n"
        "  - {match: {service: gone}, until: 2020-01-01, author: x, comment: y}\n"
    )
    told = list(checking.problems(parse(text.encode(), "a.yaml"), [episode(service="here")], START_MS))
    assert [line.split(" ")[0] for line in told] == ["the", "silences[0]", "silences[0]"]
    assert "matches none of the 1 episodes" in told[2]
