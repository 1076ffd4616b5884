"""What a whole attach session costs and whether it keeps its pace: 10,000 streams, and 50 streams with 7 services.

Run `python benchmarks/session.py` (some minutes), or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import dataset, machine, results
from benchmarks.bars import HARNESS_CPU, HARNESS_MEMORY, SERVER_SHARE
from benchmarks.observed import SESSION, Observed, Plan, observe
from benchmarks.paced import INTERVAL_S
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, Spent, running
from orchestrator.config.model import SessionSection

SERVICES = 7
STREAMS = 50
LIVE = 500
MESSAGES_PER_S = 100
_PATIENCE_S = 300.0
_SETTLES_S = 5.0
_TRAFFIC = ("xadd", "xreadgroup", "xack", "xgroup|create")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a session is observed, for how many seconds, and who is told; `streams` are those of a large system."""

    server: BenchServer
    folder: Path
    report: Report
    duration_s: float
    streams: int


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="benchmarks/session.py", description=__doc__.split("\n", maxsplit=1)[0]
    )
    made.add_argument("--server", type=Path, metavar="PATH", help="another redis-server or valkey-server")
    made.add_argument("--streams", type=int, default=10_000, metavar="N", help="of the large system")
    made.add_argument("--duration", type=float, default=60.0, metavar="SECONDS", help="of each look")
    made.add_argument(
        "--only", choices=sorted(_SCENARIOS), help="one of the sessions; RESULTS.md stays as it is"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    report = results.begin("session", "what a whole session costs")
    report.conditions.append(
        f"`streamgauge run --mode attach --no-llm --quiet`, window {options.duration:g} s"
    )
    for name in [options.only] if options.only else _SCENARIOS:
        with (
            running(options.server) as server,
            tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as place,
        ):
            report.versions = {"server": server.name, **machine.versions("streamgauge", "redis", "hiredis")}
            _SCENARIOS[name](Scene(server, Path(place), report, options.duration, options.streams))
    return int(report.missed) if options.only else report.finish()


def _small(scene: Scene) -> None:
    server, folder, report = scene.server, scene.folder, scene.report
    names = tuple(f"service-{number}" for number in range(SERVICES))
    title = f"{STREAMS} streams, {SERVICES} services"
    with ExitStack() as stack:
        for number in range(SERVICES):
            words = (server.url, str(folder), str(number), str(SERVICES), str(STREAMS))
            stack.enter_context(_process("benchmarks.service", *words))
        _wait_for_services(folder, names)
        server.calibrate()
        plan = Plan(folder, SessionSection().duration, _PATIENCE_S, names, stopped_after_s=scene.duration_s)
        seen = observe(server, plan)
    parts = ", ".join(f"{name.lower()} {seen.share(name):.2%}" for name in _by_cpu(seen))
    report.row(
        Row(
            f"{title}: CPU of the harness",
            seen.share() * 100,
            HARNESS_CPU,
            f"in a window of {plan.duration_s:g} s that STOP ended after {plan.looked_s:g} s, its first 15 s left out "
            f"({parts}); whole session {seen.cpu_s():.1f} s of CPU in "
            f"{seen.ended - seen.began:.0f} s",
        )
    )
    weights = ", ".join(f"{name.lower()} {use.pss_mb:.0f}" for name, use in seen.uses.items())
    report.row(
        Row(
            f"{title}: memory of the harness",
            seen.pss_mb,
            HARNESS_MEMORY,
            f"PSS at its highest; RSS {seen.rss_mb:.0f} MB; by process {weights}",
        )
    )
    _tell(title, seen, report)


def _many(scene: Scene) -> None:
    shape = dataset.Shape(streams=scene.streams, pending=0, caught_up=True)
    _large(scene, shape, f"{shape.streams:,} healthy streams")


def _stuck(scene: Scene) -> None:
    shape = dataset.Shape(streams=scene.streams)
    _large(scene, shape, f"{shape.streams:,} streams, every group stuck")


def _large(scene: Scene, shape: dataset.Shape, title: str) -> None:
    server, report = scene.server, scene.report
    dataset.load(server.client, shape)
    server.calibrate()
    live = min(LIVE, shape.streams)
    words = (server.url, str(shape.streams), str(shape.groups), str(live), str(MESSAGES_PER_S))
    with _process("benchmarks.traffic", *words):
        time.sleep(1)
        before = server.cpu_s()
        time.sleep(_SETTLES_S)
        alone = (server.cpu_s() - before) / _SETTLES_S
        seen = observe(server, Plan(scene.folder, scene.duration_s, _PATIENCE_S))
    report.conditions.append(f"{title}: {shape}; {MESSAGES_PER_S} messages a second over {live} of them")
    if seen.spent_s:
        ours = seen.spent.cpu_s / seen.spent_s - alone
        report.row(
            Row(
                f"{title}: CPU of the server for the session",
                ours * 100,
                SERVER_SHARE,
                f"with the session {seen.spent.cpu_s / seen.spent_s:.2%} of a core, with the traffic alone {alone:.2%}; "
                f"inside our commands {_inside_ours(seen.spent) / seen.spent_s:.2%}",
            )
        )
    _tell(title, seen, report)


def _tell(title: str, seen: Observed, report: Report) -> None:
    ends = (
        f"exit code {seen.exit_code}"
        if seen.exit_code is not None
        else f"did not end within {_PATIENCE_S:g} s"
    )
    deadline = seen.window[1]
    at = [
        f"{name} {seen.phases[name] - deadline:.1f} s"
        for name in ("observe", "synthesize", "report")
        if name in seen.phases
    ]
    report.figure(
        f"{title}: its end",
        f"{ends}; finished after the end of the window: {', '.join(at) or 'no phase finished'}; {seen.findings:,} findings, "
        f"workspace {seen.workspace_mb:.0f} MB; not seen: {', '.join(seen.blind) or 'nothing'}",
    )
    report.figure(f"{title}: polls", _polls(seen))
    uses = ", ".join(
        f"{name.lower()} {seen.cpu_s(name):.1f} s ({seen.share(name):.1%} of a core in the window), "
        f"{seen.uses[name].pss_mb:.0f} MB"
        for name in _by_cpu(seen)
    )
    report.figure(
        f"{title}: CPU and PSS by process", f"{uses}; together {seen.cpu_s():.1f} s, {seen.pss_mb:.0f} MB"
    )


def _polls(seen: Observed) -> str:
    """Whether the interval was kept; the first poll is made at the beginning, the last one after the end."""
    if not seen.looks:
        return "none"
    begin, end = (round(at * 1000) for at in seen.window)
    wanted = (end - begin) // round(INTERVAL_S * 1000) + 1
    inside = sum(begin <= look.at_ms < end for look in seen.looks)
    gaps = [(later.at_ms - look.at_ms) / 1000 for look, later in pairwise(seen.looks)]
    walls = ", ".join(f"{look.wall_ms / 1000:.1f}" for look in seen.looks)
    return (
        f"{inside} of {wanted} in the window, {len(seen.looks) - inside} after it; "
        f"{', '.join(f'{gap:.1f}' for gap in gaps)} s apart; {walls} s long, "
        f"{sum(look.quiet for look in seen.looks)} of them quiet; "
        f"own cost as told {sum(look.server_us for look in seen.looks) / 1e3:.0f} ms in all"
    )


def _inside_ours(spent: Spent) -> float:
    return sum(us for name, us in spent.command_us.items() if name not in _TRAFFIC) / 1e6


def _by_cpu(seen: Observed) -> Sequence[str]:
    return sorted(seen.uses, key=lambda name: (-seen.cpu_s(name), name != SESSION))


def _wait_for_services(folder: Path, names: Sequence[str]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not all((folder / f"{name}.log").is_file() for name in names):
        if time.monotonic() > until:
            raise SystemExit("the services did not start")
        time.sleep(0.1)


@contextmanager
def _process(module: str, *words: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", module, *words], cwd=machine.ROOT)
    try:
        yield
        if process.poll() is not None:
            raise SystemExit(f"{module} ended before the session did")
    finally:
        process.kill()
        process.wait()


_SCENARIOS = {"small": _small, "many": _many, "stuck": _stuck}


if __name__ == "__main__":
    sys.exit(main())
