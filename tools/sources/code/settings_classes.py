"""Classes of pydantic settings: what each says of its fields, and what may give them a value beside the environment.

A field counts as required only where nothing else can give it: no other source of settings, no base that is not of
the project, no call with arguments, no type that is a class of the project (which has variables of its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import re2

from tools.sources.code.program import Expression, Module, Scope
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.resolve import Resolver

BASES = frozenset({"BaseSettings"})
_LEVELS_MAX = 4
_PREFIX = re2.compile(r"env_prefix\s*=\s*[\"']([A-Za-z0-9_]*)[\"']")
_ANY_PREFIX = re2.compile(r"env_prefix\s*=")
_OTHER_SOURCE = re2.compile(
    r"secrets_dir|customise_sources|SettingsSource|(?:toml|yaml|json)_file|pyproject_toml|cli_parse_args|alias_generator"
    r"|\bfields\s*="
)
"""What gives a field a value, or another name, that no variable shows."""
_ALIAS = re2.compile(r"(?:validation_alias|alias|env)\s*=\s*[\"']([A-Za-z_]\w*)[\"']")
_OTHER_ALIAS = re2.compile(r"(?:validation_alias|alias|env)\s*=\s*[^\"'\s]|alias_generator")
_WORD = re2.compile(r"[A-Za-z_]\w*")
_OPTIONAL = re2.compile(r"\bOptional\[|\|\s*None|None\s*\|")
_OLD = ("pydantic", "pydantic.v1")


@dataclass(frozen=True, slots=True)
class SettingsField:
    """One field: the variable that it reads, its default as it is written, and whether it cannot do without."""

    value: Expression
    variable: str
    default: str | None
    required: bool


@dataclass(slots=True)
class _Class:
    """What a class and its bases say."""

    texts: list[str] = field(default_factory=list)
    is_settings: bool = False
    is_known: bool = True
    is_old: bool = False


class SettingsClasses:
    """Reads the classes of one program."""

    def __init__(self, program: Program, resolver: Resolver) -> None:
        self._program, self._resolver = program, resolver

    def fields(self, module: Module, scope: Scope) -> Iterator[SettingsField]:
        """The fields of a class; nothing of one that is none of settings."""
        found = _Class()
        self._read(module, scope, found, 0)
        if not found.is_settings:
            return
        prefix = next((match.group(1) for text in found.texts if (match := _PREFIX.search(text))), None)
        sure = found.is_known and not any(_OTHER_SOURCE.search(text) for text in found.texts)
        # A prefix that is not written out makes names that nobody can read.
        sure = sure and (prefix is not None or not any(_ANY_PREFIX.search(text) for text in found.texts))
        sure = sure and not self._is_given_otherwise(scope.name)
        for name, bound in scope.bindings.items():
            value = bound[-1]
            written = module.lines[value.line - 1] if value.line <= len(module.lines) else ""
            annotation = written.partition(":")[2].partition("=")[0]
            if (
                name.startswith("_")
                or name == "model_config"
                or name in scope.definitions
                or "ClassVar" in annotation
            ):
                continue
            alias = _ALIAS.search(value.text)
            if alias is None and _OTHER_ALIAS.search(value.text):
                continue
            variable = alias.group(1) if alias is not None else f"{prefix or ''}{name}".upper()
            default = _default_of(value, written)
            kind = f"{annotation} {value.text if value.kind == 'other' else ''}"
            required = sure and default is None and not (found.is_old and _OPTIONAL.search(kind))
            yield SettingsField(
                value, variable, default, required and not self._is_nested(kind, module, scope)
            )

    def _read(self, module: Module, scope: Scope, found: _Class, level: int) -> None:
        """Add what a class says, then its bases."""
        found.texts.append("\n".join(module.lines[scope.line - 1 : scope.end_line]))
        for base in scope.bases:
            if base.value in BASES:
                found.is_settings = True
                found.is_old = found.is_old or _is_old(module)
                continue
            ends = (
                self._resolver.terminals(base, Context(module.path, scope.parent or 0))
                if level < _LEVELS_MAX
                else ()
            )
            classes = [end for end in ends if end.expression.kind == "class"]
            found.is_known = found.is_known and len(classes) == 1
            for end in classes:
                there = self._program.modules[end.context.module]
                self._read(there, there.scopes[end.context.scope], found, level + 1)

    def _is_given_otherwise(self, name: str) -> bool:
        """Whether it is made with arguments, or by a class below it with a prefix of its own."""
        calls = self._program.calls_named(name)
        if any(call.site.expression.arguments or call.site.expression.pairs for call in calls):
            return True
        for call_module in self._program.modules.values():
            for scope in call_module.scopes:
                if any(base.value == name for base in scope.bases):
                    text = "\n".join(call_module.lines[scope.line - 1 : scope.end_line])
                    if _ANY_PREFIX.search(text):
                        return True
        return False

    def _is_nested(self, kind: str, module: Module, scope: Scope) -> bool:
        """Whether a type names a class of the project: its fields are variables of their own."""
        context = Context(module.path, scope.parent or 0)
        for word in set(_WORD.findall(kind)):
            name = Expression("name", word, scope.line, scope.line, word)
            if any(end.expression.kind == "class" for end in self._resolver.terminals(name, context)):
                return True
        return False


def _is_old(module: Module) -> bool:
    """Whether the settings are pydantic 1's, where a field that may be None is None by default."""
    return any(
        target.module in _OLD and (target.name in {None, *BASES})
        for scope in module.scopes
        for target in scope.imports.values()
    )


def _default_of(value: Expression, written: str) -> str | None:
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
