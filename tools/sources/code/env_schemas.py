"""Variables that a schema in code reads from the environment: pydantic settings, zod over `process.env`, envalid, t3-env.

Each field is a read like `os.environ[…]`: strict where it has no default, for the schema refuses to start without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import re2

from tools import masking
from tools.sources.code.program import Expression, Module, Scope
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.resolve import Resolver
from tools.sources.code.source_files import Holds
from tools.sources.code.zod import zod_object
from tools.sources.records import CodeKind, CodeUse
from tools.sources.secret_literals import masked_default, masked_read

ServiceOf = Callable[[str], str | None]
_PREFIX = re2.compile(r"env_prefix\s*=\s*[\"']([A-Za-z0-9_]*)[\"']")
_ALIAS = re2.compile(r"(?:validation_alias|alias|env)\s*=\s*[\"']([A-Za-z_]\w*)[\"']")
_OTHER_ALIAS = re2.compile(r"(?:validation_alias|alias|env)\s*=\s*[^\"'\s]|alias_generator")
_NAME = re2.compile(r"[A-Za-z_]\w*")
_BASES = {"BaseSettings"}
_PARSES = {"parse", "safeParse", "parseAsync"}
_TEXT_MAX = 300


class EnvSchemas:
    """Finds them in one program. `declared` are names of variables that configuration knows: pydantic reads any case."""

    def __init__(self, program: Program, service_of: ServiceOf, declared: Collection[str]) -> None:
        self._program, self._service_of = program, service_of
        self._resolver = Resolver(program)
        self._declared = {name.lower(): name for name in declared}

    def uses(self) -> Iterator[CodeUse]:
        """A read for each field of each schema."""
        for module in self._program.holding(Holds.SCHEMAS):
            if module.language == "python":
                for scope in module.scopes:
                    if scope.kind == "class" and self._is_settings(module, scope):
                        yield from self._pydantic(module, scope)
                continue
            for site in module.sites:
                if site.expression.kind == "call":
                    try:
                        yield from self._script(site.expression, Context(module.path, site.scope))
                    except RecursionError:
                        continue  # the index says so of the file

    # --- pydantic ----------------------------------------------------------------------------------------

    def _is_settings(self, module: Module, scope: Scope, level: int = 0) -> bool:
        """Whether a class is one of settings, by itself or by a base of the project."""
        for base in scope.bases:
            if base.value in _BASES:
                return True
            for end in (
                self._resolver.terminals(base, Context(module.path, scope.parent or 0)) if level < 4 else ()
            ):
                if end.expression.kind == "class":
                    there = self._program.modules[end.context.module]
                    if self._is_settings(there, there.scopes[end.context.scope], level + 1):
                        return True
        return False

    def _pydantic(self, module: Module, scope: Scope) -> Iterator[CodeUse]:
        source = "\n".join(module.lines[scope.line - 1 : scope.end_line])
        found = _PREFIX.search(source)
        prefix = found.group(1) if found is not None else ""
        for name, bound in scope.bindings.items():
            value = bound[-1]
            if name.startswith("_") or name == "model_config" or name in scope.definitions:
                continue
            written = module.lines[value.line - 1] if value.line <= len(module.lines) else ""
            alias = _ALIAS.search(value.text)
            if alias is None and _OTHER_ALIAS.search(value.text):
                continue
            wanted = alias.group(1) if alias is not None else f"{prefix}{name}".upper()
            named = self._declared.get(wanted.lower(), wanted)
            yield self._use(module, value, named, _pydantic_default(value, written))

    # --- TypeScript --------------------------------------------------------------------------------------

    def _script(self, made: Expression, context: Context) -> Iterator[CodeUse]:
        callee, arguments = made.callee, made.arguments
        if (
            callee.kind == "member"
            and callee.value in _PARSES
            and arguments
            and _is_environment(arguments[0])
        ):
            yield from self._zod(callee.parts[0], context)
        elif callee.value == "cleanEnv" and len(arguments) > 1 and _is_environment(arguments[0]):
            for end in self._resolver.terminals(arguments[1], context):
                there = self._program.modules[end.context.module]
                for key, value in end.expression.pairs:
                    if key is not None and _NAME.fullmatch(key.value):
                        has_default = any(word in value.text for word in ("default", "devDefault"))
                        yield self._use(there, key, key.value, value.text if has_default else None)
        elif callee.value == "createEnv" and arguments and arguments[0].kind == "map":
            for part in ("server", "client", "shared"):
                given = arguments[0].keyword(part)
                if given is not None:
                    yield from self._zod(_object_of(given), context)

    def _zod(self, named: Expression, context: Context) -> Iterator[CodeUse]:
        ends = self._resolver.terminals(named, context)
        if len(ends) != 1:
            return
        there = self._program.modules[ends[0].context.module]

        def follow(part: Expression) -> Expression:
            found = self._resolver.terminals(part, ends[0].context)
            return found[0].expression if len(found) == 1 else part

        schema = zod_object(named.value, there.path, ends[0].expression, follow, there.lines)
        for field in schema.fields if schema is not None else ():
            place = Expression("text", field.text, field.line, field.line, field.name)
            if _NAME.fullmatch(field.name):
                yield self._use(there, place, field.name, None if field.required else field.text)

    def _use(self, module: Module, place: Expression, name: str, default: str | None) -> CodeUse:
        options = (
            {"strict": "schema"}
            if default is None
            else {"default": _beginning(masked_default(name, default))}
        )
        line = module.lines[place.line - 1] if place.line <= len(module.lines) else ""
        return CodeUse(
            kind=CodeKind.ENV_READ,
            service=self._service_of(module.path),
            path=module.path,
            line=place.line,
            end_line=place.end_line,
            text=_beginning(masked_read(name, line)),
            language=module.language,
            name=masking.mask(name),
            options=options,
        )


def _beginning(masked: str) -> str:
    return masking.beginning(masked, _TEXT_MAX)


def _pydantic_default(value: Expression, written: str) -> str | None:
    """The default of a field as it is written; None where it has none."""
    given = written.partition(":")[2]
    if value.kind == "other" and "=" not in given:
        return None
    if value.kind == "call" and value.callee.value == "Field":
        if value.keyword("default", "default_factory") is not None:
            return value.text
        first = value.arguments[0] if value.arguments else None
        return None if first is None or first.text == "..." else first.text
    return None if value.text == "..." else value.text


def _is_environment(made: Expression) -> bool:
    return (
        made.kind == "member"
        and made.value == "env"
        and made.parts[0].text in {"process", "Bun", "import.meta"}
    )


def _object_of(given: Expression) -> Expression:
    """`z.object` of a map that stands alone."""
    owner = replace(given, kind="name", value="z", parts=(), pairs=())
    callee = replace(given, kind="member", value="object", parts=(owner,), pairs=())
    return replace(given, kind="call", parts=(callee, given), pairs=())
