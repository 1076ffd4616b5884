"""Small files that say much: they end in a gap, and their neighbours are read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.sources.code.trees import index_of
from tools.sources import file_limits, project_compose
from tools.sources.project_yaml import TooManyNodes, entries, limited_visits, mapping_of, merged
from tools.sources.records import FactKind


def _merging(width: int) -> str:
    lines = ["a: &a {k: v}"]
    lines += [
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * width)}]}}"
        for before, name in ("ab", "bc", "cd", "de")
    ]
    return "\n".join([*lines, "services: *e\n"])


def _all_of(width: int) -> str:
    lines = ["$schema: https://json-schema.org/draft", "title: x", "$defs:", "  a: {type: object}"]
    names = "abcdefghijkl"
    for before, name in pairwise(names):
        parts = ", ".join(["{$ref: '#/$defs/" + before + "'}"] * width)
        lines.append(f"  {name}: {{allOf: [{parts}]}}")
    return "\n".join([*lines, "allOf: [{$ref: '#/$defs/l'}]\n"])


def test_a_mapping_that_is_merged_often_is_read_once() -> None:
    root = yaml.compose(_merging(50))
    with limited_visits(1000):
        assert [key.value for key, _ in entries(mapping_of(root, "services"))] == ["k"]


def test_own_keys_win_and_every_source_is_merged() -> None:
    root = yaml.compose("a: &a {x: 1, y: 1}\nb: &b {z: 1}\nc: {<<: [*a, *b, *a], y: 2}\n")
    assert {name: node.value for name, node in merged(mapping_of(root, "c")).items()} == {
        "x": "1",
        "y": "2",
        "z": "1",
    }


def test_more_nodes_than_the_limit_are_refused_within_it_alone() -> None:
    root = yaml.compose("a: {x: 1, y: 2}\n")
    with pytest.raises(TooManyNodes), limited_visits(3):
        mapping_of(root, "a", "x")
    assert mapping_of(root, "a", "x") is not None


@pytest.mark.parametrize("name", ["x.schema.yaml", "compose.yaml"])
def test_a_file_that_multiplies_itself_is_a_gap_and_the_others_are_read(name: str, tmp_path: Path) -> None:
    shared = "x: &x\n  image: y\n  expose: [" + ", ".join(map(str, range(1, 3001))) + "]\n"
    many = shared + "services:\n" + "".join(f"  s{number}: *x\n" for number in range(1500))
    index = index_of(tmp_path, {name: _all_of(6) if "schema" in name else many, ".env": "A_KEY=1\n"})
    assert {gap.what for gap in index.gaps} == {name}
    assert [fact.name for fact in index.facts if fact.kind is FactKind.ENV_SET] == ["A_KEY"]


def test_records_over_the_limit_are_told() -> None:
    told: list[str] = []
    assert len(file_limits.within_limits(range(80_000), told.append)) == file_limits.RECORDS_MAX
    assert len(told) == 1


def test_every_port_of_one_service_fits() -> None:
    text = "services:\n  a:\n    image: x\n    ports: ['1-65535:1-65535']\n"
    told: list[str] = []
    assert file_limits.within_limits(project_compose.facts("compose.yaml", text, {}), told.append)
    assert told == []
