"""How code sets up its logs: the level and the format that loggers are given, where the code itself says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import re2
from msgspec.structs import replace

from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.source_files import Holds
from tools.sources.code_settings import Setting, Settings, line_of
from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.records import CodeUse

ServiceOf = Callable[[str], str | None]
_VARIABLE = re2.compile(r"(?:[A-Z0-9_]+_)?LOG(?:GING|GER)?_(?:LEVEL|FORMAT)")
"""Names of variables that say a level or a format."""
_MAKERS = {"pino", "bunyan", "winston", "createLogger"}
_JSON = re2.compile(r"format\.json\(|JSONRenderer|JsonFormatter|ecsFormat\(")
_TEXT = re2.compile(r"format\.(?:simple|cli|printf|prettyPrint)\(|ConsoleRenderer")


class LogSettings:
    """Finds them in one program; `facts` tell which variables are declared."""

    def __init__(
        self, program: Program, service_of: ServiceOf, uses: Iterable[CodeUse], facts: Iterable[ConfigFact]
    ) -> None:
        self._program, self._service_of = program, service_of
        self._settings = Settings(program, uses)
        self._declared = {fact.name.lower() for fact in facts if _VARIABLE.fullmatch(fact.name)}

    def facts(self) -> Iterator[ConfigFact]:
        """A fact for the level, and one for the format, of each place that sets up a logger.

        Its value is "" where it is not known; `also` holds the declared variables that the code of its service, or
        shared code, names anywhere, small.
        """
        found: list[ConfigFact] = []
        for module in self._program.holding(Holds.LOGGERS):
            for site in module.sites:
                if site.expression.kind == "call":
                    try:
                        found += self._of(module, site)
                    except RecursionError:
                        continue  # the index says so of the file
        named = self._named() if found and self._declared else {}
        for fact in found:
            also = named.get(fact.service, set()) | named.get(None, set())
            yield replace(fact, details={**fact.details, "also": ",".join(sorted(also))})

    def _of(self, module: Module, site: Site) -> Iterator[ConfigFact]:
        made = site.expression
        level = _python_level(made) if module.language == "python" else _script_level(made)
        if level is not None:
            constant = _constant(level)
            setting = (
                self._settings.of(module, site, level)
                if constant is None
                else Setting((constant,), (), False)
            )
            yield self._fact(module, site, "level", setting)
        form = _format(module, made)
        if form is not None:
            yield self._fact(module, site, "format", Setting((form,), (), False))

    def _fact(self, module: Module, site: Site, name: str, setting: Setting) -> ConfigFact:
        is_known = len(setting.values) == 1 and not setting.is_open and not setting.variables
        return ConfigFact(
            kind=FactKind.LOGS,
            service=self._service_of(module.path),
            path=module.path,
            line=site.expression.line,
            text=line_of(module, site.expression),
            name=name,
            value=setting.values[0].lower() if is_known else "",
            details={"form": "code", "variables": ",".join(setting.variables)},
        )

    def _named(self) -> dict[str | None, set[str]]:
        found: dict[str | None, set[str]] = {}
        for path, written in self._program.texts():
            text = written.lower()
            names = {name for name in self._declared if name in text or name.replace("_", "") in text}
            found.setdefault(self._service_of(path), set()).update(names)
        return found


def _constant(level: Expression) -> str | None:
    """`logging.INFO` by its name."""
    if level.kind == "member" and level.parts[0].value == "logging" and level.value.isupper():
        return level.value
    return None


def _python_level(made: Expression) -> Expression | None:
    name = made.callee.value
    if name == "basicConfig":
        return made.keyword("level")
    if name == "setLevel" and made.arguments:
        owner = made.callee.parts[0] if made.callee.kind == "member" else made
        is_root = owner.kind == "call" and owner.callee.value == "getLogger" and not owner.arguments
        return made.arguments[0] if is_root else None
    return None


def _script_level(made: Expression) -> Expression | None:
    if made.callee.value not in _MAKERS or not made.arguments or made.arguments[0].kind != "map":
        return None
    return made.arguments[0].keyword("level")


def _format(module: Module, made: Expression) -> str | None:
    """The format that a logger is made with; None where that is not written out."""
    name = made.callee.value
    if module.language == "python":
        if name == "basicConfig" and (form := made.keyword("format")) is not None and form.kind == "text":
            return "json" if form.value.lstrip().startswith("{") else "text"
        return None
    if name in {"pino", "bunyan"} and "transport" not in made.text:
        return "json"
    if name == "createLogger" and made.callee.text.startswith("winston"):
        if _JSON.search(made.text) and not _TEXT.search(made.text):
            return "json"
        return "text" if _TEXT.search(made.text) and not _JSON.search(made.text) else None
    return None
