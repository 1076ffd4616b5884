"""How fast logs are read, what that takes, and how soon a line is a finding.

Run `python benchmarks/logs.py` (about ten minutes), or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import log_latency, machine, results, ripgrep
from benchmarks.bars import LOG_ALL_PATTERNS, LOG_MEMORY, LOG_PIPELINE, LOG_SCAN
from benchmarks.log_lines import FORMS, Mix, writer
from benchmarks.results import Report, Row
from tools.sources.logs.engine.patterns import PATTERNS

DENSITIES = {"few": Mix(0.002, 0.002), "some": Mix(0.02, 0.02), "many": Mix(0.2, 0.05)}
"""Shares of errors and warnings."""
WORST_MB = 50
_LONG_LINE_BYTES = 1 << 30
_ALL_PATTERNS_MB = 60
"""Of one density: ripgrep takes minutes for more."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where files may lie, how much is wanted, and who is told."""

    folder: Path
    mb: int
    rounds: int
    report: Report
    rg: str | None


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks/logs.py", description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--mb", type=int, default=1100, metavar="N", help="of logs, over the three densities")
    made.add_argument("--rounds", type=int, default=3, metavar="N", help="pairs of which the median counts")
    made.add_argument(
        "--folder", type=Path, metavar="PATH", help="where the logs are made; a temporary one else"
    )
    made.add_argument("--only", choices=sorted(_PARTS), help="one part; RESULTS.md stays as it is")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    report = results.begin("logs", "how fast logs are read, and how soon a line is a finding")
    report.versions = machine.versions("hyperscan", "numpy", "google-re2")
    rg: str | None = None
    try:
        rg, report.versions["ripgrep"] = ripgrep.find()
    except ripgrep.Unavailable as error:
        report.conditions.append(f"ripgrep is not available: {error}")
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-", dir=options.folder) as text:
        machine.pin(0, machine.cores()[1])
        scene = Scene(Path(text), options.mb, options.rounds, report, rg)
        report.conditions.append(
            f"logs: {', '.join(FORMS)}, made from a seed; speeds are bytes by CPU time, one core"
        )
        for name in [options.only] if options.only else _PARTS:
            _PARTS[name](scene)
    return int(report.missed) if options.only else report.finish()


# --- speed -----------------------------------------------------------------------------------------------


def _speed(scene: Scene) -> None:
    for name, mix in DENSITIES.items():
        with _logs(scene.folder / name, scene.mb / len(DENSITIES), mix) as folder:
            _against_ripgrep(scene, name, folder)


def _against_ripgrep(scene: Scene, name: str, folder: Path) -> None:
    files = sorted(folder.glob("*.log"))
    pairs = []
    for _ in range(scene.rounds):
        search = None if scene.rg is None else ripgrep.count(scene.rg, files, ripgrep.KEYWORDS)
        pairs.append((search, read("scan", folder), read("watcher", folder)))
    search, scan, whole = pairs[0]
    share = "" if search is None else f", {100 * search.lines / whole['lines']:.1f} % of lines with a keyword"
    size = f"{whole['mb']:.0f} MB, {whole['lines']:,} lines{share}"
    rivals = [(one, two, three) for one, two, three in pairs if one is not None]
    note = "" if rivals else "peer not available"
    ours, theirs = (
        _speeds(three for *_, three in pairs),
        _rates(whole["mb"], [one.cpu_s for one, *_ in rivals]),
    )
    said = f"{size}; ours {ours}, {whole['findings']} findings; rg -c -i of the twelve keywords {theirs}"
    row = Row(f"whole pipeline, {name} errors", None, LOG_PIPELINE, said, note)
    _ratio(scene, row, [one.cpu_s / three["cpu_s"] for one, _, three in rivals])
    said = f"ours {_speeds(two for _, two, _ in pairs)}, {scan['lines']:,} matches"
    row = Row(f"bare scan of {len(PATTERNS)} patterns, {name} errors", None, LOG_SCAN, said, note)
    _ratio(scene, row, [one.cpu_s / two["cpu_s"] for one, two, _ in rivals])
    worst = max(three["rss_mb"] for *_, three in pairs)
    scene.report.row(Row(f"memory, {name} errors", worst, LOG_MEMORY, "peak of the process that read it"))
    merged = read("merged", folder)
    scene.report.figure(f"with merged.log, {name} errors", _speeds([merged]))


def _all_patterns(scene: Scene) -> None:
    with _logs(scene.folder / "patterns", min(scene.mb, _ALL_PATTERNS_MB), DENSITIES["some"]) as folder:
        what = f"whole pipeline against rg with all {len(PATTERNS)} patterns"
        if scene.rg is None:
            scene.report.row(Row(what, None, LOG_ALL_PATTERNS, note="peer not available"))
            return
        files, ratios = sorted(folder.glob("*.log")), []
        for _ in range(scene.rounds):
            try:
                search = ripgrep.count(scene.rg, files, _for_ripgrep(), caseless=False)
            except ripgrep.Unavailable as error:
                scene.report.row(Row(what, None, LOG_ALL_PATTERNS, note=str(error)))
                return
            whole = read("watcher", folder)
            ratios.append(search.cpu_s / whole["cpu_s"])
        rate = f"rg {whole['mb'] / search.cpu_s:.0f} MB/s, {search.lines:,} lines"
        said = f"{whole['mb']:.0f} MB; {rate}; ours {_speeds([whole])}"
        _ratio(scene, Row(what, None, LOG_ALL_PATTERNS, said), ratios)


def _for_ripgrep() -> list[str]:
    """The patterns in its syntax; a line's end is no character for it."""
    expressions = [pattern.expression.replace(r"\r?\n", r"\r?$") for pattern in PATTERNS]
    return [
        f"(?-u)(?{'i' if pattern.caseless else '-i'}:{expression})"
        for pattern, expression in zip(PATTERNS, expressions, strict=True)
    ]


def _ratio(scene: Scene, row: Row, ratios: list[float]) -> None:
    """A row with the median of paired ratios."""
    value = statistics.median(ratios) if ratios else None
    of = f"; median of {len(ratios)} pairs ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else ""
    scene.report.row(replace(row, value=value, measured=row.measured + of))


# --- the worst that logs can be --------------------------------------------------------------------------


def _worst(scene: Scene) -> None:
    for name, line in _WORST.items():
        folder = scene.folder / "worst"
        folder.mkdir(exist_ok=True)
        path = folder / "worst.log"
        chance = random.Random(7)
        size, number = WORST_MB * 1_000_000 * min(1, scene.mb / 1000), 0
        with path.open("w", encoding="utf-8") as file:
            while file.tell() < size:
                for _ in range(1000):
                    number += 1
                    file.write(line(number, chance))
        _tell_worst(scene, name, folder)
        path.unlink()
    folder = scene.folder / "long"
    folder.mkdir()
    with (folder / "long.log").open("wb") as file:
        file.write(b"first\n")
        for _ in range(_LONG_LINE_BYTES >> 20):
            file.write(b"error " * ((1 << 20) // 6))
        file.write(b"\nlast\n")
    _tell_worst(scene, "a line of 1 GB", folder)
    (folder / "long.log").unlink()


def _tell_worst(scene: Scene, name: str, folder: Path) -> None:
    found = read("watcher", folder)
    gaps = [json.loads(line)["what"] for line in found["gaps"]]
    scene.report.row(
        Row(
            f"memory, {name}",
            found["rss_mb"],
            LOG_MEMORY,
            f"{found['mb']:.0f} MB, {found['lines']:,} lines at {_speeds([found])} "
            f"({found['lines'] / found['cpu_s']:,.0f} lines/s); told as gaps: {'; '.join(gaps) or 'none'}",
        )
    )


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("ghijklmnopqrstuvwxyz", k=count))


_WORST: dict[str, Callable[[int, random.Random], str]] = {
    "every line an error": lambda n, _: (
        f'{{"level":50,"time":{1_750_000_000_000 + n},"msg":"order {n} failed: ECONNREFUSED"}}\n'
    ),
    "every third line begins a trace": lambda n, _: (
        f"2025-06-15 15:06:{n // 1000 % 60:02d},{n % 1000:03d} ERROR order {n} failed\nValueError: order {n}\n"
        f'Traceback (most recent call last):\n  File "/srv/app.py", line {n % 90}, in handle\n    store()\nValueError: {n}\n'
    ),
    "every line a new template": lambda n, chance: (
        f'{{"level":50,"time":{1_750_000_000_000 + n},"msg":"{_letters(chance, 8)} {_letters(chance, 9)} failed"}}\n'
    ),
    "every line a secret": lambda n, chance: (
        f'{{"level":30,"time":{1_750_000_000_000 + n},"msg":"signed in","password":"{_letters(chance, 9)}{n}"}}\n'
    ),
}


# --- latency ---------------------------------------------------------------------------------------------


def _latency(scene: Scene) -> None:
    log_latency.measure(scene.folder / "latency", scene.report)


# --- reading ---------------------------------------------------------------------------------------------


def read(kind: str, folder: Path) -> dict[str, Any]:
    """One reading of all logs of a folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.log_reader", kind, str(folder)],
        cwd=machine.ROOT, env=machine.environment(), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


@contextmanager
def _logs(folder: Path, mb: float, mix: Mix) -> Iterator[Path]:
    """A log of each logger, of equal size."""
    folder.mkdir()
    for form in FORMS:
        service, size = writer(form, mix), mb * 1e6 / len(FORMS)
        with (folder / f"{form}.log").open("w", encoding="utf-8", newline="") as file:
            while file.tell() < size:
                file.writelines(service.lines(5000))
    try:
        yield folder
    finally:
        for path in folder.glob("*.log"):
            path.unlink()


def _speeds(found: Iterable[dict[str, Any]]) -> str:
    speeds = [f"{one['mb'] / one['cpu_s']:.0f}" for one in found]
    return f"{' and '.join(speeds)} MB/s"


def _rates(mb: float, seconds: list[float]) -> str:
    return f"{' and '.join(f'{mb / one:.0f}' for one in seconds)} MB/s" if seconds else "not measured"


_PARTS: dict[str, Callable[[Scene], None]] = {
    "speed": _speed,
    "all-patterns": _all_patterns,
    "worst": _worst,
    "latency": _latency,
}


if __name__ == "__main__":
    sys.exit(main())
