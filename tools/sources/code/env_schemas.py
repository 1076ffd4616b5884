"""Variables that a schema in code reads from the environment: pydantic settings, zod over `process.env`, envalid, t3-env.

Each field is a read like `os.environ[…]`: strict where it has no default, for the schema refuses to start without it.
Where that cannot be proven (other sources, a helper that makes the field, a result that nobody insists on) it is a
read that does without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import re2

from tools import masking
from tools.sources.code.program import Expression, Module, Scope
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.resolve import Resolver
from tools.sources.code.settings_classes import SettingsClasses
from tools.sources.code.source_files import Holds
from tools.sources.code.zod import zod_object
from tools.sources.records import CodeKind, CodeUse
from tools.sources.schema_records import MessageSchema, SchemaField
from tools.sources.secret_literals import masked_default, masked_read

ServiceOf = Callable[[str], str | None]
_NAME = re2.compile(r"[A-Za-z_]\w*")
_PARSES = {"parse", "parseAsync"}
_ASKS = {"safeParse", "safeParseAsync"}
_VALIDATORS = {"str", "bool", "num", "email", "host", "port", "url", "json"}
_DEFAULTS = ("default", "devDefault", "requiredWhen")
_REFUSES = re2.compile(r"\bthrow\b|\bexit\s*\(|\babort\s*\(")
_OUTCOME = re2.compile(r"\.(?:success|error)\b")
_REFUSED_WITHIN = 15
"""Lines behind a `safeParse` in which a program that insists on it ends."""
_TEXT_MAX = 300


class EnvSchemas:
    """Finds them in one program. `declared` are names of variables that configuration knows: pydantic reads any case."""

    def __init__(self, program: Program, service_of: ServiceOf, declared: Collection[str]) -> None:
        self._program, self._service_of = program, service_of
        self._resolver = Resolver(program)
        self._classes = SettingsClasses(program, self._resolver)
        self._declared = {name.lower(): name for name in declared}

    def uses(self) -> Iterator[CodeUse]:
        """A read for each field of each schema."""
        for module in self._program.holding(Holds.SCHEMAS):
            if module.language == "python":
                for scope in module.scopes:
                    with suppress(RecursionError):  # the index says so of the file
                        yield from self._settings(module, scope)
                continue
            for site in module.sites:
                if site.expression.kind == "call":
                    with suppress(RecursionError):
                        yield from self._script(module, site.expression, Context(module.path, site.scope))

    def _settings(self, module: Module, scope: Scope) -> Iterator[CodeUse]:
        for field in self._classes.fields(module, scope) if scope.kind == "class" else ():
            named = self._declared.get(field.variable.lower(), field.variable)
            yield self._use(module, field.value, named, field.default, required=field.required)

    def _script(self, module: Module, made: Expression, context: Context) -> Iterator[CodeUse]:
        callee, arguments = made.callee, made.arguments
        if (
            callee.kind == "member"
            and callee.value in _PARSES | _ASKS
            and arguments
            and _is_environment(arguments[0])
        ):
            yield from self._zod(callee.parts[0], context, insists=_insists(module, made))
        elif callee.kind == "member" and callee.value in _PARSES | _ASKS and _plain_keys(arguments):
            of_these = _plain_keys(arguments)
            yield from self._zod(callee.parts[0], context, insists=_insists(module, made), only=of_these)
        elif callee.value == "cleanEnv" and len(arguments) > 1 and _is_environment(arguments[0]):
            yield from self._envalid(arguments[1], context)
        elif callee.value == "createEnv" and arguments and arguments[0].kind == "map":
            given = arguments[0].keyword("runtimeEnv", "runtimeEnvStrict", "experimental__runtimeEnv")
            for part in ("server", "client", "shared"):
                schema = arguments[0].keyword(part)
                if schema is not None:
                    yield from self._zod(_object_of(schema), context, filled=_filled(given))

    def _envalid(self, named: Expression, context: Context) -> Iterator[CodeUse]:
        for end in self._resolver.terminals(named, context):
            there = self._program.modules[end.context.module]
            for key, value in end.expression.pairs:
                if key is not None and _NAME.fullmatch(key.value):
                    has_default = any(word in value.text for word in _DEFAULTS)
                    # What else makes a field is a helper, which may give it a default.
                    sure = value.kind == "call" and value.callee.value in _VALIDATORS
                    default = value.text if has_default else None
                    yield self._use(there, key, key.value, default, required=sure and default is None)

    def _zod(
        self,
        named: Expression,
        context: Context,
        *,
        insists: bool = True,
        filled: Collection[str] = (),
        only: Collection[str] | None = None,
    ) -> Iterator[CodeUse]:
        """The fields of a zod object, or `only` those; such as are in `filled` get their value elsewhere too."""
        schema = self._schema(named, context)
        there = self._program.modules[schema.path] if schema is not None else None
        for field in schema.fields if schema is not None else ():
            is_read = only is None or field.name in only
            if there is not None and is_read and _NAME.fullmatch(field.name):
                required = insists and field.name not in filled
                default = None if field.required else field.text
                yield self._use(there, _place_of(field), field.name, default, required=required)

    def _schema(self, named: Expression, context: Context) -> MessageSchema | None:
        ends = self._resolver.terminals(named, context)
        if len(ends) != 1:
            return None
        there = self._program.modules[ends[0].context.module]

        def follow(part: Expression) -> Expression:
            found = self._resolver.terminals(part, ends[0].context)
            return found[0].expression if len(found) == 1 else part

        return zod_object(named.value, there.path, ends[0].expression, follow, there.lines)

    def _use(
        self, module: Module, place: Expression, name: str, default: str | None, *, required: bool
    ) -> CodeUse:
        line = module.lines[place.line - 1] if place.line <= len(module.lines) else ""
        if default is not None:
            options = {"default": _beginning(masked_default(name, default))}
        else:
            options = {"strict": "schema"} if required else {"tested": "schema"}
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


def _insists(module: Module, made: Expression) -> bool:
    """Whether a parse throws, or the program asks for the outcome of a `safeParse` soon and ends where it is not good."""
    if made.callee.value in _PARSES:
        return True
    after = "\n".join(module.lines[made.end_line - 1 : made.end_line + _REFUSED_WITHIN])
    return _OUTCOME.search(after) is not None and _REFUSES.search(after) is not None


def _filled(given: Expression | None) -> set[str]:
    """The keys of t3-env's `runtimeEnv` whose value is more than the variable of that name."""
    if given is None or given.kind != "map":
        return set()
    return {key.value for key, value in given.pairs if key is not None and not _is_plain(value, key.value)}


def _plain_keys(arguments: Sequence[Expression]) -> set[str]:
    """The keys of a map that is handed on whose value is the variable of that name."""
    given = arguments[0] if arguments else None
    if given is None or given.kind != "map":
        return set()
    return {key.value for key, value in given.pairs if key is not None and _is_plain(value, key.value)}


def _is_plain(value: Expression, name: str) -> bool:
    return value.kind == "member" and value.value == name and _is_environment(value.parts[0])


def _place_of(field: SchemaField) -> Expression:
    return Expression("text", field.text, field.line, field.line, field.name)


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
