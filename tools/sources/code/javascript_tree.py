"""Reads a TypeScript or JavaScript file into a `Module`: scopes, bindings, imports, calls."""

from __future__ import annotations

import re
from typing import Literal

from tools.sources.code import blocks, javascript_reads
from tools.sources.code.answers import Tests, answers_absence, answers_name
from tools.sources.code.guards import is_guarded
from tools.sources.code.javascript_expressions import expression, text_of
from tools.sources.code.making import make
from tools.sources.code.program import Expression, Import, Module, Parameter, Scope, Site
from tools.sources.code.syntax import Node, parse
from tools.sources.source_lines import lines_of

_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")
_FUNCTIONS = (
    "function_declaration", "function_expression", "function", "arrow_function", "method_definition",
    "generator_function_declaration", "generator_function",
)  # fmt: skip
_ENVIRONMENT = "env"


def read(path: str, text: str, language: str) -> Module:
    """The module of one file. Raises RecursionError for absurdly deep nesting."""
    reader = _Reader(path, text, language)
    reader.visit(parse(text, language), 0)
    return reader.module


class _Reader:
    def __init__(self, path: str, text: str, language: str) -> None:
        self.module = Module(path, language, lines_of(text), [Scope(0, "module", "", None, 1)])
        self._tests = Tests()

    def visit(self, node: Node, scope: int) -> None:
        if node.kind in blocks.KINDS:
            blocks.read(self.module, node)
        handler = _HANDLERS.get(node.kind)
        if handler is not None:
            handler(self, node, scope)
            return
        if node.kind in {"call_expression", "new_expression", "member_expression", "subscript_expression"}:
            self.site(node, scope)
        elif node.kind == "comment":
            self.module.comments.append((node.line, node.text))
        for child in node.children():
            self.visit(child, scope)

    def site(self, node: Node, scope: int) -> None:
        made = expression(node)
        is_read = (made.kind == "member" and _CAPITALS.fullmatch(made.value)) or (
            made.kind == "index" and "env" in made.parts[0].text.lower()
        )
        if made.kind == "call" or (is_read and not javascript_reads.is_target(node)):
            fallback, tested = javascript_reads.use_of(node)
            if fallback is None and not tested and _ENVIRONMENT in made.text:
                tested = answers_absence(node, self._tests) or is_guarded(node, self._tests)
            self.module.sites.append(Site(made, scope, fallback, tested))

    def function(self, node: Node, scope: int, name: str = "") -> None:
        inner = self.enter("function", name or text_of(node.field("name")), scope, node)
        single = node.field("parameter")
        inner.parameters = (Parameter(single.text),) if single is not None else ()
        parameters = node.field("parameters")
        if parameters is not None:
            inner.parameters = self.parameters(parameters, inner)
            self.visit(parameters, inner.index)
        body = node.field("body")
        if body is not None:
            if body.kind != "statement_block":
                inner.returns.append(expression(body))
            self.visit(body, inner.index)

    def klass(self, node: Node, scope: int) -> None:
        inner = self.enter("class", text_of(node.field("name")), scope, node)
        for child in node.children():
            if child.kind == "class_heritage":
                heads = [part for found in child.children() for part in (found.children() or [found])]
                inner.bases = tuple(expression(part) for part in heads[:1])
        body = node.field("body")
        if body is not None:
            self.visit(body, inner.index)

    def enter(self, kind: Literal["class", "function"], name: str, scope: int, node: Node) -> Scope:
        inner = Scope(len(self.module.scopes), kind, name, scope, node.line, end_line=node.end_line)
        self.module.scopes.append(inner)
        if name:
            self.module.scopes[scope].definitions[name] = inner.index
        return inner

    def parameters(self, node: Node, inner: Scope) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        for position, child in enumerate(part for part in node.children() if part.kind != "comment"):
            pattern = child.field("pattern") or child
            default = child.field("value")
            if child.kind == "assignment_pattern":
                pattern, default = child.field("left") or child, child.field("right")
            given = None if default is None else expression(default)
            if pattern.kind == "identifier":
                kind = text_of(child.field("type"))
                found.append(Parameter(pattern.text, given, position=position, annotation=kind))
                if any(part.kind == "accessibility_modifier" for part in child.children()):
                    around = self.module.class_of(inner.index)
                    if around is not None:
                        value = make(pattern, "name", pattern.text)
                        around.fields.setdefault(pattern.text, []).append((inner.index, value))
            elif pattern.kind == "object_pattern":
                found += [
                    Parameter(name, value, position=position, path=key)
                    for name, key, value in _destructured(pattern)
                ]
            elif pattern.kind == "rest_pattern":
                found.append(Parameter(pattern.text.lstrip("."), kind="rest", position=position))
        return tuple(found)

    def declarator(self, node: Node, scope: int) -> None:
        target, value = node.field("name"), node.field("value")
        if target is None or value is None:
            return
        inner = value
        while inner.kind in javascript_reads.WRAPPERS and (parts := inner.children()):
            inner = parts[0]
        if target.kind == "identifier" and inner.kind in _FUNCTIONS:
            self.function(inner, scope, target.text)
            return
        made = expression(value)
        if target.kind == "identifier":
            self.required(target.text, made, scope)
        elif target.kind == "object_pattern":
            for name, key, default in _destructured(target):
                member = Expression("member", target.text, target.line, target.end_line, key, (made,))
                if _CAPITALS.fullmatch(key):
                    tested = _ENVIRONMENT in made.text and answers_name(name, node, self._tests)
                    self.module.sites.append(
                        Site(member, scope, None if default is None else default.text, tested)
                    )
                self.pick(name, member, default, scope)
        self.visit(value, scope)

    def pick(self, name: str, member: Expression, default: Expression | None, scope: int) -> None:
        """One destructured name, bound."""
        module = member.parts[0]
        if module.kind == "call" and module.callee.value == "require" and module.arguments:
            self.module.scopes[scope].imports[name] = Import(module.arguments[0].value, member.value)
            return
        options = (member,) if default is None else (member, default)
        self.module.scopes[scope].bind(
            name, Expression("choice", member.text, member.line, member.end_line, "", options)
        )

    def required(self, name: str, made: Expression, scope: int) -> None:
        """A binding; `require("x")` is an import."""
        if made.kind == "call" and made.callee.value == "require" and made.arguments:
            self.module.scopes[scope].imports[name] = Import(made.arguments[0].value)
        else:
            self.module.scopes[scope].bind(name, made)

    def field_definition(self, node: Node, scope: int) -> None:
        name, value = node.field("name") or node.field("property"), node.field("value")
        if name is None or value is None:
            return
        if value.kind in _FUNCTIONS:
            self.function(value, scope, name.text)
            return
        self.module.scopes[scope].bind(name.text, expression(value))
        self.visit(value, scope)

    def enum(self, node: Node, scope: int) -> None:
        inner = self.enter("class", text_of(node.field("name")), scope, node)
        for found in node.find({"enum_assignment"}):
            name, value = found.field("name"), found.field("value")
            if name is not None and value is not None:
                inner.bind(name.text, expression(value))

    def assignment(self, node: Node, scope: int) -> None:
        left, right = node.field("left"), node.field("right")
        if left is None or right is None:
            return
        if left.kind == "identifier":
            self.module.scopes[scope].bind(left.text, expression(right))
        elif left.kind == "member_expression" and left.text.startswith("this."):
            around = self.module.class_of(scope)
            if around is not None:
                around.fields.setdefault(left.text[5:], []).append((scope, expression(right)))
        elif left.text.startswith(("exports.", "module.exports.")):
            self.module.scopes[0].bind(left.text.rpartition(".")[2], expression(right))
        elif left.text == "module.exports" and right.kind == "object":
            for key, value in expression(right).pairs:
                if key is not None and not (value.kind == "name" and value.value == key.value):
                    self.module.scopes[0].bind(key.value, value)
        self.visit(left, scope)
        self.visit(right, scope)

    def imports(self, node: Node, scope: int) -> None:
        source = node.field("source")
        if source is None:
            return
        module = expression(source).value
        names = self.module.scopes[scope].imports
        for found in node.find({"import_specifier", "namespace_import", "import_clause"}):
            if found.kind == "import_specifier":
                name = text_of(found.field("name"))
                names[text_of(found.field("alias")) or name] = Import(module, name)
            for child in found.children() if found.kind != "import_specifier" else []:
                if child.kind == "identifier":
                    whole = found.kind == "namespace_import"
                    names[child.text] = Import(module, None if whole else "default")

    def exports(self, node: Node, scope: int) -> None:
        source = node.field("source")
        if source is not None:
            module, named = expression(source).value, list(node.find({"export_specifier"}))
            if not named:
                self.module.stars.append(module)
            for found in named:
                name = text_of(found.field("name"))
                alias = text_of(found.field("alias")) or name
                self.module.scopes[0].imports[alias] = Import(module, name)
            return
        default = node.field("value")
        if default is not None:
            self.module.scopes[0].bind("default", expression(default))
        for found in node.find({"export_specifier"}):
            inner, outer = found.field("name"), found.field("alias")
            if inner is not None and outer is not None:
                self.module.scopes[0].bind(outer.text, make(inner, "name", inner.text))
        for child in node.children():
            self.visit(child, scope)

    def loop(self, node: Node, scope: int) -> None:
        left, right = node.field("left"), node.field("right")
        if left is not None and right is not None and left.kind == "identifier":
            over = expression(right)
            value = Expression("element", over.text, over.line, over.end_line, parts=(over,))
            self.module.scopes[scope].bind(left.text, value)
        for child in node.children():
            self.visit(child, scope)

    def returned(self, node: Node, scope: int) -> None:
        for child in node.children():
            around = next((s for s in self.module.scope_chain(scope) if s.kind == "function"), None)
            if around is not None:
                around.returns.append(expression(child))
            self.visit(child, scope)


_HANDLERS = {
    **dict.fromkeys(_FUNCTIONS, _Reader.function),
    "class_declaration": _Reader.klass,
    "abstract_class_declaration": _Reader.klass,
    "class": _Reader.klass,
    "variable_declarator": _Reader.declarator,
    "public_field_definition": _Reader.field_definition,
    "field_definition": _Reader.field_definition,
    "enum_declaration": _Reader.enum,
    "assignment_expression": _Reader.assignment,
    "import_statement": _Reader.imports,
    "export_statement": _Reader.exports,
    "for_in_statement": _Reader.loop,
    "return_statement": _Reader.returned,
}


def _destructured(pattern: Node) -> list[tuple[str, str, Expression | None]]:
    """Name, key and default of each part of an object pattern."""
    found: list[tuple[str, str, Expression | None]] = []
    for child in pattern.children():
        if child.kind == "shorthand_property_identifier_pattern":
            found.append((child.text, child.text, None))
        elif child.kind == "object_assignment_pattern":
            left, right = child.field("left"), child.field("right")
            if left is not None and right is not None:
                found.append((left.text, left.text, expression(right)))
        elif child.kind == "pair_pattern":
            key, value = child.field("key"), child.field("value")
            if key is not None and value is not None and value.kind == "identifier":
                found.append((value.text, key.text, None))
    return found
