"""What a setting in code can be: its values by default, and the variables of the environment that may change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tools import masking
from tools.sources.code.invocations import frame_of
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context, Value
from tools.sources.code.resolve import Resolver
from tools.sources.code.surroundings import Surroundings
from tools.sources.records import CodeKind, CodeUse

TEXT_MAX = 300
_LEVELS_MAX = 3
_CALLS_MAX = 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `is_open`: it may have a value that neither the code nor a variable says. All is masked."""

    values: tuple[str, ...]
    variables: tuple[str, ...]
    is_open: bool


class Settings:
    """Resolves the settings of one program; `uses` tell where it reads the environment."""

    def __init__(self, program: Program, uses: Iterable[CodeUse]) -> None:
        self._program = program
        # Without what configuration files set: the rules ask these themselves, service by service.
        self._resolver = Resolver(program)
        self._surroundings = Surroundings(program, self._resolver)
        self._reads: dict[tuple[str, int], str] = {}
        for use in uses:
            if use.kind is CodeKind.ENV_READ and use.name:
                self._reads |= {(use.path, line): use.name for line in range(use.line, use.end_line + 1)}

    def given(self, module: Module, site: Site, owner: Expression, name: str) -> Expression | None:
        """What a struct or object of this module, `owner` at `site`, is made with under a name; None where it is not."""
        for end in self._resolver.terminals(owner, Context(module.path, site.scope)):
            value = end.expression.keyword(name) if end.context.module == module.path else None
            if value is not None:
                return value
        return None

    def of(self, module: Module, site: Site, wanted: Expression) -> Setting:
        """The setting that a call at `site` is given. Raises RecursionError where names lead in circles."""
        made = site.expression
        here = [(module.path, line) for line in range(made.line, made.end_line + 1)]
        values: dict[str, None] = {}
        variables: dict[str, None] = {}
        is_open = False
        for value in self._values(wanted, Context(module.path, site.scope), 0):
            places = [*((step.path, step.line) for step in value.chain), *here]
            read = [self._reads[place] for place in places if place in self._reads]
            variables |= dict.fromkeys(map(masking.mask, read))
            if value.text is not None:
                values[masking.mask(value.text)] = None
            elif not read:
                is_open = True
        return Setting(tuple(values), tuple(variables), is_open)

    def _values(self, wanted: Expression, context: Context, level: int) -> Iterator[Value]:
        """The values, through the calls of the function that is given it."""
        for value in self._resolver.values(wanted, context):
            needed = max(value.needs - set(context.frames), key=lambda key: key[1], default=None)
            sites = self._surroundings.callers(needed) if needed and level < _LEVELS_MAX else []
            if needed is None or not sites:
                yield value
                continue
            function = self._program.scope(needed)
            for caller in sites[:_CALLS_MAX]:
                there = Context(caller.module.path, caller.site.scope)
                frame = frame_of(caller.site.expression, function, there)
                yield from self._values(
                    wanted, replace(context, frames={**context.frames, needed: frame}), level + 1
                )


def line_of(module: Module, made: Expression) -> str:
    """The first source line of an expression, masked."""
    line = module.lines[made.line - 1] if 0 < made.line <= len(module.lines) else ""
    return masking.beginning(line.strip(), TEXT_MAX)
