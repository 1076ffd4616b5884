"""Reads a Python file into a `Module`: scopes, bindings, imports, calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from tools.sources.code import blocks, python_reads
from tools.sources.code.answers import Tests, answers_absence
from tools.sources.code.guards import is_guarded
from tools.sources.code.program import (
    TEXT_CHARS_MAX,
    Expression,
    ExpressionKind,
    Import,
    Module,
    Parameter,
    Scope,
    Site,
)
from tools.sources.code.syntax import Node, parse
from tools.sources.source_lines import lines_of

_CAPITALS = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\'": "'", '\\"': '"'}
_TRANSPARENT = {"await", "parenthesized_expression", "type", "named_expression"}


def read(path: str, text: str, language: str = "python") -> Module:
    """The module of one file. Raises RecursionError for absurdly deep nesting."""
    reader = _Reader(path, text)
    reader.visit(parse(text, language), 0)
    return reader.module


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        module_scope = Scope(0, "module", "", None, 1)
        self.module = Module(path, "python", lines_of(text), [module_scope])
        self._tests = Tests()

    def visit(self, node: Node, scope: int) -> None:
        if node.kind in blocks.KINDS:
            blocks.read(self.module, node)
        handler = _HANDLERS.get(node.kind)
        if handler is not None:
            handler(self, node, scope)
            return
        if node.kind in {"call", "subscript"}:
            self.site(node, scope)
        elif node.kind == "comment":
            self.module.comments.append((node.line, node.text))
        for child in node.children():
            self.visit(child, scope)

    def site(self, node: Node, scope: int) -> None:
        made = expression(node)
        is_read = made.kind == "member" and _CAPITALS.fullmatch(made.value)
        is_open_read = made.kind == "index" and "env" in made.parts[0].text.lower()
        if made.kind == "call" or is_read or is_open_read:
            if node.kind == "subscript" and python_reads.is_target(node):
                return
            fallback, tested = python_reads.use_of(node)
            if fallback is None and not tested and "env" in made.text:
                tested = answers_absence(node, self._tests) or is_guarded(node, self._tests)
            self.module.sites.append(Site(made, scope, fallback, tested))

    def function(self, node: Node, scope: int) -> None:
        name = _text_of(node.field("name")) or "<lambda>"
        inner = self.enter("function", name, scope, node)
        inner.parameters = _parameters(node.field("parameters"))
        for part in (node.field("parameters"), node.field("return_type")):
            if part is not None:
                self.visit(part, scope)
        body = node.field("body")
        if body is not None:
            if node.kind == "lambda":
                inner.returns.append(expression(body))
            self.visit(body, inner.index)

    def klass(self, node: Node, scope: int) -> None:
        inner = self.enter("class", _text_of(node.field("name")), scope, node)
        bases = node.field("superclasses")
        inner.bases = tuple(map(expression, bases.children())) if bases is not None else ()
        body = node.field("body")
        if body is not None:
            self.visit(body, inner.index)

    def enter(self, kind: Literal["class", "function"], name: str, scope: int, node: Node) -> Scope:
        inner = Scope(len(self.module.scopes), kind, name, scope, node.line, end_line=node.end_line)
        self.module.scopes.append(inner)
        # A comment above the first statement of a body is none of its children.
        self.module.comments += [(part.line, part.text) for part in node.children() if part.kind == "comment"]
        if name != "<lambda>":
            self.module.scopes[scope].definitions[name] = inner.index
        return inner

    def import_names(self, node: Node, scope: int) -> None:
        imports = self.module.scopes[scope].imports
        for child in node.children():
            if child.kind == "aliased_import":
                imports[_text_of(child.field("alias"))] = Import(_text_of(child.field("name")))
            elif child.kind == "dotted_name":
                first = child.text.split(".")[0]
                imports[first] = Import(first)

    def import_from(self, node: Node, scope: int) -> None:
        source, *names = node.children()
        for child in names:
            if child.kind == "wildcard_import":
                self.module.stars.append(source.text)
            elif child.kind == "aliased_import":
                target = Import(source.text, _text_of(child.field("name")))
                self.module.scopes[scope].imports[_text_of(child.field("alias"))] = target
            elif child.kind == "dotted_name":
                self.module.scopes[scope].imports[child.text] = Import(source.text, child.text)

    def assignment(self, node: Node, scope: int) -> None:
        left, right = node.field("left") or node.field("name"), node.field("right") or node.field("value")
        if left is not None and right is not None:
            value = right
            while value.kind == "assignment" and (inner := value.field("right")) is not None:
                value = inner
            self.bind(left, expression(value), scope)
        if left is not None and right is None and self.module.scopes[scope].kind == "class":
            kind = node.field("type")
            note = Expression("other", _cut(_text_of(kind)), node.line, node.end_line)
            self.module.scopes[scope].bind(left.text, note)
        for part in (left, right):
            if part is not None:
                self.visit(part, scope)

    def bind(self, target: Node, value: Expression, scope: int) -> None:
        if target.kind == "identifier":
            self.module.scopes[scope].bind(target.text, value)
        elif target.kind == "attribute":
            owner, name = target.field("object"), target.field("attribute")
            around = self.module.class_of(scope)
            if (
                owner is not None
                and name is not None
                and owner.text in {"self", "cls"}
                and around is not None
            ):
                around.fields.setdefault(name.text, []).append((scope, value))
        elif target.kind in {"pattern_list", "tuple_pattern", "list_pattern"}:
            for position, part in enumerate(target.children()):
                self.bind(part, _unpacked(value, position), scope)

    def loop(self, node: Node, scope: int) -> None:
        left, right = node.field("left"), node.field("right")
        if left is not None and right is not None:
            over = expression(right)
            kind: ExpressionKind = "element"
            self.bind(left, Expression(kind, over.text, over.line, over.end_line, parts=(over,)), scope)
        for child in node.children():
            self.visit(child, scope)

    def returned(self, node: Node, scope: int) -> None:
        for child in node.children():
            if self.module.scopes[scope].kind == "function":
                self.module.scopes[scope].returns.append(expression(child))
            self.visit(child, scope)


_HANDLERS = {
    "function_definition": _Reader.function,
    "lambda": _Reader.function,
    "class_definition": _Reader.klass,
    "import_statement": _Reader.import_names,
    "import_from_statement": _Reader.import_from,
    "assignment": _Reader.assignment,
    "named_expression": _Reader.assignment,
    "for_statement": _Reader.loop,
    "for_in_clause": _Reader.loop,
    "return_statement": _Reader.returned,
}


def expression(node: Node) -> Expression:
    """The expression of a node."""
    while node.kind in _TRANSPARENT and (inner := node.children()):
        node = inner[-1]
    maker = _MAKERS.get(node.kind)
    return maker(node) if maker is not None else _make(node, "other")


def _make(
    node: Node,
    kind: ExpressionKind,
    value: str = "",
    parts: tuple[Expression, ...] = (),
    pairs: tuple[tuple[Expression | None, Expression], ...] = (),
) -> Expression:
    return Expression(kind, _cut(node.text), node.line, node.end_line, value, parts, pairs)


def _string(node: Node) -> Expression:
    parts: list[Expression] = []
    for child in node.children():
        if child.kind == "string_content":
            parts.append(_make(child, "text", _unescaped(child.text)))
        elif child.kind == "interpolation":
            inner = child.children()
            parts.append(expression(inner[0]) if inner else _make(child, "other"))
    if all(part.kind == "text" for part in parts):
        return _make(node, "text", "".join(part.value for part in parts))
    return _make(node, "joined", parts=tuple(parts))


def _joined(node: Node) -> Expression:
    return _make(node, "joined", parts=tuple(map(expression, node.children())))


def _binary(node: Node) -> Expression:
    tokens = node.tokens()
    if "+" in tokens:
        return _joined(node)
    if "%" in tokens:
        left, *_ = node.children()
        text = re.sub(r"%[-#0 +]*\d*(?:\.\d+)?[sdrixf]|%\(\w+\)[sdrixf]", "{}", expression(left).value)
        return _make(node, "text", text) if expression(left).kind == "text" else _make(node, "other")
    return _make(node, "other")


def _boolean(node: Node) -> Expression:
    return _make(node, "choice", parts=tuple(map(expression, node.children())))


def _conditional(node: Node) -> Expression:
    children = node.children()
    return _make(node, "choice", parts=tuple(expression(child) for child in (children[0], children[-1])))


def _attribute(node: Node) -> Expression:
    owner, name = node.field("object"), node.field("attribute")
    if owner is None or name is None:
        return _make(node, "other")
    return _make(node, "member", name.text, (expression(owner),))


def _subscript(node: Node) -> Expression:
    owner, key = node.field("value"), node.field("subscript")
    if owner is None or key is None:
        return _make(node, "other")
    made = expression(key)
    if made.kind == "text":
        return _make(node, "member", made.value, (expression(owner),))
    return _make(node, "index", "", (expression(owner), made))


def _call(node: Node) -> Expression:
    callee, arguments = node.field("function"), node.field("arguments")
    if callee is None or arguments is None:
        return _make(node, "other")
    parts = [expression(callee)]
    pairs: list[tuple[Expression | None, Expression]] = []
    children = arguments.children() if arguments.kind == "argument_list" else [arguments]
    for child in children:
        if child.kind == "keyword_argument":
            name, value = child.field("name"), child.field("value")
            if name is not None and value is not None:
                pairs.append((_make(name, "text", name.text), expression(value)))
        elif child.kind == "dictionary_splat":
            pairs.extend((None, expression(inner)) for inner in child.children())
        elif child.kind != "comment":
            parts.append(expression(child))
    return _make(node, "call", "", tuple(parts), tuple(pairs))


def _dictionary(node: Node) -> Expression:
    pairs: list[tuple[Expression | None, Expression]] = []
    for child in node.children():
        key, value = child.field("key"), child.field("value")
        if child.kind == "pair" and key is not None and value is not None:
            pairs.append((expression(key), expression(value)))
        elif child.kind == "dictionary_splat":
            pairs.extend((None, expression(inner)) for inner in child.children())
    return _make(node, "map", pairs=tuple(pairs))


def _comprehension(node: Node) -> Expression:
    # Keys of {stream: ">" for stream in X}: the loop variable is bound in the scope by the reader.
    body = node.field("body")
    if body is not None and body.kind == "pair":
        key, value = body.field("key"), body.field("value")
        if key is not None and value is not None:
            return _make(node, "map", pairs=((expression(key), expression(value)),))
    return _make(node, "list", parts=(expression(body),)) if body is not None else _make(node, "other")


def _spread(node: Node) -> Expression:
    return _make(node, "spread", parts=tuple(map(expression, node.children())))


_MAKERS: dict[str, Callable[[Node], Expression]] = {
    "string": _string,
    "concatenated_string": _joined,
    "binary_operator": _binary,
    "boolean_operator": _boolean,
    "conditional_expression": _conditional,
    "attribute": _attribute,
    "subscript": _subscript,
    "call": _call,
    "dictionary": _dictionary,
    "dictionary_comprehension": _comprehension,
    "list_comprehension": _comprehension,
    "generator_expression": _comprehension,
    "list_splat": _spread,
    "list": lambda node: _make(node, "list", parts=tuple(map(expression, node.children()))),
    "tuple": lambda node: _make(node, "list", parts=tuple(map(expression, node.children()))),
    "set": lambda node: _make(node, "list", parts=tuple(map(expression, node.children()))),
    "expression_list": lambda node: _make(node, "list", parts=tuple(map(expression, node.children()))),
    "identifier": lambda node: _make(node, "name", node.text),
    "integer": lambda node: _make(node, "number", node.text),
    "float": lambda node: _make(node, "number", node.text),
    "none": lambda node: _make(node, "null", node.text),
    "true": lambda node: _make(node, "number", node.text),
    "false": lambda node: _make(node, "null", node.text),
    "lambda": lambda node: _make(node, "function"),
}


def _parameters(node: Node | None) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    keyword_only = False
    for position, child in enumerate(node.children() if node is not None else []):
        if child.kind in {"keyword_separator", "list_splat_pattern"}:
            keyword_only = True
        if child.kind in {"list_splat_pattern", "dictionary_splat_pattern"}:
            found.append(Parameter(child.text.lstrip("*"), kind="rest", position=position))
            continue
        name = child if child.kind == "identifier" else child.field("name")
        if child.kind == "typed_parameter":
            name = child.children()[0]
        if name is None or name.kind != "identifier":
            continue
        default, kind = child.field("value"), child.field("type")
        found.append(
            Parameter(
                name.text,
                None if default is None else expression(default),
                "keyword-only" if keyword_only else "plain",
                position,
                annotation=_text_of(kind),
            )
        )
    return tuple(found)


def _unpacked(value: Expression, position: int) -> Expression:
    if value.kind == "list" and position < len(value.parts):
        return value.parts[position]
    if value.kind == "element" and value.parts[0].kind == "call":
        callee = value.parts[0].callee
        if callee.kind == "member" and callee.value == "items" and position < 2:
            kind: ExpressionKind = "key" if position == 0 else "element"
            return Expression(kind, value.text, value.line, value.end_line, parts=callee.parts)
    return Expression("other", value.text, value.line, value.end_line)


def _text_of(node: Node | None) -> str:
    return "" if node is None else node.text


def _unescaped(text: str) -> str:
    return re.sub(r"\\[nt\\'\"]", lambda match: _ESCAPES[match.group()], text) if "\\" in text else text


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
