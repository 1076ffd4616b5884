"""The instruments measure what they say; what they find is never asserted here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import bars, dataset, exporter, looking, machine, questions, results
from benchmarks.__main__ import BENCHMARKS
from benchmarks.bars import Bar
from benchmarks.probe import Probe, best
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, running
from tests.conftest import server_binary

ROOT = Path(__file__).resolve().parents[2]
SMALL = dataset.Shape(streams=20, entries=5)
MODULES = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))


def in_python() -> Probe:
    """What runs where there is no C compiler."""
    return Probe((sys.executable, "-m", "benchmarks.probe"), "Python probe")


@pytest.fixture
def measured() -> Iterator[BenchServer]:
    """A small copy of the data on a server of the benchmarks' own."""
    with running(Path(server_binary())) as server:
        dataset.load(server.client, SMALL)
        server.calibrate()
        yield server


@pytest.mark.parametrize("name", MODULES)
def test_importing_a_module_of_the_benchmarks_starts_nothing(name: str) -> None:
    code = f"import benchmarks.{name}, psutil; print(len(psutil.Process().children()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_as_a_file_and_says_its_options(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"benchmarks/{name}.py" in done.stdout


def test_what_is_measured_is_what_happened_and_not_the_measuring(measured: BenchServer) -> None:
    with measured.measure() as meter:
        pass
    assert meter.spent.commands == meter.spent.reads == 0
    with measured.measure() as meter:
        for _ in range(3):
            measured.client.xlen(dataset.stream_names(SMALL)[0])
    assert meter.spent.calls == {"xlen": 3}
    assert meter.spent.reads == 3
    assert meter.spent.cpu_s >= 0


def test_the_data_is_what_its_shape_says(measured: BenchServer) -> None:
    names = sorted(name.decode() for name in measured.client.scan_iter())
    assert names == dataset.stream_names(SMALL)
    groups = measured.client.xinfo_groups(names[0])
    assert [(group["name"].decode(), group["pending"], group["lag"]) for group in groups] == [
        ("group-0", 2, 3),
        ("group-1", 2, 3),
    ]
    dataset.load(measured.client, dataset.Shape(streams=2, pending=0, caught_up=True))
    groups = measured.client.xinfo_groups(names[1])
    assert [(group["pending"], group["lag"]) for group in groups] == [(0, 0), (0, 0)]


def test_a_relay_notes_every_question_of_a_sweep(measured: BenchServer) -> None:
    def sweep(url: str) -> None:
        ours = looking.unpaced(url)
        assert len(ours.look(None).streams) == SMALL.streams
        ours.close()

    asked = questions.asked_by(measured.port, sweep)
    names = {question[2].decode() for question in asked if question[:2] == (b"XINFO", b"STREAM")}
    assert names == set(dataset.stream_names(SMALL))


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(in_python, id="python"),
        pytest.param(
            best, id="compiled", marks=pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
        ),
    ],
)
def test_the_probe_asks_at_its_pace_and_says_how_long_it_waited(
    measured: BenchServer, probe: Callable[[], Probe]
) -> None:
    measured.client.set("probe", "x")
    with measured.measure() as meter:
        waits, _ = probe().run(measured.port, 0.2, machine.cores()[1])
    assert waits.asked == meter.spent.calls["get"]
    assert 0 < waits.p50 <= waits.p99 <= waits.p999 <= waits.longest


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [
        (Bar(5, "×"), 5.0, True),
        (Bar(5, "×"), 5.01, False),
        (Bar(10, "×", "at least"), 10.0, True),
        (Bar(10, "×", "at least"), 9.99, False),
    ],
)
def test_a_bar_is_met_up_to_its_limit(bar: Bar, value: float, met: bool) -> None:
    report = Report("x", "a title")
    report.row(Row("what", value, bar))
    assert report.rows[0].verdict == ("met" if met else "**missed**")
    assert report.missed is not met


def test_a_peer_that_is_not_there_is_said_and_is_no_missed_bar() -> None:
    report = Report("x", "a title")
    report.row(Row("what", None, bars.EXPORTER, note="peer not available: no network"))
    assert "| what | – | ≥ 10 × | not measured | peer not available: no network |" in report.markdown()
    assert not report.missed


def test_without_the_exporter_and_without_debian_the_peer_is_not_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(exporter.Unavailable, match="PATH"):
        exporter.find(tmp_path)


def test_a_benchmark_replaces_its_own_part_of_the_results_only(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    one, two = Report("one", "a title: with a colon"), Report("two", "another")
    two.row(Row("a | b", 1.5, bars.SWEEP_WALL))
    path.write_text(results.render({"two": two.markdown(), "one": one.markdown()}), encoding="utf-8")
    known = results.read(path)
    assert list(known) == ["one", "two"]
    assert "a \\| b" in known["two"]
    one.figure("fresh", "figure")
    text = results.render(known | {"one": one.markdown()})
    assert text.index("fresh") < text.index("## two")
    assert results.read(tmp_path / "none.md") == {}
