"""What a cluster's root explains is told apart from what only goes together with it."""

from __future__ import annotations

import pytest

from tools.synthesis.chains import Role, explained, steps_of
from tools.synthesis.explain import Link


def link(cause: str, effect: str, rule: str = "a-rule") -> Link:
    return Link(
        rule=rule, says="so", cause=cause, effect=effect, via="service a", at="2025-06-15T15:06:40.000Z"
    )


def same(one: str, other: str) -> Link:
    return link(one, other, "same-group")


@pytest.mark.parametrize(
    ("chain", "steps", "effects"),
    [
        pytest.param([link("R", "A"), link("A", "B")], [("effect", "R", "A"), ("effect", "A", "B")], ("A", "B"), id="effects of effects"),
        pytest.param([same("R", "A"), link("A", "B")], [("company", "R", "A"), ("effect", "A", "B")], (), id="what company explains"),
        pytest.param([same("A", "R")], [("company", "R", "A")], (), id="company that is named first"),
        pytest.param([link("R", "A"), link("B", "A"), link("B", "C")], [("effect", "R", "A"), ("cause", "A", "B"), ("effect", "B", "C")], ("A",), id="a further cause, and what it explains besides"),
    ],
)  # fmt: skip
def test_only_what_descends_from_the_root_is_explained_by_it(
    chain: list[Link], steps: list[tuple[Role, str, str]], effects: tuple[str, ...]
) -> None:
    assert [(step.role, step.told, step.added) for step in steps_of("R", chain)] == steps
    assert explained("R", chain) == effects
