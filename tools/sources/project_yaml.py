"""Reading YAML node by node, so that every value keeps its line; merge keys (`<<`) are honoured, tags are not run.

Aliases make a small file a large tree. What is read of one file is limited by `limited_visits`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import yaml

DEPTH_MAX = 4
"""Of merge keys: enough for real files."""
VISITS_MAX = 3_000_000
"""Nodes that are looked at for one file, again for each alias and reference: about two seconds."""


_OTHER_BREAKS = re.compile(r"[\x85\u2028\u2029]|\r(?!\n)")
"""Where YAML 1.1 begins a line, and no editor does."""


class TooManyNodes(ValueError):
    """Aliases or references make the file larger than what is read of one."""


@dataclass(slots=True)
class _Left:
    visits: int


_left: ContextVar[_Left | None] = ContextVar("visits left of a file", default=None)


@contextmanager
def limited_visits(visits: int = VISITS_MAX) -> Iterator[None]:
    """Within it, reading more nodes than `visits` raises TooManyNodes."""
    token = _left.set(_Left(visits))
    try:
        yield
    finally:
        _left.reset(token)


def _spend(visits: int) -> None:
    left = _left.get()
    if left is not None:
        left.visits -= visits
        if left.visits < 0:
            raise TooManyNodes("aliases or references multiply its content")


def composed(text: str) -> yaml.Node | None:
    """The tree of a text, its lines counted like those of `lines_of`. Raises yaml.YAMLError."""
    return yaml.compose(_OTHER_BREAKS.sub(" ", text))


def scalar(node: yaml.Node | None) -> str | None:
    """The text of a scalar; None for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def entries(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Key and value nodes of a mapping, merge keys included; nothing for anything else."""
    yield from _entries(node, 0, set())


def _entries(
    node: yaml.Node | None, depth: int, merged_in: set[int]
) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    # A mapping that was merged in once has nothing to add a second time.
    if not isinstance(node, yaml.MappingNode) or depth > DEPTH_MAX or id(node) in merged_in:
        return
    merged_in.add(id(node))
    _spend(1 + len(node.value))
    for key, value in node.value:
        if scalar(key) == "<<":
            for source in [value] if isinstance(value, yaml.MappingNode) else sequence_of(value):
                yield from _entries(source, depth + 1, merged_in)
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
        _spend(len(node.value))
        return list(node.value)
    return [node] if isinstance(node, yaml.ScalarNode) and node.value else []
