"""What a benchmark found: printed, and kept as its part of RESULTS.md."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine
from benchmarks.bars import Bar

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
NOT_MEASURED = "not measured"
_HEAD = """# Results of the benchmarks

Written by `make bench`; how each figure comes about is in [docs/benchmarks.md](../docs/benchmarks.md).
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `value` is held against the bar; None where it could not be measured, and `note` says why."""

    what: str
    value: float | None
    bar: Bar | None = None
    measured: str = ""
    """What `value` was made of, in words."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed`, `not measured`; empty without a bar."""
        if self.value is None:
            return NOT_MEASURED
        if self.bar is None:
            return ""
        return "met" if self.bar.is_met(self.value) else "**missed**"

    @property
    def figure(self) -> str:
        """The value with its unit."""
        if self.value is None:
            return "–"
        if self.bar is None:
            return f"{self.value:.3g}"
        return f"{self.value:,.{self.bar.digits}f} {self.bar.unit}".rstrip()


@dataclass
class Report:
    """One benchmark's results. `versions` names the peers and the server."""

    name: str
    title: str
    conditions: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    """Figures without a bar: name and text."""
    machine: str = field(default_factory=machine.description)

    def row(self, row: Row) -> None:
        """Add a figure with its bar, and print it as it comes."""
        self.rows.append(row)
        bar = f" (bar {row.bar})" if row.bar else ""
        verdict = f": {row.verdict.strip('*')}" if row.verdict else ""
        say(f"  {row.what}: {row.figure}{bar}{verdict}; {row.measured or row.note}")

    def figure(self, name: str, text: str) -> None:
        """Add a figure for information."""
        self.figures.append((name, text))
        say(f"  {name}: {text}")

    @property
    def missed(self) -> bool:
        """Whether any bar was missed."""
        return any(
            row.bar is not None and row.value is not None and not row.bar.is_met(row.value)
            for row in self.rows
        )

    def markdown(self) -> str:
        """Its part of RESULTS.md."""
        lines = [f"## {self.name}: {self.title}", ""]
        lines += [f"{machine.now()}, commit {machine.commit()}.", "", f"- Machine: {self.machine}"]
        lines += [f"- Versions: {', '.join(f'{name} {text}' for name, text in self.versions.items())}"]
        lines += [f"- {text}" for text in self.conditions]
        lines += [
            "",
            *_table(("What", "Figure", "Bar", "Verdict", "Measured"), [_cells(row) for row in self.rows]),
        ]
        if self.figures:
            lines += ["", *_table(("For information", "Figure"), self.figures)]
        return "\n".join(lines) + "\n"

    def finish(self) -> int:
        """Write it to RESULTS.md; returns the exit code: 1 where a bar was missed."""
        known = read(RESULTS)
        known[self.name] = self.markdown()
        RESULTS.write_text(render(known), encoding="utf-8")
        say(f"  written to {RESULTS.relative_to(machine.ROOT)}")
        return 1 if self.missed else 0


def begin(name: str, title: str) -> Report:
    """A report, its head printed. From here on SIGTERM ends the benchmark together with what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    report = Report(name, title)
    say(f"{name}: {title}")
    say(f"  {report.machine}, commit {machine.commit()}")
    return report


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def read(path: Path) -> dict[str, str]:
    """The parts of RESULTS.md by benchmark; {} where there is none yet."""
    if not path.is_file():
        return {}
    parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part[3:].partition(":")[0]: part for part in parts}


def render(parts: Mapping[str, str]) -> str:
    """The whole file: the parts in the order of their names."""
    return "\n".join([_HEAD, *(parts[name].rstrip() + "\n" for name in sorted(parts))])


def _cells(row: Row) -> tuple[str, ...]:
    measured = "; ".join(text for text in (row.measured, row.note) if text)
    return row.what, row.figure, str(row.bar or ""), row.verdict, measured


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
