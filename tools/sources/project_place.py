"""A file that facts are read from: what all facts of it share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tools import masking
from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.source_lines import lines_of

TEXT_MAX = 500


@dataclass(frozen=True, slots=True)
class Place:
    """One file: its path, the service it belongs to, its lines, and the form of what it says."""

    path: str
    service: str | None
    lines: tuple[str, ...]
    form: str

    @classmethod
    def of(cls, path: str, service: str | None, text: str, form: str) -> Place:
        """The place of a text."""
        return cls(path, service, tuple(lines_of(text)), form)

    def owned_by(self, service: str | None) -> Place:
        """The same file, about another service."""
        return replace(self, service=service)

    def shown(self, line: int) -> str:
        """A line, masked and cut; "" where there is none."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return masking.beginning(text.strip(), TEXT_MAX)

    def fact(
        self,
        kind: FactKind,
        line: int,
        name: str,
        value: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> ConfigFact:
        """A fact of one line, which counts from 1. Everything in it is masked."""
        return ConfigFact(
            kind=kind,
            service=self.service,
            path=self.path,
            line=line,
            text=self.shown(line),
            name=masking.mask(name),
            value=None if value is None else masking.mask(value),
            details={"form": self.form, **(details or {})},
        )
