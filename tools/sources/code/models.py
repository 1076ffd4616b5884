"""Models of messages in code: pydantic classes, zod objects, TypeScript interfaces, and where each is made or read.

A payload that is the dump of a model, the result of a parse, or a parameter with a type has the fields of that model.
What a list of fields cannot tell (aliases, unions, transformations) makes a model not whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import re2
from msgspec import structs

from tools import masking
from tools.sources.code.interfaces import interface
from tools.sources.code.program import Expression, Parameter, Scope
from tools.sources.code.program_index import Program, ScopeKey
from tools.sources.code.resolution import Context, Terminal
from tools.sources.code.resolve import Resolver
from tools.sources.code.zod import zod_object
from tools.sources.schema_records import MessageSchema, SchemaField

_DUMPS = {"model_dump", "model_dump_json", "dict", "json"}
_LOADS = {"model_validate", "model_validate_json", "parse_obj", "parse_raw"}
_PARSES = {"parse", "safeParse", "parseAsync"}
_BASES = {"BaseModel", "SQLModel"}
_PARTIAL = {"include", "exclude", "exclude_none", "exclude_unset", "exclude_defaults", "by_alias"}
_ANNOTATION = re2.compile(r"[A-Za-z_]\w*")
_OPTIONAL = re2.compile(r"(?:typing\.)?Optional\[(.+)\]|(.+?)\s*\|\s*None")
_LITERAL = re2.compile(r"(?:typing\.)?Literal\[\s*[\"']?([^\"',\]]+)[\"']?\s*\]")
_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array",
    "Decimal": "number",
}  # fmt: skip
_LEVELS_MAX = 6


class Models:
    """Finds the models of one program."""

    def __init__(self, program: Program, resolver: Resolver) -> None:
        self._program, self._resolver = program, resolver

    def sent(self, end: Terminal) -> MessageSchema | None:
        """The model that a payload, which leads to `end`, is made by."""
        made = end.expression
        if made.kind != "call":
            return self._typed(end)
        callee = made.callee
        if callee.kind == "member" and callee.value in _DUMPS:
            found = self._instance_of(callee.parts[0], end.context)
            partial = any(key is None or key.value in _PARTIAL for key, _ in made.pairs)
            return structs.replace(found, whole=False) if found is not None and partial else found
        if callee.value == "asdict" and made.arguments:
            return self._instance_of(made.arguments[0], end.context)
        return self.read(made, end.context)

    def read(self, made: Expression, context: Context) -> MessageSchema | None:
        """The model that a call reads a message by; None where it reads none."""
        callee = made.callee
        if callee.kind == "member" and callee.value in _PARSES | _LOADS:
            for end in self._resolver.terminals(callee.parts[0], context):
                if callee.value in _LOADS and end.expression.kind == "class":
                    return self._class(end)
                if callee.value in _PARSES:
                    return self._zod(callee.parts[0], end)
        is_spread = any(key is None for key, _ in made.pairs)
        if is_spread and callee.kind in {"name", "member"} and callee.value[:1].isupper():
            for end in self._resolver.terminals(callee, context):
                if end.expression.kind == "class":
                    return self._class(end)
        return None

    def only_one_in(self, functions: Collection[ScopeKey]) -> MessageSchema | None:
        """The model by which these functions read, where there is one alone."""
        found: dict[tuple[str, str], MessageSchema] = {}
        for path, index in functions:
            module, scope = self._program.modules[path], self._program.scope((path, index))
            last = scope.end_line or len(module.lines)
            for site in module.sites:
                if site.expression.kind == "call" and scope.line <= site.expression.line <= last:
                    model = self.read(site.expression, Context(path, site.scope))
                    if model is not None:
                        found[model.path, model.name] = model
        return next(iter(found.values())) if len(found) == 1 else None

    # --- pydantic ----------------------------------------------------------------------------------------

    def _instance_of(self, made: Expression, context: Context) -> MessageSchema | None:
        """The model of an instance, or of a parameter with such a type."""
        for end in self._resolver.terminals(made, context):
            if end.expression.kind == "instance":
                return self._class(end)
            parameter = self._parameter(end)
            annotation = parameter.annotation.strip() if parameter is not None else ""
            if _ANNOTATION.fullmatch(annotation):
                name = Expression("name", annotation, made.line, made.end_line, annotation)
                for target in self._resolver.terminals(name, replace(end.context, scope=0)):
                    if target.expression.kind == "class":
                        return self._class(target)
        return None

    def _parameter(self, end: Terminal) -> Parameter | None:
        if end.expression.kind != "other":
            return None
        scope = self._program.scope((end.context.module, end.context.scope))
        return next((found for found in scope.parameters if found.name == end.expression.text), None)

    def _class(self, end: Terminal) -> MessageSchema | None:
        key = (end.context.module, end.context.scope)
        scope = self._program.scope(key)
        fields: dict[str, SchemaField] = {}
        is_model, whole = self._collect(scope, end.context, fields, 0)
        if not is_model or not fields:
            return None
        place = _line(self._program, key[0], scope.line)
        return MessageSchema(
            name=masking.mask(scope.name),
            path=key[0],
            line=scope.line,
            text=place,
            form="pydantic",
            fields=tuple(fields.values()),
            whole=whole,
        )

    def _collect(
        self, scope: Scope, context: Context, fields: dict[str, SchemaField], level: int
    ) -> tuple[bool, bool]:
        """Add the fields of a class and its bases; whether it is a model, and wholly known."""
        is_model, whole = False, True
        for base in scope.bases if level < _LEVELS_MAX else ():
            if base.value in _BASES:
                is_model = True
                continue
            known = False
            for end in self._resolver.terminals(base, replace(context, scope=scope.parent or 0)):
                if end.expression.kind == "class":
                    inherited = self._program.scope((end.context.module, end.context.scope))
                    inner, inner_whole = self._collect(inherited, end.context, fields, level + 1)
                    is_model, whole, known = is_model or inner, whole and inner_whole, True
            whole = whole and known
        for name, bound in scope.bindings.items():
            if name.startswith("_") or name == "model_config":
                whole = whole and "alias" not in bound[-1].text
                continue
            fields[masking.mask(name)] = self._field(name, bound[-1], context.module)
            whole = whole and "alias" not in bound[-1].text
        return is_model, whole

    def _field(self, name: str, bound: Expression, path: str) -> SchemaField:
        line = _line(self._program, path, bound.line)
        annotation = line.partition(":")[2].partition("=")[0].strip() if ":" in line else ""
        optional = _OPTIONAL.fullmatch(annotation)
        inner = next(filter(None, optional.groups()), "") if optional is not None else annotation
        literal = _LITERAL.fullmatch(annotation)
        kind = _TYPES.get(inner.partition("[")[0])
        return SchemaField(
            name=masking.mask(name),
            types=(kind, "null") if kind and optional is not None else (kind,) if kind else (),
            required=bound.kind == "other" and "=" not in line.partition(":")[2],
            constant=None if literal is None else literal.group(1),
            line=bound.line,
            text=line,
        )

    # --- TypeScript --------------------------------------------------------------------------------------

    def _zod(self, named: Expression, end: Terminal) -> MessageSchema | None:
        path = end.context.module

        def follow(made: Expression) -> Expression:
            ends = self._resolver.terminals(made, end.context)
            return ends[0].expression if len(ends) == 1 else made

        return zod_object(named.value, path, end.expression, follow, self._program.modules[path].lines)

    def _typed(self, end: Terminal) -> MessageSchema | None:
        """The interface of a parameter that has one as its type."""
        parameter = self._parameter(end)
        module = self._program.modules[end.context.module]
        annotation = parameter.annotation.lstrip(": ") if parameter is not None else ""
        if module.language == "python" or not _ANNOTATION.fullmatch(annotation):
            return None
        target = next(
            (s.imports[annotation] for s in module.scope_chain(end.context.scope) if annotation in s.imports),
            None,
        )
        path: str | None = module.path
        if target is not None:
            path = self._program.module_of(module.path, target.module)
        if path is None:
            return None
        there = self._program.modules[path]
        return interface(path, there.lines, there.language, (target.name if target else None) or annotation)


def _line(program: Program, path: str, number: int) -> str:
    lines = program.modules[path].lines
    return masking.beginning(lines[number - 1].strip(), 300) if 0 < number <= len(lines) else ""
