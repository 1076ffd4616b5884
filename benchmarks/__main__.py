"""Every benchmark, one after the other: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import machine

BENCHMARKS = ("code", "logs", "poll", "session", "start", "synthesis")


def main() -> int:
    """Run each in a process of its own, so that none starts with another's memory; 1 where any missed a bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one"
    )
    names = parser.parse_args().names or BENCHMARKS
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=machine.ROOT, check=False).returncode
        for name in names
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
