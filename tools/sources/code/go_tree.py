"""Reads a Go file into a `Module`: scopes, bindings, imports, calls. A struct is a class, its literals set its fields."""

from __future__ import annotations

import re
from typing import Literal

from tools.sources.code import go_blocks, go_reads
from tools.sources.code.answers import Tests
from tools.sources.code.go_expressions import expression, listed
from tools.sources.code.making import make
from tools.sources.code.program import Expression, Import, Module, Parameter, Scope, Site
from tools.sources.code.syntax import Node, parse
from tools.sources.source_lines import lines_of

_TAG = re.compile(r'\b(?:env|envconfig)\s*:\s*"([A-Za-z_][A-Za-z0-9_]*)')
_TAG_DEFAULT = re.compile(r'\b(?:envDefault|env-default|default)\s*:\s*"([^"]*)"')
_TAG_NEEDS = re.compile(
    r'\b(?:env|envconfig)\s*:\s*"[^"]*,\s*(?:required|notEmpty)|\b(?:env-)?required\s*:\s*"(?:true|1)"'
)
_BLANK = "_"
_EXPORTS = ("Getenv", "LookupEnv")


def read(path: str, text: str, language: str = "go") -> Module:
    """The module of one file. Raises RecursionError for absurdly deep nesting."""
    reader = _Reader(path, text)
    reader.visit(parse(text, language), 0)
    reader.finish()
    return reader.module


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.module = Module(path, "go", lines_of(text), [Scope(0, "module", "", None, 1)])
        self._tests = Tests()
        self._literals: list[tuple[int, Expression]] = []
        self._methods: list[tuple[str, int]] = []
        self._assigned: list[tuple[int, Expression, Expression]] = []

    def visit(self, node: Node, scope: int) -> None:
        if node.kind in go_blocks.KINDS:
            go_blocks.read(self.module, node)
        handler = _HANDLERS.get(node.kind)
        if handler is not None:
            handler(self, node, scope)
            return
        if node.kind in {"call_expression", "type_conversion_expression"}:
            made = expression(node)
            if made.kind == "call":
                fallback, tested = go_reads.use_of(node, self._tests) if "env" in made.text else (None, False)
                self.module.sites.append(Site(made, scope, fallback, tested))
        elif node.kind == "composite_literal":
            made = expression(node)
            if made.kind == "call" and made.callee.kind == "name":
                self._literals.append((scope, made))
        elif node.kind == "comment":
            self.module.comments.append((node.line, node.text))
        for child in node.children():
            self.visit(child, scope)

    def finish(self) -> None:
        """Join what may stand in any order: methods and literals with the structs of this file."""
        module = self.module.scopes[0]
        for name, index in self._methods:
            around = module.definitions.get(name)
            if around is not None and self.module.scopes[around].kind == "class":
                inner = self.module.scopes[index]
                inner.parent = around
                self.module.scopes[around].definitions[inner.name] = index
        for scope, made in self._literals:
            around = module.definitions.get(made.callee.value)
            if around is not None:
                fields = self.module.scopes[around].fields
                for key, value in made.pairs:
                    if key is not None:
                        fields.setdefault(key.value, []).append((scope, value))
        for scope, target, value in self._assigned:
            struct = self._struct_of(scope, target.parts[0])
            if struct is not None:
                struct.fields.setdefault(target.value, []).append((scope, value))

    def _struct_of(self, scope: int, owner: Expression) -> Scope | None:
        """The struct whose method a scope is in, where `owner` is its receiver (`k.stream = x`)."""
        for found in self.module.scope_chain(scope):
            if any(value.value == "self" for value in found.bindings.get(owner.value, [])):
                return self.module.class_of(found.index)
        return None

    def enter(self, kind: Literal["class", "function"], name: str, scope: int, node: Node) -> Scope:
        inner = Scope(len(self.module.scopes), kind, name, scope, node.line, end_line=node.end_line)
        self.module.scopes.append(inner)
        return inner

    def function(self, node: Node, scope: int) -> None:
        name = node.field("name")
        inner = self.enter("function", "" if name is None else name.text, scope, node)
        if node.kind == "function_declaration" and name is not None:
            self.module.scopes[scope].definitions[name.text] = inner.index
        inner.parameters = _parameters(node.field("parameters"))
        body = node.field("body")
        if body is not None:
            self.visit(body, inner.index)

    def method(self, node: Node, scope: int) -> None:
        before = len(self.module.scopes)
        self.function(node, scope)
        receiver = node.field("receiver")
        inner = self.module.scopes[before]
        for declared in receiver.children() if receiver is not None else []:
            name, kind = declared.field("name"), declared.field("type")
            if kind is None:
                continue
            self._methods.append((kind.text.lstrip("*").partition("[")[0], inner.index))
            if name is not None:
                inner.bind(name.text, make(name, "name", "self"))

    def type_spec(self, node: Node, scope: int) -> None:
        name, kind = node.field("name"), node.field("type")
        if name is None or kind is None or kind.kind != "struct_type":
            return
        inner = self.enter("class", name.text, scope, node)
        self.module.scopes[scope].definitions[name.text] = inner.index
        for declared in kind.find({"field_declaration"}):
            names, tag = (
                [c for c in declared.children() if c.kind == "field_identifier"],
                declared.field("tag"),
            )
            variable = _TAG.search(tag.text) if tag is not None else None
            if tag is None or variable is None:
                continue
            default = _TAG_DEFAULT.search(tag.text)
            parts = [
                make(tag, "member", _EXPORTS[0], (make(tag, "name", "os"),)),
                make(tag, "text", variable[1]),
            ]
            parts += [make(tag, "text", default[1])] if default is not None else []
            made = make(tag, "call", "", tuple(parts))
            fallback = default[1] if default is not None else None
            # The libraries that read tags leave a field empty unless it is marked.
            tested = fallback is None and _TAG_NEEDS.search(tag.text) is None
            self.module.sites.append(Site(made, inner.index, fallback, tested))
            for found in names:
                inner.bind(found.text, made)

    def specification(self, node: Node, scope: int) -> None:
        """`const a, b = 1, 2` and `var a = 1`."""
        names = [child for child in node.children() if child.kind == "identifier"]
        self.bind(names, listed(node.field("value")), scope)
        for child in node.children():
            self.visit(child, scope)

    def assignment(self, node: Node, scope: int) -> None:
        self.bind(listed(node.field("left")), listed(node.field("right")), scope)
        for child in node.children():
            self.visit(child, scope)

    def bind(self, names: list[Node], values: list[Node], scope: int) -> None:
        made = [expression(value) for value in values]
        for place, target in enumerate(names):
            # `x, err := f()`: the value is the first of what a call gives.
            value = made[place] if len(made) == len(names) else made[0] if made and place == 0 else None
            if value is None or target.text == _BLANK:
                continue
            if target.kind == "identifier":
                self.module.scopes[scope].bind(target.text, value)
            elif target.kind == "selector_expression":
                self._assigned.append((scope, expression(target), value))

    def import_spec(self, node: Node, _scope: int) -> None:
        path, name = node.field("path"), node.field("name")
        if path is None:
            return
        full = path.text.strip('"`')
        last = full.rsplit("/", 1)[-1]
        if re.fullmatch(r"v\d+", last) and "/" in full:
            last = full.rsplit("/", 2)[-2]
        alias = last.removeprefix("go-").replace("-", "_") if name is None else name.text
        self.module.scopes[0].imports[alias] = Import(full)

    def returned(self, node: Node, scope: int) -> None:
        found = self.module.scopes[scope]
        for child in node.children():
            values = listed(child)
            if values and found.kind == "function":
                found.returns.append(expression(values[0]))
            self.visit(child, scope)

    def ranged(self, node: Node, scope: int) -> None:
        left, right = node.field("left"), node.field("right")
        if left is not None and right is not None:
            over = expression(right)
            for place, target in enumerate(listed(left)[:2]):
                if target.kind == "identifier" and target.text != _BLANK:
                    kind: Literal["key", "element"] = "element" if place else "key"
                    value = Expression(kind, over.text, over.line, over.end_line, parts=(over,))
                    self.module.scopes[scope].bind(target.text, value)
        for child in node.children():
            self.visit(child, scope)


_HANDLERS = {
    "function_declaration": _Reader.function,
    "func_literal": _Reader.function,
    "method_declaration": _Reader.method,
    "type_spec": _Reader.type_spec,
    "const_spec": _Reader.specification,
    "var_spec": _Reader.specification,
    "short_var_declaration": _Reader.assignment,
    "assignment_statement": _Reader.assignment,
    "import_spec": _Reader.import_spec,
    "return_statement": _Reader.returned,
    "range_clause": _Reader.ranged,
}


def _parameters(node: Node | None) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for declared in node.children() if node is not None else []:
        names = [child for child in declared.children() if child.kind == "identifier"]
        kind = declared.field("type")
        if declared.kind == "variadic_parameter_declaration":
            found += [Parameter(name.text, kind="rest", position=len(found)) for name in names]
            continue
        if declared.kind != "parameter_declaration":
            continue
        for name in names or [declared]:
            text = name.text if names else _BLANK
            found.append(Parameter(text, position=len(found), annotation="" if kind is None else kind.text))
    return tuple(found)
