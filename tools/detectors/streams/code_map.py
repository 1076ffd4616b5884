"""The code beside the live server: which places write, read and trim a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.sources.records import CodeIndex, CodeKind, CodeUse, FactKind, plain_name

_TOLD_MAX = 3
_LITERAL_MIN = 3
"""Letters that a name with unknown parts must have to be taken for a name at all."""


@dataclass
class CodeMap:
    """Uses of streams by kind and by name. Empty without an index; `known` tells whether there is one."""

    known: bool
    declared: set[str] = field(default_factory=set)
    """Streams that configuration or documents name."""
    _exact: dict[tuple[CodeKind, str], list[CodeUse]] = field(default_factory=dict)
    _patterns: dict[CodeKind, list[tuple[str, CodeUse]]] = field(default_factory=dict)
    _unresolved: dict[CodeKind, int] = field(default_factory=dict)

    def add(self, use: CodeUse) -> None:
        """Take up one place."""
        value = None if use.stream is None else use.stream.value
        if value is None or ("{}" in value and sum(map(str.isalnum, value)) < _LITERAL_MIN):
            if use.stream is not None:
                self._unresolved[use.kind] = self._unresolved.get(use.kind, 0) + 1
        elif "{}" in value:
            self._patterns.setdefault(use.kind, []).append((value, use))
        else:
            self._exact.setdefault((use.kind, value), []).append(use)

    def uses(self, kind: CodeKind, stream: str) -> list[CodeUse]:
        """Places of one kind that name this stream, by name or by a pattern (`orders:{}`), in whatever database."""
        stream = plain_name(stream)
        found = list(self._exact.get((kind, stream), ()))
        return found + [use for pattern, use in self._patterns.get(kind, ()) if matches(pattern, stream)]

    def unresolved(self, *kinds: CodeKind) -> int:
        """Places of these kinds whose stream is not known."""
        return sum(self._unresolved.get(kind, 0) for kind in kinds)

    def any(self, kind: CodeKind) -> bool:
        """Whether the code has a place of this kind at all."""
        return (
            kind in self._patterns or self.unresolved(kind) > 0 or any(key[0] is kind for key in self._exact)
        )

    def names(self, stream: str) -> bool:
        """Whether any place in code, configuration or documents names the stream."""
        return plain_name(stream) in self.declared or any(self.uses(kind, stream) for kind in CodeKind)

    def writes_capped(self, stream: str) -> bool:
        """Whether some place caps the stream: an XADD with MAXLEN or MINID, or an XTRIM."""
        return any(map(is_capped, self.uses(CodeKind.XADD, stream))) or bool(
            self.uses(CodeKind.XTRIM, stream)
        )

    def producers(self, stream: str) -> tuple[str, ...]:
        """Services that write the stream; the file's path where its service is not known."""
        return _owners(self.uses(CodeKind.XADD, stream))

    def consumers(self, stream: str) -> tuple[str, ...]:
        """Services that read the stream, with or without a group."""
        return _owners(self.uses(CodeKind.XREADGROUP, stream) + self.uses(CodeKind.XREAD, stream))

    def reads(self, stream: str, group: str) -> list[CodeUse]:
        """Places that read the stream as this group; one whose group is not known is none."""
        return [
            use
            for use in self.uses(CodeKind.XREADGROUP, stream)
            if use.group is not None and use.group.value is not None and matches(use.group.value, group)
        ]


def code_map(index: CodeIndex | None) -> CodeMap:
    """The map of an index."""
    found = CodeMap(known=index is not None)
    if index is not None:
        for use in index.uses:
            found.add(use)
        found.declared.update(fact.name for fact in index.facts if fact.kind is FactKind.STREAM)
    return found


def is_capped(use: CodeUse) -> bool:
    """Whether an XADD has a cap."""
    return "maxlen" in use.options or "minid" in use.options


def told_places(uses: list[CodeUse]) -> str:
    """The first few of such places for a person, with the COUNT that they give; "" where there are none."""
    told = [
        f"{use.path}:{use.line}" + (f" ({', '.join(about)})" if (about := _about(use)) else "")
        for use in sorted(uses, key=lambda use: (use.path, use.line))[:_TOLD_MAX]
    ]
    return ", ".join(told) + (", …" if len(uses) > _TOLD_MAX else "")


def _about(use: CodeUse) -> list[str]:
    count = use.options.get("count", "")
    return [text for text in (use.service, f"COUNT {count}" if count.isdigit() else "") if text]


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern whose `{}` each stand for one or more characters. Linear in the name."""
    first, *rest = pattern.split("{}")
    if not rest:
        return pattern == name
    if not name.startswith(first):
        return False
    at = len(first)
    for literal in rest[:-1]:
        found = name.find(literal, at + 1)
        if found < 0:
            return False
        at = found + len(literal)
    return name.endswith(rest[-1]) and len(name) - len(rest[-1]) > at


def _owners(uses: list[CodeUse]) -> tuple[str, ...]:
    return tuple(sorted({use.service or use.path for use in uses}))
