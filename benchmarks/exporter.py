"""The peer that operators know: prometheus-redis-exporter of Debian, scraping the same streams."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import dataset, machine, paced
from benchmarks.bars import EXPORTER
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, Spent, free_port

PACKAGE = "prometheus-redis-exporter"
_FETCH_S = 120.0
_READY_S = 20.0
_SCRAPE_S = 300.0
_STEP_S = 0.1


class Unavailable(Exception):
    """The peer cannot be measured here; the text says why."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """One look of the exporter."""

    wall_s: float
    spent: Spent
    page_mb: float


def measure(server: BenchServer, shape: dataset.Shape, rounds: int, report: Report) -> None:
    """Its looks, in pairs with looks of ours at everything, at the normal pace."""
    what = "redis_exporter scraping the same streams: server CPU against a look of ours at the normal pace"
    try:
        program, version = find()
        report.versions["redis_exporter"] = version
        with _serving(server, program) as page:
            pairs = [(_scrape(server, shape, page), paced.looks(server)) for _ in range(rounds)]
    except Unavailable as error:
        report.row(Row(what, None, EXPORTER, note=f"peer not available: {error}"))
        return
    theirs, ours = pairs[0]
    report.row(
        Row(
            what,
            statistics.median(scrape.spent.cpu_s / (own.cpu_s / paced.LOOKS) for scrape, own in pairs),
            EXPORTER,
            f"theirs {_ms(scrape.spent.cpu_s for scrape, _ in pairs)} for {theirs.spent.commands:,} commands in "
            f"{theirs.wall_s:.1f} s, a page of {theirs.page_mb:.0f} MB; ours {_ms(own.cpu_s / paced.LOOKS for _, own in pairs)} "
            f"for {ours.commands // paced.LOOKS:,} commands, mean of {paced.LOOKS} looks after the first; median of "
            f"{len(pairs)} pairs",
        )
    )


def find(cache: Path = machine.CACHE) -> tuple[str, str]:
    """The program and its version: on PATH, else unpacked from Debian's package. Raises Unavailable."""
    program = shutil.which(PACKAGE) or shutil.which("redis_exporter") or str(_unpacked(cache / "exporter"))
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"Exporter\s+v?(\S+)", said.stdout + said.stderr)
    return program, found[1] if found else "of unknown version"


def _scrape(server: BenchServer, shape: dataset.Shape, page: str) -> Scrape:
    """One whole page, checked to hold every stream and every group. Raises Unavailable."""
    with server.measure() as meter:
        began = time.perf_counter()
        text = _get(page, _SCRAPE_S)
        wall_s = time.perf_counter() - began
    _check(text, shape)
    return Scrape(wall_s, meter.spent, len(text) / 1e6)


@contextmanager
def _serving(server: BenchServer, program: str) -> Iterator[str]:
    port = free_port()
    command = [
        program, "--redis.addr", f"redis://127.0.0.1:{server.port}", "--web.listen-address", f"127.0.0.1:{port}",
        "--check-streams", "svc:*", "--connection-timeout", "60s",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    machine.pin(process.pid, machine.cores()[1])
    try:
        _wait_for(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.kill()
        process.wait()


def _wait_for(page: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            _get(page, 1)
        except (urllib.error.URLError, OSError):
            time.sleep(_STEP_S)
        else:
            return
    raise Unavailable(f"{PACKAGE} did not start")


def _get(page: str, timeout_s: float) -> bytes:
    with urllib.request.urlopen(page, timeout=timeout_s) as answer:  # noqa: S310 - a page of our own on loopback
        return bytes(answer.read())


def _check(text: bytes, shape: dataset.Shape) -> None:
    streams = len(re.findall(rb"^redis_stream_length\{", text, re.MULTILINE))
    groups = len(re.findall(rb"^redis_stream_group_messages_pending\{", text, re.MULTILINE))
    if streams != shape.streams or groups != shape.streams * shape.groups:
        raise Unavailable(f"its page has {streams} streams and {groups} groups of {shape}")


def _unpacked(folder: Path) -> Path:
    program = folder / "usr" / "bin" / PACKAGE
    if program.is_file():
        return program
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Unavailable(f"there is no {PACKAGE} on PATH, nor Debian's tools to fetch it")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for command in (["apt-get", "download", "--quiet", PACKAGE], ["sh", "-c", "dpkg -x *.deb ."]):
            subprocess.run(command, cwd=folder, capture_output=True, timeout=_FETCH_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{PACKAGE} is not on PATH and could not be fetched ({error})") from error
    if not program.is_file():
        raise Unavailable(f"Debian's package does not hold {PACKAGE}")
    return program


def _ms(seconds: Iterable[float]) -> str:
    return " and ".join(f"{one * 1e3:.0f} ms" for one in seconds)
