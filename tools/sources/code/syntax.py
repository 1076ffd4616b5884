"""The adapter over the parser: the only importer of ast-grep. Parse, kind, field, children, ancestors, range.

The parser panics with a BaseException on a language it does not know, so languages are on a list here.
Another tree library would replace this module and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ast_grep_py import SgNode, SgRoot

LANGUAGES = {
    ".py": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".go": "go",
}
"""File extension → language."""


class Node:
    """One node of a syntax tree. Lines count from 1, offsets are characters."""

    __slots__ = ("_node", "kind")

    def __init__(self, node: SgNode) -> None:
        self._node = node
        self.kind: str = node.kind()

    @property
    def text(self) -> str:
        """The source text of the node."""
        return self._node.text()

    @property
    def line(self) -> int:
        """The first line."""
        return self._node.range().start.line + 1

    @property
    def end_line(self) -> int:
        """The last line."""
        return self._node.range().end.line + 1

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self._node.range().start.index

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self._node.range().end.index

    def children(self) -> list[Node]:
        """The named children, in order."""
        return [Node(child) for child in self._node.children() if child.is_named()]

    def tokens(self) -> list[str]:
        """The kinds of all children, unnamed ones (keywords, operators) included."""
        return [child.kind() for child in self._node.children()]

    def field(self, name: str) -> Node | None:
        """The child in a field of the grammar."""
        child = self._node.field(name)
        return None if child is None else Node(child)

    def parent(self) -> Node | None:
        """The node around this one."""
        parent = self._node.parent()
        return None if parent is None else Node(parent)

    def ancestors(self) -> Iterator[Node]:
        """The nodes around this one, innermost first."""
        node = self.parent()
        while node is not None:
            yield node
            node = node.parent()

    def find(self, kinds: Collection[str]) -> Iterator[Node]:
        """This node and all below it whose kind is one of `kinds`, in source order."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.kind in kinds:
                yield node
            stack.extend(reversed(node.children()))

    def same(self, other: Node | None) -> bool:
        """Whether both are the same piece of source."""
        return other is not None and (self.start, self.end) == (other.start, other.end)


def parse(text: str, language: str) -> Node:
    """The root of the syntax tree. Raises ValueError for a language that is not on the list."""
    if language not in LANGUAGES.values():
        raise ValueError(f"{language!r} is not a language that can be parsed")
    return Node(SgRoot(text, language).root())
