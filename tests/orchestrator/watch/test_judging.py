"""When a run is over, stands still or goes on; its verdict and its anomalies. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from orchestrator.config.watch import WatchSection
from orchestrator.watch import judging, verdicts
from orchestrator.watch.ledger import Watched
from orchestrator.watch.views import Gate, Step, View

NOW = 1_750_000_000_000
LIMITS = WatchSection()
DONE, OPEN = Step(name="a", status="COMPLETED"), Step(name="b", status="RUNNING")


def view(status: str = "RUNNING", **more: Any) -> View:
    return View(source="x", run_id="r", kind="foreign", status=status, started_ms=NOW, progress="p", **more)


def known(**more: Any) -> Watched:
    values: dict[str, Any] = {"progress": "p", "progressed_ms": NOW, "seen_ms": NOW, "started_ms": NOW}
    return Watched(key="r", source="x", run_id="r", kind="foreign", **(values | more))


@pytest.mark.parametrize(
    ("seen", "after_s", "expected"),
    [
        pytest.param(view("completed".upper()), 0, "COMPLETED", id="its source says so"),
        pytest.param(view("CANCELLED"), 0, "FAILED", id="it was cancelled"),
        pytest.param(view(steps=(DONE, DONE)), 10, "COMPLETED", id="all steps are done, and nothing follows"),
        pytest.param(view(steps=(DONE, DONE)), 9, None, id="all steps are done, another may follow"),
        pytest.param(view(steps=(DONE, OPEN)), 1799, None, id="a step is open"),
        pytest.param(view(steps=(DONE, DONE), alive=True), 600, None, id="its process works on"),
        pytest.param(view(), 1799, None, id="just before the limit"),
        pytest.param(view(), 1800, "STALLED", id="no progress for half an hour"),
        pytest.param(view(alive=True), 9999, None, id="stands still, its process lives"),
        pytest.param(view("PENDING"), 9999, None, id="waits for its turn"),
        pytest.param(view(alive=False), 59, None, id="its process is gone, and may come back"),
    ],
)
def test_how_a_run_ends(seen: View, after_s: int, expected: str | None) -> None:
    now_ms = NOW + after_s * 1000
    after = judging.observed(known(), seen, now_ms)
    end = judging.ending(after, seen, now_ms, LIMITS)
    assert (end and end.status) == expected


@pytest.mark.parametrize(
    ("born_ms", "last_ms", "is_doubtful"),
    [
        pytest.param(NOW - 60_001, NOW - 120_002, True, id="a minute after the last sign"),
        pytest.param(NOW - 60_001, NOW - 120_001, False, id="within a minute of it"),
        pytest.param(NOW, NOW - 120_002, False, id="when the run was seen already"),
        pytest.param(NOW - 60_001, None, False, id="no sign has a time"),
        pytest.param(None, NOW - 120_002, False, id="nobody knows when it began"),
    ],
)
def test_a_process_is_doubtful_that_began_after_the_run_s_last_sign(
    born_ms: int | None, last_ms: int | None, is_doubtful: bool
) -> None:
    seen = view(alive=True, pid=7, pid_started_ms=born_ms, last_sign_ms=last_ms)
    assert judging.is_doubtful(seen, NOW) is is_doubtful
    assert not judging.is_doubtful(structs.replace(seen, alive=None), NOW)
    end = judging.ending(known(pid=7), seen, NOW + 1_800_000, LIMITS)
    assert (end and end.status) == ("STALLED" if is_doubtful else None)


@pytest.mark.parametrize(
    ("seen", "before"),
    [
        pytest.param(view(alive=False, pid=7), known(pid=7), id="gone"),
        pytest.param(
            view(alive=True, pid=7, pid_started_ms=NOW + 9000),
            known(pid=7, pid_started_ms=NOW),
            id="another has its number",
        ),
    ],
)
def test_a_run_whose_process_is_gone_was_cut_off_after_a_while(seen: View, before: Watched) -> None:
    first = judging.observed(before, seen, NOW)
    assert judging.ending(first, seen, NOW + 59_000, LIMITS) is None
    later = judging.observed(first, seen, NOW + 60_000)
    end = judging.ending(later, seen, NOW + 60_000, LIMITS)
    assert end == judging.Ending("INTERRUPTED", "its process 7 is gone", revivable=True)


@pytest.mark.parametrize(
    ("seen", "status", "expected"),
    [
        pytest.param(view(steps=(DONE,)), "COMPLETED", "VALIDATED", id="all is there"),
        pytest.param(view(steps=(DONE, OPEN)), "COMPLETED", "INCOMPLETE", id="a step is missing"),
        pytest.param(
            view(gates=(Gate(name="g", verdict="open"),)), "COMPLETED", "INCOMPLETE", id="a gate is open"
        ),
        pytest.param(
            view(gates=(Gate(name="g", verdict="rejected"),)), "COMPLETED", "FAILED", id="a gate was rejected"
        ),
        pytest.param(view(kill_switch=True), "COMPLETED", "FAILED", id="the kill switch"),
        pytest.param(view(open_criticals=1), "COMPLETED", "FAILED", id="an open critical"),
        pytest.param(view(blind_gaps=1), "COMPLETED", "INCOMPLETE", id="a source is missing"),
        pytest.param(view(), "STALLED", "INCOMPLETE", id="it did not come to its end"),
        pytest.param(view(), "FAILED", "FAILED", id="it failed"),
    ],
)
def test_the_verdict_of_a_run(seen: View, status: str, expected: str) -> None:
    found, reasons = verdicts.verdict(seen, status)
    assert found == expected
    assert bool(reasons) == (expected != "VALIDATED")


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        pytest.param(view(safety=0.85, cost_usd=5.0), [], id="on the limits"),
        pytest.param(view(safety=0.849, cost_usd=5.01), ["safety", "cost"], id="over them"),
        pytest.param(
            view(steps=(Step(name="a", status="DONE", started_ms=NOW, ended_ms=NOW + 300_000),)),
            [],
            id="five minutes",
        ),
        pytest.param(
            view(steps=(Step(name="a", status="DONE", started_ms=NOW, ended_ms=NOW + 301_000),)),
            ["timeout"],
            id="more",
        ),
        pytest.param(view(retries=2, retry_limit=3), [], id="tried again"),
        pytest.param(view(retries=3, retry_limit=3), ["retries"], id="as often as it may be"),
    ],
)
def test_what_is_out_of_the_ordinary(seen: View, kinds: list[str]) -> None:
    assert [item.kind for item in verdicts.anomalies(seen, LIMITS, NOW)] == kinds


def test_a_process_that_was_seen_alive_lives_though_the_clock_was_set() -> None:
    before = known(pid=7, pid_started_ms=NOW, pid_mark="boot 5.00")
    seen = view(alive=False, pid=7, pid_started_ms=NOW + 9000, pid_mark="boot 5.00")
    judged = judging.with_known_process(before, seen)
    after = judging.observed(before, judged, NOW)
    assert (judged.alive, after.gone_ms, after.pid_mark) == (True, None, "boot 5.00")


def test_a_later_process_of_its_number_is_another_though_the_clock_says_otherwise() -> None:
    before = known(pid=7, pid_started_ms=NOW, pid_mark="boot 5.00")
    seen = view(alive=True, pid=7, pid_started_ms=NOW, pid_mark="boot 5.01")
    assert judging.observed(before, judging.with_known_process(before, seen), NOW).gone_ms == NOW
