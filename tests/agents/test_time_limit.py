"""Work that does not end by itself ends at its limit of wall time."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents import indexer
from agents.time_limit import TookTooLong, limited
from tests.agents.audit_jobs import job_of
from tests.fakes.clock import ManualClock
from tests.sources.code.trees import write

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What rings while the collector's callbacks run (Hypothesis sets some) would go nowhere."""
    gc.disable()
    yield
    gc.enable()


def without_end() -> None:
    while True:
        try:
            int("x")
        except Exception:  # noqa: BLE001 - what work does with its own errors must not stop the limit
            continue


def test_work_without_an_end_is_ended() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TookTooLong), limited(0.01, again_s=0.05):
        without_end()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


class Finalized:
    """Its end takes as long as it takes until the time is over; what is raised in it goes nowhere."""

    def __init__(self, rung: list[bool]) -> None:
        self.rung = rung

    def __del__(self) -> None:
        try:
            without_end()
        except TookTooLong:
            self.rung.append(True)
            raise


def test_a_ring_that_a_finalizer_swallows_is_not_the_last() -> None:
    rung: list[bool] = []

    def work() -> None:
        Finalized(rung)
        without_end()

    with pytest.raises(TookTooLong), limited(0.01, again_s=0.01):
        work()
    assert rung == [True]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_it_may_ring_while_it_is_switched_off() -> None:
    before = signal.getsignal(signal.SIGALRM)
    for _ in range(30):
        with suppress(TookTooLong), limited(0.000_01, again_s=0.000_01):
            sum(range(1000))
        assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0, 0))


def test_work_that_ends_is_left_alone() -> None:
    with limited(600):
        found = sum(range(10))
    assert (found, signal.getitimer(signal.ITIMER_REAL)[0]) == (45, 0)


def test_beside_the_main_thread_there_is_no_limit() -> None:
    done: list[bool] = []

    def work() -> None:
        with limited(600):
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done == [True]


def test_an_index_that_takes_too_long_is_a_blind_gap(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {f"a{at}.py": f"b{at}.publish(1)\n" * 300 for at in range(200)})
    # What rings while a module is imported may go nowhere.
    small = write(tmp_path / "small", {"app.py": "import os\n"})
    indexer.build(job_of("INDEXER", small, tmp_path / "small-session"), small, ManualClock())
    job = job_of("INDEXER", project, tmp_path / "monitor-session")
    made = indexer.build(job, project, ManualClock(), limit_s=0.000_001)
    assert [(gap.blind, gap.why) for gap in made.gaps] == [
        (True, "reading it took longer than 0 s; exclude large or generated files")
    ]
