"""How long the code of a large repository takes: the path of messages against ripgrep, and the whole index.

Run `python benchmarks/code.py` (about two minutes), or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import code_tree, machine, results, ripgrep
from benchmarks.bars import CODE_SCAN
from benchmarks.results import Report, Row

CALL_NAMES = "xadd|xread|xreadgroup|xack|xgroup|xautoclaim|xclaim|xtrim"
_CHILD = """
import sys, time
from pathlib import Path
from tools.sources.code.index import build_index, path_of_messages
began = time.perf_counter()
root = Path(sys.argv[2])
uses = path_of_messages(root) if sys.argv[1] == "path" else build_index(root, (), (), 0).uses
print(time.perf_counter() - began, len({u.stream.value for u in uses if u.stream and u.stream.value}), len(uses))
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at the repository: seconds on the clock, inside of the process and with its start, and what it found."""

    inside_s: float
    wall_s: float
    streams: int
    uses: int


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks/code.py", description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--files", type=int, default=7_000, metavar="N", help="fewer for a quick try")
    made.add_argument("--rounds", type=int, default=5, metavar="N", help="pairs of which the median counts")
    made.add_argument(
        "--folder", type=Path, metavar="PATH", help="where the repository is made; a temporary one else"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    report = results.begin("code", "how long the code of a large repository takes")
    shape = code_tree.Shape(files=options.files)
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-", dir=options.folder) as folder:
        root = Path(folder)
        code_tree.write(root, shape)
        size = sum(file.stat().st_size for file in root.rglob("*.ts"))
        report.conditions.append(f"data: {shape}, {size / 1e6:.0f} MB, seed {code_tree.SEED}")
        _measure(root, options.rounds, report)
    return report.finish()


def _measure(root: Path, rounds: int, report: Report) -> None:
    report.versions = machine.versions("streamgauge", "ast-grep-py", "google-re2")
    try:
        program, version = ripgrep.find()
    except ripgrep.Unavailable as error:
        report.row(Row("path of messages against rg", None, CODE_SCAN, note=str(error)))
        program = ""
    else:
        report.versions["ripgrep"] = version
    looked("path", root)  # the files are in memory from here on, for both
    pairs = [(looked("path", root), searched(program, root) if program else 0.0) for _ in range(rounds)]
    path_s = statistics.median(ours.inside_s for ours, _ in pairs)
    if program:
        ratios = [ours.inside_s / theirs for ours, theirs in pairs]
        report.row(
            Row(
                "path of messages against rg: wall",
                statistics.median(ratios),
                CODE_SCAN,
                f"median of {rounds} pairs ({min(ratios):.1f}–{max(ratios):.1f}): {path_s:.2f} s against "
                f"{statistics.median(theirs for _, theirs in pairs):.2f} s; {pairs[0][0].streams} streams",
            )
        )
    wholes = [looked("whole", root) for _ in range(2)]
    report.figure(
        "whole index, with environment, prints and configuration", f"{min(w.inside_s for w in wholes):.2f} s"
    )
    report.figure(
        "start of the process", f"{statistics.median(o.wall_s - o.inside_s for o, _ in pairs):.2f} s"
    )
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report.figure("memory of the largest of these processes", f"{peak_mb:.0f} MB")


def looked(what: str, root: Path) -> Pass:
    """One look in a process of its own."""
    command = [sys.executable, "-c", _CHILD, what, str(root)]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=machine.ROOT, env=machine.environment(), capture_output=True, text=True, check=True
    )
    inside, streams, uses = done.stdout.split()
    return Pass(float(inside), time.perf_counter() - began, int(streams), int(uses))


def searched(program: str, root: Path) -> float:
    """Seconds that `rg` takes to find the call names, with its defaults."""
    command: Sequence[str] = (program, "--no-config", "-i", "--files-with-matches", CALL_NAMES, str(root))
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env={"PATH": os.environ.get("PATH", "")}, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
