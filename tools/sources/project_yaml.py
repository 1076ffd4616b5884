"""Reading YAML node by node, so that every value keeps its line; merge keys (`<<`) are honoured, tags are not run."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

DEPTH_MAX = 4
"""Of merge keys: enough for real files, and a bomb of aliases stays small."""


def scalar(node: yaml.Node | None) -> str | None:
    """The text of a scalar; None for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def entries(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Key and value nodes of a mapping, merge keys included; nothing for anything else."""
    yield from _entries(node, 0)


def _entries(node: yaml.Node | None, depth: int) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode) or depth > DEPTH_MAX:
        return
    for key, value in node.value:
        if scalar(key) == "<<":
            for source in [value] if isinstance(value, yaml.MappingNode) else sequence_of(value):
                yield from _entries(source, depth + 1)
    for key, value in node.value:
        if scalar(key) != "<<":
            yield key, value


def merged(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """A mapping by key; own keys win over merged ones. Empty for anything else."""
    return {name: value for key, value in entries(node) if (name := scalar(key)) is not None}


def mapping_of(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    """The node behind a path of keys; None where it is not there."""
    for name in path:
        node = merged(node).get(name)
    return node


def sequence_of(node: yaml.Node | None) -> list[yaml.Node]:
    """The items of a sequence; a scalar counts as one item; nothing for a mapping."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [node] if isinstance(node, yaml.ScalarNode) and node.value else []
