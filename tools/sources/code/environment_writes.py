"""Variables that a program gives to itself: `os.environ.setdefault(…)`, `process.env.X ??= …`, `os.Setenv(…)`.

What it sets it needs from nobody else. A write behind a condition counts too: whether it runs cannot be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import re2

from tools.sources.code.program_index import Program
from tools.sources.code.source_files import Holds
from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.project_env import shown_line

_NAME = r"[\"'`]([A-Za-z_][A-Za-z0-9_]*)[\"'`]"
_WRITES = {
    "python": re2.compile(
        rf"\benviron\.setdefault\(\s*{_NAME}|\benviron\[\s*{_NAME}\s*\]\s*=[^=]|\bputenv\(\s*{_NAME}"
    ),
    "go": re2.compile(rf"\bos\.Setenv\(\s*{_NAME}"),
}
_SCRIPT_WRITES = re2.compile(
    rf"\benv(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*{_NAME}\s*\])\s*(?:(?:\?\?|\|\|)=|=(?:[^=>]|$))"
)


def facts(program: Program, service_of: Callable[[str], str | None]) -> Iterator[ConfigFact]:
    """A declaration for each write, of the service whose code it is."""
    for module in program.holding(Holds.ENVIRONMENT):
        writes = _WRITES.get(module.language, _SCRIPT_WRITES)
        for number, line in enumerate(module.lines, 1):
            for found in writes.finditer(line) if "env" in line.lower() else ():
                yield ConfigFact(
                    kind=FactKind.ENV_DECLARED,
                    service=service_of(module.path),
                    path=module.path,
                    line=number,
                    text=shown_line(line),
                    name=next(filter(None, found.groups())),
                    details={"form": "code"},
                )
