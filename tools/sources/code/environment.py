"""Recognises reads of the environment: `os.environ`, `os.getenv`, `process.env`, and names bound to them."""

from __future__ import annotations

from dataclasses import replace

from tools.sources.code.program import Expression
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context

_ENVIRONMENTS = {("os", "environ"), ("process", "env"), ("Bun", "env"), ("Deno", "env")}


def environment_read(program: Program, made: Expression, context: Context) -> Expression | None:
    """The expression of the variable's name, where `made` reads the environment."""
    if made.kind == "member" and _is_environment(program, made.parts[0], context):
        return replace(made, kind="text", parts=())
    if made.kind == "index" and _is_environment(program, made.parts[0], context):
        return made.parts[1]
    if made.kind != "call" or not made.arguments:
        return None
    callee = made.callee
    if callee.kind == "member" and callee.value == "get":
        return made.arguments[0] if _is_environment(program, callee.parts[0], context) else None
    if callee.value not in {"getenv", "Getenv", "LookupEnv"}:
        return None
    is_read = callee.kind == "member" or (callee.kind == "name" and _is_of_os(program, callee.value, context))
    return made.arguments[0] if is_read else None


def _is_of_os(program: Program, name: str, context: Context) -> bool:
    """Whether a bare name is that of `os`; one that the project defines is a helper, which may have a default."""
    chain = program.modules[context.module].scope_chain(context.scope)
    target = next((scope.imports[name] for scope in chain if name in scope.imports), None)
    return target is not None and target.module == "os"


def _is_environment(program: Program, owner: Expression, context: Context) -> bool:
    if owner.kind == "member":
        base = owner.parts[0]
        if (base.value, owner.value) in _ENVIRONMENTS and base.kind in {"name", "other"}:
            return True
        return owner.value == "env" and base.text == "import.meta"
    if owner.kind != "name":
        return False
    for scope in program.modules[context.module].scope_chain(context.scope):
        target = scope.imports.get(owner.value)
        if target is not None:
            return (target.module, target.name) in _ENVIRONMENTS
        if owner.value in scope.bindings:
            bound = scope.bindings[owner.value]
            aliases = [value for value in bound if value.kind == "member"]
            return any(_is_environment(program, value, context) for value in aliases)
    return False
